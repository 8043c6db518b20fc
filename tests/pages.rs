//! The pages for users hold: every block of `README.md` and of the pages in `docs/` runs, in order, on a fresh service,
//! and answers what the page shows. `pages/run_page.py` does it; here it is also shown that it can say no. Links lead
//! somewhere, and the threat model names tests that there are.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(missing_docs, unreachable_pub)]

#[path = "pages/links.rs"]
mod links;
#[path = "pages/markdown.rs"]
mod markdown;
#[path = "pages/threats.rs"]
mod threats;

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::symlink,
    path::Path,
    process::{Command, Output},
};

use tempfile::TempDir;

/// A folder that looks like the repository's after `cargo build --release`, with the binary that is tested.
fn like_the_repository() -> TempDir {
    let (root, home) = (
        Path::new(env!("CARGO_MANIFEST_DIR")),
        TempDir::new().unwrap(),
    );
    for name in [
        "docs",
        "examples",
        "softhsm",
        "scripts",
        "Makefile",
        "README.md",
        ".venv",
    ] {
        symlink(root.join(name), home.path().join(name)).unwrap();
    }
    fs::create_dir_all(home.path().join("target/release")).unwrap();
    symlink(
        env!("CARGO_BIN_EXE_custodian"),
        home.path().join("target/release/custodian"),
    )
    .unwrap();
    // The release build is there already: this cargo only says so.
    symlink("/bin/true", home.path().join("cargo")).unwrap();
    home
}

fn run(page: &str, home: &Path) -> Output {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = root.join(".venv/bin/python");
    assert!(
        python.exists(),
        "run `make test`: it makes .venv and installs curl and jq"
    );
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    Command::new(python)
        .arg("-B")
        .arg(root.join("tests/pages/run_page.py"))
        .args([page, &port.to_string()])
        .current_dir(home)
        .output()
        .unwrap()
}

#[track_caller]
fn holds_here(page: &str) {
    let done = run(page, like_the_repository().path());
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}");
}

#[test]
fn the_readme_holds() {
    holds_here("README.md");
}

#[test]
fn the_page_for_custodians_holds() {
    holds_here("docs/custodians.md");
}

#[test]
fn the_page_for_applications_holds() {
    holds_here("docs/applications.md");
}

#[test]
fn the_page_for_auditors_holds() {
    holds_here("docs/audit.md");
}

#[test]
fn the_page_for_mcp_servers_holds() {
    holds_here("docs/mcp.md");
}

#[test]
fn the_page_for_operators_holds() {
    holds_here("docs/operations.md");
}

#[test]
fn the_page_for_operators_of_the_token_holds() {
    holds_here("docs/operations-token.md");
}

#[test]
fn the_page_for_telemetry_holds() {
    holds_here("docs/telemetry.md");
}

/// Runs a page of its own, which needs no service, and answers whether it holds.
fn holds(page: &str) -> bool {
    let home = TempDir::new().unwrap();
    fs::write(home.path().join("Makefile"), "test:\n\ttrue\n").unwrap();
    fs::write(home.path().join("page.md"), page).unwrap();
    run("page.md", home.path()).status.success()
}

#[test]
fn a_page_that_does_not_hold_is_refused() {
    let right = "Text.\n```bash\nname=kek\n```\n```bash\necho \"$name-v1-20261123 ok\"\n```\n```text\nkek-v1-… ok\n```\n\
                 ```python\nname = 'dek'\n```\n```python\nprint(name)\nprint(2)\n```\n```text\ndek\n…\n```\n";
    assert!(holds(right));
    for (was, is) in [
        ("kek-v1-…", "kek-v2-…"),                              // another output
        ("ok\"", "ok\"; echo more"),                           // more output than is shown
        ("name=kek", "nam=kek"),                               // a variable that is not set
        ("name=kek", "false | cat"), // a command that fails, within a pipe
        ("name=kek", "exit 0"),      // an end before the end
        ("name = 'dek'", "raise ValueError"), // Python that fails
        ("print(name)", "print(name.upper())"), // Python's output
        ("```text\ndek", "```json\ndek"), // a kind that nobody runs
        ("name=kek\n```", "name=kek\n```\n```text\nkek\n```"), // an output where there is none
    ] {
        assert!(right.contains(was), "{was}");
        assert!(!holds(&right.replacen(was, is, 1)), "{was} -> {is}");
    }
    assert!(!holds("no block\n"));
    assert!(holds("```sh\nmake test # all\n```\n"));
    assert!(!holds("```sh\nmake tests\n```\n"));
    assert!(!holds("```bash service\nexit 1\n```\n"));
}

#[test]
fn commands_for_root_are_not_run_and_are_commands_that_there_are() {
    let home = like_the_repository();
    let holds = |commands: &str| {
        let page = format!("```bash as root\n{commands}\n```\n");
        fs::write(home.path().join("page.md"), page).unwrap();
        run("page.md", home.path()).status.success()
    };
    assert!(holds("apt install custodian\nfalse | exit 3"));
    assert!(holds(
        "systemd-run -p A=b \\\n  /usr/bin/custodian init --config F \\\n  --admin ada=F | tee --append G"
    ));
    for wrong in [
        "custodian start --config F",
        "custodian init --configuration F",
        "systemd-run /usr/bin/custodian audit exports --out F",
        "ExecStart=/bin/sh -c 'custodian backup --into F'",
        "if true; then custodian health",
        "echo \"two\nlines",
    ] {
        assert!(!holds(wrong), "{wrong}");
    }
}
