//! Whoever reads the log may go away: the service serves on and stops when it is told to.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may
#![allow(missing_docs)]

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

#[test]
fn with_nobody_at_the_other_end_of_the_log_it_answers_and_stops() {
    let home = tempfile::TempDir::new().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_custodian"))
        .args(["dev", "--kek", "software", "--listen", "127.0.0.1:0"])
        .arg("--data-dir")
        .arg(home.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut said = BufReader::new(child.stdout.take().unwrap());
    said.read_line(&mut line).unwrap();
    drop(child.stderr.take());
    let url = line.trim().strip_prefix("listening on ").unwrap();
    let answered = ureq::get(format!("{url}/v1/health/live")).call();
    let command = format!("kill -TERM {}", child.id());
    Command::new("sh").args(["-c", &command]).status().unwrap();
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() && begun.elapsed() < Duration::from_secs(5) {
        thread::sleep(Duration::from_millis(20));
    }
    let stopped = child.try_wait().unwrap();
    let _gone = child.kill();
    child.wait().unwrap();
    assert_eq!(answered.unwrap().status(), 200);
    assert_eq!(stopped.and_then(|status| status.code()), Some(0));
}
