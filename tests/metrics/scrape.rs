//! A scrape, read as Prometheus reads it.

use std::collections::{BTreeMap, BTreeSet};

use crate::service::Service;

/// What `GET /metrics` answered.
#[derive(Debug, Default)]
pub struct Scrape {
    pub text: String,
    pub help: BTreeMap<String, String>,
    pub kinds: BTreeMap<String, String>,
    pub samples: Vec<Sample>,
}

#[derive(Debug)]
pub struct Sample {
    /// As it stands there.
    pub series: String,
    /// The figure: of a histogram's part the histogram.
    pub figure: String,
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

impl Scrape {
    pub fn of(service: &Service) -> Self {
        let answer = service.get("auditor", "/metrics");
        assert_eq!(answer.status, 200);
        Self::read(&answer.text)
    }

    pub fn read(text: &str) -> Self {
        let mut scrape = Self {
            text: text.to_owned(),
            ..Self::default()
        };
        for line in text.lines().filter(|line| !line.is_empty()) {
            let words: Vec<_> = line.splitn(4, ' ').collect();
            match words.as_slice() {
                ["#", "HELP", name, text] => {
                    scrape.help.insert((*name).into(), (*text).into());
                }
                ["#", "TYPE", name, kind] => {
                    scrape.kinds.insert((*name).into(), (*kind).into());
                }
                _ => scrape.samples.push(Sample::read(line)),
            }
        }
        scrape
    }

    pub fn figures(&self) -> BTreeSet<String> {
        let figures = self.samples.iter().map(|sample| sample.figure.clone());
        figures.collect()
    }

    /// The value of a series, by its name and labels as they stand there.
    pub fn value(&self, series: &str) -> Option<f64> {
        let found = self.samples.iter().find(|sample| sample.series == series);
        found.map(|sample| sample.value)
    }
}

impl Sample {
    fn read(line: &str) -> Self {
        let (series, value) = line.rsplit_once(' ').unwrap();
        let (name, labels) = match series.split_once('{') {
            Some((name, labels)) => (name, labels.strip_suffix("\"}").unwrap()),
            None => (series, ""),
        };
        let pairs = labels.split("\",").filter(|pair| !pair.is_empty());
        let pair = |pair: &str| {
            let (name, value) = pair.split_once("=\"").unwrap();
            (name.to_owned(), value.to_owned())
        };
        Self {
            series: series.to_owned(),
            figure: whole(name).to_owned(),
            labels: pairs.map(pair).collect(),
            value: value.parse().unwrap(),
        }
    }
}

/// The histogram of which that is a part, or the name itself.
pub fn whole(name: &str) -> &str {
    let parts = ["_bucket", "_sum", "_count"];
    let mut wholes = parts.iter().filter_map(|part| name.strip_suffix(part));
    wholes.next().unwrap_or(name)
}
