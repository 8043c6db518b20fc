//! Figures for Prometheus: what `docs/metrics.md` promises is served by a real service, nothing else is, and no label
//! says who or what somebody sent. The alerts and the dashboard speak of nothing else.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(missing_docs, unreachable_pub, dead_code)]

use std::{collections::BTreeSet, fs, path::Path};

use scrape::Scrape;

#[path = "metrics/alerts.rs"]
mod alerts;
#[path = "metrics/census.rs"]
mod census;
#[path = "metrics/counts.rs"]
mod counts;
#[path = "metrics/dashboard.rs"]
mod dashboard;
#[path = "support/house.rs"]
mod house;
#[path = "metrics/scrape.rs"]
mod scrape;
#[path = "metrics/served.rs"]
mod served;
#[path = "support/service.rs"]
mod service;
#[path = "support/softhsm.rs"]
mod softhsm;
#[path = "support/wire.rs"]
mod wire;

/// A file of the repository.
fn file(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// A row of a table in `docs/metrics.md` that begins with that: its cells.
fn rows(beginning: &str) -> Vec<Vec<String>> {
    let page = file("docs/metrics.md");
    let cells = |line: &str| {
        let cells = line.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().to_owned()).collect()
    };
    let begins = |line: &&str| line.starts_with(&format!("| `{beginning}"));
    page.lines().filter(begins).map(cells).collect()
}

/// Every figure of the page: its name, kind and labels.
fn promised() -> Vec<(String, String, BTreeSet<String>)> {
    let rows = ["custodian_", "process_"].into_iter().flat_map(rows);
    let figure = |cells: Vec<String>| {
        let name = cells[0].trim_matches('`').to_owned();
        (name, cells[1].clone(), labels(&cells[3]))
    };
    rows.map(figure).collect()
}

/// The names before each `:` and between commas; words in backticks after a `:` are values.
fn labels(cell: &str) -> BTreeSet<String> {
    let names = cell.split(':').next().unwrap().split(',');
    let names = names.map(|name| name.trim().trim_matches('`').to_owned());
    names.filter(|name| !name.is_empty()).collect()
}

/// Names of figures in an expression of PromQL, those of a histogram's parts by the histogram.
fn named_in(expression: &str) -> BTreeSet<String> {
    let words = expression.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    let ours = words.filter(|word| word.starts_with("custodian_") || word.starts_with("process_"));
    ours.map(|word| scrape::whole(word).to_owned()).collect()
}

#[track_caller]
fn are_promised(names: BTreeSet<String>, whence: &str) {
    let known: BTreeSet<_> = promised().into_iter().map(|(name, ..)| name).collect();
    let unknown: Vec<_> = names.difference(&known).collect();
    assert!(
        unknown.is_empty(),
        "{whence}: {unknown:?} are not in docs/metrics.md"
    );
}

#[test]
fn the_names_of_an_expression_are_found() {
    let expression =
        "sum(rate(custodian_request_seconds_bucket{route=\"/v1/wrap\"}[5m])) / process_threads";
    let names = ["custodian_request_seconds", "process_threads"];
    assert_eq!(named_in(expression), names.map(str::to_owned).into());
}

#[test]
fn labels_of_a_cell_are_found() {
    let expected = ["method", "route"].map(str::to_owned).into();
    assert_eq!(labels("`method`, `route`"), expected);
    assert_eq!(labels("`part`: `kek`, `store`"), ["part".to_owned()].into());
    assert!(labels("").is_empty());
    drop(Scrape::read("# HELP a b\n# TYPE a gauge\na 1\n"));
}
