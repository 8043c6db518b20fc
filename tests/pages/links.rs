//! Links of the pages lead somewhere, and where the service names a section of a page, it is there.

use std::{fs, path::Path};

use crate::markdown::{anchor, anchors, file, links};

/// The pages for users, from the repository's folder on.
fn pages() -> Vec<String> {
    let mut pages = vec!["README.md".to_owned(), "systemd/README.md".to_owned()];
    for folder in ["docs", "docs/decisions"] {
        let there = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap();
        let names = there.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        pages.extend(
            names
                .filter(|name| name.ends_with(".md"))
                .map(|name| format!("{folder}/{name}")),
        );
    }
    pages
}

/// The path from the repository's folder on; `None` is one that leads out of it.
fn joined(page: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "." | "" => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// Whether a link of a page leads to a file, and to a heading in it if it names one.
fn leads_somewhere(page: &str, link: &str) -> bool {
    let (target, wanted) = link.split_once('#').unwrap_or((link, ""));
    let target = match target {
        "" => Some(page.to_owned()),
        target => joined(page, target),
    };
    let Some(target) = target else { return false };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    if wanted.is_empty() {
        return root.join(target).exists();
    }
    root.join(&target).is_file()
        && anchors(&file(&target))
            .iter()
            .any(|anchor| anchor == wanted)
}

#[test]
fn every_link_of_every_page_leads_somewhere() {
    let mut seen = 0;
    for page in pages() {
        for link in links(&file(&page)) {
            if link.starts_with("https://") {
                continue;
            }
            assert!(leads_somewhere(&page, link), "{page}: {link}");
            seen += 1;
        }
    }
    assert!(seen > 50, "{seen}");
}

#[test]
fn a_link_that_leads_nowhere_is_found() {
    let page = "docs/operations.md";
    for right in [
        "audit.md",
        "#6-restore",
        "../README.md",
        "decisions/0006-every-row-carries-a-mac.md",
    ] {
        assert!(leads_somewhere(page, right), "{right}");
    }
    for wrong in [
        "audits.md",
        "#7-restore",
        "README.md",
        "../../README.md",
        "audit.md#none",
    ] {
        assert!(!leads_somewhere(page, wrong), "{wrong}");
    }
}

/// In the messages of the service a page is `docs/operations.md`, and a section `docs/operations.md, \"Heading\"`.
#[test]
fn the_pages_and_sections_that_the_service_names_are_there() {
    let mut named = Vec::new();
    let sources = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"));
    each_source(sources, &mut |text| {
        for (at, end) in text.match_indices(".md") {
            let (before, after) = text.split_at(at + end.len());
            let page = before.rfind("docs/").map(|start| &before[start..]);
            let page = page.filter(|page| !page.contains(char::is_whitespace));
            let heading = after
                .strip_prefix(", \\\"")
                .and_then(|rest| rest.split('\\').next());
            named.extend(page.map(|page| (page.to_owned(), heading.map(anchor))));
        }
    });
    assert!(
        named
            .iter()
            .filter(|(_, heading)| heading.is_some())
            .count()
            > 1
    );
    for (page, wanted) in named {
        let there = anchors(&file(&page));
        // Its number in the page may change.
        let unnumbered = |there: &String| {
            let number = |one: char| one.is_ascii_digit() || one == '-';
            there.trim_start_matches(number).to_owned()
        };
        let found =
            wanted.is_none_or(|wanted| there.iter().map(unnumbered).any(|one| one == wanted));
        assert!(found, "{page}");
    }
}

fn each_source(folder: &Path, look: &mut impl FnMut(&str)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => each_source(&path, look),
            false => look(&fs::read_to_string(&path).unwrap()),
        }
    }
}
