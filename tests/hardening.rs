//! What the kernel says of a running service's memory: no core dump, not dumpable, locked, and files for nobody else.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(missing_docs, unreachable_pub, dead_code)]

#[path = "support/service.rs"]
mod service;

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
    process::Command,
};

use serde_json::json;
use service::Service;
use tempfile::TempDir;

const SOFTWARE: [&str; 2] = ["--kek", "software"];

fn start(home: &TempDir) -> Service {
    Service::start(home.path(), &SOFTWARE)
}

/// A file of /proc about a process.
fn about(service: &Service, file: &str) -> String {
    fs::read_to_string(format!("/proc/{}/{file}", service.pid())).unwrap()
}

/// What stands after `name` in a file of /proc, one space between words.
fn field(text: &str, name: &str) -> String {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let words: Vec<&str> = line.unwrap().split_whitespace().collect();
    words.join(" ")
}

/// A command with these rights of root, or the test's own if it has none to give away.
fn with_capabilities(bounding: &str) -> Option<Command> {
    let root = field(&fs::read_to_string("/proc/self/status").unwrap(), "Uid:").starts_with("0 ");
    let mut command = Command::new("setpriv");
    command.args(["--bounding-set", bounding, "--inh-caps", bounding]);
    command.arg(env!("CARGO_BIN_EXE_custodian"));
    root.then_some(command)
}

#[test]
fn a_running_service_makes_no_core_dump() {
    let home = TempDir::new().unwrap();
    let service = start(&home);
    let limits = about(&service, "limits");
    assert_eq!(field(&limits, "Max core file size"), "0 0 bytes");
}

/// What is not dumpable belongs to root in /proc, whoever runs it, and only CAP_SYS_PTRACE gets at its memory.
#[test]
fn nobody_of_the_same_user_looks_into_a_running_service() {
    let home = TempDir::new().unwrap();
    let (binary, data) = (home.path().join("custodian"), home.path().join("data"));
    fs::copy(env!("CARGO_BIN_EXE_custodian"), &binary).unwrap();
    fs::create_dir(&data).unwrap();
    let Some(mut nobody) = as_nobody(&binary, &[home.path(), &data]) else {
        return;
    };
    let service = Service::run(nobody, &data, &SOFTWARE);
    let memory = format!("/proc/{}/mem", service.pid());
    assert_eq!(fs::metadata(&memory).unwrap().uid(), 0);
    nobody = as_nobody(Path::new("cat"), &[]).unwrap();
    for file in ["mem", "environ", "maps"] {
        let path = format!("/proc/{}/{file}", service.pid());
        let read = nobody.arg(path).output().unwrap();
        let said = String::from_utf8_lossy(&read.stderr);
        assert!(said.contains("Permission denied"), "{file}: {said}");
    }
}

/// A program as the user nobody, to whom these paths are given; nothing if the test may not become one.
fn as_nobody(program: &Path, theirs: &[&Path]) -> Option<Command> {
    const NOBODY: &str = "65534";
    let identity = ["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"];
    let may = Command::new("setpriv").args(identity).arg("true").output();
    if !may.is_ok_and(|done| done.status.success()) {
        return None;
    }
    for path in theirs {
        let id = Some(NOBODY.parse().unwrap());
        std::os::unix::fs::chown(path, id, id).unwrap();
    }
    let mut command = Command::new("setpriv");
    command.args(identity).arg(program);
    Some(command)
}

