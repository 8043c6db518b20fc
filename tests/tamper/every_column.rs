//! Each column of each table changed behind the back of a running service, one at a time: noticed each time, never
//! obeyed, and all is well again once it is put back.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{Read, Seek, SeekFrom},
    path::PathBuf,
    time::{Duration, Instant},
};

use rusqlite::Connection;
use tempfile::TempDir;

use crate::{
    aims::AIMED,
    change::{Change, Made, aimed, of_every_column},
    file,
    probes::{self, Found, Probe},
    sample::Sample,
    service::Service,
};

/// The background look comes round each second; a table of many rows takes some rounds, a busy machine too.
const PATIENCE: Duration = Duration::from_secs(30);

const DAMAGED: &str = "a stored row is not as it was written";
const WHOLE: &str = "a damaged row is whole again";

/// A service under attack.
struct Attack<'a> {
    service: &'a Service,
    file: Connection,
    probes: Vec<Probe>,
    healthy: Vec<Found>,
}

/// Attacks every column of a table, and prints how each change was noticed; answers columns and changes.
pub fn attack(table: &'static str, dir: &TempDir, more: &[&str]) -> (usize, usize) {
    let service = Service::start(dir.path(), more);
    let sample = Sample::fill(&service);
    let probes = probes::about(table, &service, &sample);
    let run = || -> Vec<Found> { probes.iter().map(|probe| probe.run(&service)).collect() };
    let healthy = run();
    assert_eq!(run(), healthy, "the probes are not steady");
    let attack = Attack {
        file: file::open(dir.path()),
        service: &service,
        probes,
        healthy,
    };
    let mut changes = of_every_column(&attack.file, table);
    changes.retain(|change| every_kind() || ["flipped", "swapped"].contains(&change.kind));
    let on_aim = AIMED.iter().filter(|(of, ..)| *of == table);
    let on_aim = on_aim.map(|(_, to, whose)| aimed(&attack.file, table, to, whose));
    let mut columns = BTreeSet::new();
    let mut made = 0;
    for change in changes.into_iter().chain(on_aim) {
        if attack.try_change(&change) {
            columns.insert(change.column);
            made += 1;
        }
    }
    attack.is_well("everything", |_| true);
    file::never_failed(&service);
    columns.retain(|column| !column.contains(' '));
    (columns.len(), made)
}

/// Whether columns are also negated, erased and filled: `make tamper` does, which takes minutes.
#[allow(clippy::disallowed_methods)] // a test's own setting
fn every_kind() -> bool {
    std::env::var_os("TAMPER_EVERY_KIND").is_some()
}

impl Attack<'_> {
    fn try_change(&self, change: &Change) -> bool {
        let what = format!("{}.{} {}", change.table, change.column, change.kind);
        let log = Log::from_here(self.service);
        let Some(made) = change.make(&self.file) else {
            return false;
        };
        let hurt = self.probe_damaged(&what);
        self.wait_for(&log, DAMAGED, change, &made, &what);
        let whole = Log::from_here(self.service);
        change.undo(&self.file, &made);
        self.wait_for(&whole, WHOLE, change, &made, &what);
        self.is_well(&what, |at| hurt.contains(&at));
        println!("{what:44} the log, and {:2} requests refused", hurt.len());
        true
    }

    /// Answers which requests were not answered as ever.
    fn probe_damaged(&self, what: &str) -> Vec<usize> {
        let mut hurt = Vec::new();
        for (at, (probe, healthy)) in self.probes.iter().zip(&self.healthy).enumerate() {
            let found = probe.run(self.service);
            assert!(
                found.is_right_beside(healthy),
                "{what}: {}: {found:?} and not {healthy:?}",
                probe.name()
            );
            if found != *healthy {
                hurt.push(at);
            }
        }
        hurt
    }

    /// Whether the requests of these numbers are answered as ever.
    fn is_well(&self, what: &str, which: impl Fn(usize) -> bool) {
        let both = self.probes.iter().zip(&self.healthy).enumerate();
        for (_, (probe, healthy)) in both.filter(|(at, _)| which(*at)) {
            let found = probe.run(self.service);
            let name = probe.name();
            assert_eq!(&found, healthy, "after {what} was taken back: {name}");
        }
    }

    /// Waits until the log says it of each row that was changed.
    fn wait_for(&self, log: &Log, says: &str, change: &Change, made: &Made, what: &str) {
        let begun = Instant::now();
        // There is one row key: under another number it is no more.
        let named = |row: i64| if change.table == "row_key" { 1 } else { row };
        let missing = |row: &i64| !log.has(says, change.table, named(*row));
        while made.rows.iter().any(missing) {
            assert!(
                begun.elapsed() < PATIENCE,
                "{what}: the log never says: {says}"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// What the log has said since.
pub struct Log {
    file: PathBuf,
    from: u64,
}

impl Log {
    pub fn from_here(service: &Service) -> Self {
        let file = service.dir.join("service.log");
        let from = fs::metadata(&file).unwrap().len();
        Self { file, from }
    }

    pub fn has(&self, says: &str, table: &str, row: i64) -> bool {
        self.count(says, table, row) > 0
    }

    /// How often it has said this of a row.
    pub fn count(&self, says: &str, table: &str, row: i64) -> usize {
        let mut file = File::open(&self.file).unwrap();
        file.seek(SeekFrom::Start(self.from)).unwrap();
        let mut since = String::new();
        file.read_to_string(&mut since).unwrap();
        let end = format!("table=\"{table}\" row={row}\n");
        let line = |at: usize| &since[since[..at].rfind('\n').map_or(0, |before| before + 1)..at];
        let found = since.match_indices(&end);
        found.filter(|(at, _)| line(*at).contains(says)).count()
    }
}
