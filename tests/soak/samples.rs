//! What the service takes of its machine, from outside and by its own figures.

use std::{fs, time::Duration};

use serde_json::Value;

use crate::{place::Place, service::eventually};

const MEBIBYTE: f64 = 1024.0 * 1024.0;

#[derive(Clone, Copy, Debug)]
pub struct Sample {
    pub at: Duration,
    /// Bytes.
    pub resident: u64,
    /// Bytes that no file and no other process stands behind.
    pub private: u64,
    pub descriptors: u64,
    pub threads: u64,
    pub database: u64,
    pub write_ahead_log: u64,
}

pub struct Sampler<'a> {
    place: &'a Place,
    status: String,
}

impl Sample {
    pub const HEAD: &'static str = "  seconds  RSS MiB  private  files  threads   database MiB  WAL MiB  requests  p50 ms  p99 ms";

    pub fn line(&self) -> String {
        let mebibytes = |bytes: u64| bytes as f64 / MEBIBYTE;
        format!(
            "{:>9.0} {:>8.1} {:>8.1} {:>6} {:>8} {:>14.1} {:>8.1} ",
            self.at.as_secs_f64(),
            mebibytes(self.resident),
            mebibytes(self.private),
            self.descriptors,
            self.threads,
            mebibytes(self.database),
            mebibytes(self.write_ahead_log)
        )
    }
}

impl<'a> Sampler<'a> {
    pub fn of(place: &'a Place) -> Self {
        let status = format!("/proc/{}/status", place.served.pid());
        eventually("the service has looked at itself", || {
            let metrics = place.told("metrics", "GET", "/metrics", Value::Null);
            metrics.text.contains("\nprocess_open_fds ")
        });
        Self { place, status }
    }

    pub fn look(&self, at: Duration) -> Sample {
        let status = fs::read_to_string(&self.status).unwrap();
        let kibibytes = |name: &str| field(&status, name) * 1024;
        let metrics = self.place.told("metrics", "GET", "/metrics", Value::Null);
        assert_eq!(metrics.status, 200, "{metrics:?}");
        let [database, write_ahead_log] = self.place.disk();
        Sample {
            at,
            resident: kibibytes("VmRSS:"),
            private: kibibytes("RssAnon:"),
            // Its own figure: only root may count those of a process that cannot be traced.
            descriptors: field(&metrics.text, "process_open_fds "),
            threads: field(&status, "Threads:"),
            database,
            write_ahead_log,
        }
    }
}

/// The number behind a name at the beginning of a line.
fn field(text: &str, name: &str) -> u64 {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(name));
    let line = lines.next().unwrap_or_else(|| panic!("no {name}"));
    let number = line.split_whitespace().next().unwrap();
    number.parse::<f64>().unwrap() as u64
}