#[test]
fn all_memory_of_a_service_that_may_lock_it_is_locked_and_it_still_works() {
    let Some(root) = with_capabilities("+ipc_lock") else {
        return;
    };
    let home = TempDir::new().unwrap();
    let service = Service::run(root, home.path(), &SOFTWARE);
    let before = kib(&service, "VmLck:");
    assert!(before > 16 * 1024, "{before} KiB locked");
    for number in 0..20 {
        let name = format!("key-{number}");
        service.make_dek(&name);
        let sealed = format!("/v1/deks/{name}/encrypt");
        service
            .post("app", &sealed, json!({"plaintext": "YQ=="}))
            .is(200);
        // Drops the key that was kept open.
        let rotate = format!("/v1/deks/{name}/rotate");
        service.post("operator", &rotate, json!({})).is(201);
    }
    assert_eq!(unlocked(&about(&service, "smaps")), Vec::<String>::new());
    // Reserved and not touched is not taken: many threads have stacks of 2 MiB.
    let (size, resident) = (kib(&service, "VmSize:"), kib(&service, "VmRSS:"));
    assert!(resident < size / 2, "{resident} of {size} KiB");
    let log = fs::read_to_string(home.path().join("service.log")).unwrap();
    assert!(!log.contains("memlock"), "{log}");
}

/// The writable mappings that are not locked, but what the kernel itself shares.
fn unlocked(smaps: &str) -> Vec<String> {
    let (mut found, mut head) = (Vec::new(), "");
    for line in smaps.lines() {
        let first = line.split(' ').next().unwrap();
        if first.contains('-') {
            head = line;
        } else if first == "VmFlags:" && !line.contains(" lo") && head.contains(" rw") {
            found.push(head.to_owned());
        }
    }
    found
}

fn kib(service: &Service, name: &str) -> usize {
    let figure = field(&about(service, "status"), name);
    figure.trim_end_matches(" kB").parse().unwrap()
}

/// With a limit, a mapping beyond it would fail in the middle of a request.
#[test]
fn under_a_limit_only_keys_are_locked_and_the_service_works() {
    let Some(limited) = with_capabilities("-ipc_lock") else {
        return;
    };
    let home = TempDir::new().unwrap();
    let service = Service::run(limited, home.path(), &SOFTWARE);
    service.make_dek("a");
    let sealed = service.post("app", "/v1/deks/a/encrypt", json!({"plaintext": "YQ=="}));
    assert_eq!(sealed.status, 200, "{sealed:?}");
    let locked = kib(&service, "VmLck:");
    assert!((4..1024).contains(&locked), "{locked} KiB locked");
}

/// As ProcSubset=pid of the systemd unit shows it: only processes, no /proc/swaps.
#[test]
fn a_service_that_is_shown_only_processes_still_knows_whether_there_is_swap() {
    let Some(limited) = with_capabilities("-ipc_lock") else {
        return;
    };
    let home = TempDir::new().unwrap();
    let mut shown_less = Command::new("unshare");
    let hide = "mount -t proc -o subset=pid proc /proc && test ! -e /proc/swaps && exec \"$@\"";
    shown_less.args(["--mount", "sh", "-c", hide, "sh"]);
    shown_less.arg(limited.get_program());
    shown_less.args(limited.get_args());
    let service = Service::run(shown_less, home.path(), &SOFTWARE);
    assert_eq!(service.get("app", "/v1/health/ready").status, 200);
    let swaps = fs::read_to_string("/proc/swaps").unwrap();
    let log = fs::read_to_string(home.path().join("service.log")).unwrap();
    let warned = log.contains("memory: it can get to a disk");
    assert_eq!(warned, swaps.lines().count() > 1, "{swaps}{log}");
}

#[test]
fn what_a_service_writes_is_for_its_owner_only() {
    let home = TempDir::new().unwrap();
    let data = home.path().join("data");
    fs::create_dir(&data).unwrap();
    let mut open = Command::new("sh");
    open.args(["-c", "umask 0000; exec \"$@\"", "sh"]);
    open.arg(env!("CARGO_BIN_EXE_custodian"));
    let service = Service::run(open, &data, &SOFTWARE);
    assert_eq!(field(&about(&service, "status"), "Umask:"), "0077");
    let database = fs::metadata(data.join("custodian.db")).unwrap();
    assert_eq!(database.permissions().mode() & 0o077, 0);
}
