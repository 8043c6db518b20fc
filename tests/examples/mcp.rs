//! `examples/mcp_server.py` and `examples/mcp_client.py`, which are made with the official SDK: the client believes what
//! the server had signed, and finds out whoever changes it on its way.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
};

use serde_json::{Value, json};

use super::{example, python, refused, service::Service, wrote};

/// A service, and the keys that the client pins.
struct Desk {
    service: Service,
    keys: PathBuf,
}

impl Desk {
    fn new() -> Self {
        let service = Service::spawn();
        let keys = service.dir.join("signing-keys.json");
        let answered = service.get("", "/v1/signing-keys").is(200);
        fs::write(&keys, answered.to_string()).unwrap();
        Self { service, keys }
    }

    /// The command of the server, with more arguments.
    fn server(&self, more: &[&str]) -> Vec<String> {
        let token = self.service.dir.join("app.token");
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/mcp_server.py");
        let mut command = vec![text(&python()), "-B".to_owned(), text(&program)];
        command.extend(["--url", &self.service.url, "--token-file"].map(str::to_owned));
        command.push(text(&token));
        command.extend(["--server", "weather"].map(str::to_owned));
        command.extend(more.iter().map(|&argument| argument.to_owned()));
        command
    }

    /// Runs the client, which expects the tools of `weather`, over this command of a server.
    fn client(&self, more: &[&str], server: &[String]) -> Output {
        let keys = text(&self.keys);
        let mut arguments = vec!["--keys", &keys, "--server", "weather"];
        arguments.extend(more);
        arguments.push("--");
        arguments.extend(server.iter().map(String::as_str));
        example("mcp_client.py", &arguments, b"")
    }

    /// What the client says while somebody changes what the server answers.
    fn changed(&self, change: &str, more: &[&str]) -> (i32, String) {
        said_by(self.client(&[], &behind_proxy(change, &self.server(more))))
    }
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

fn behind_proxy(change: &str, server: &[String]) -> Vec<String> {
    let proxy = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/examples/proxy.py");
    let mut command = vec![
        text(&python()),
        "-B".to_owned(),
        text(&proxy),
        change.to_owned(),
    ];
    command.extend(server.iter().cloned());
    command
}

/// The exit code and what was printed.
#[track_caller]
fn said_by(output: Output) -> (i32, String) {
    let errors = String::from_utf8_lossy(&output.stderr);
    let code = output.status.code().unwrap();
    assert!([0, 3].contains(&code), "{errors}");
    (code, String::from_utf8(output.stdout).unwrap())
}

const ALL: &str = "verified\tforecast\nverified\twarn\nverified\tstations\n";

#[test]
fn a_client_believes_and_calls_what_the_server_had_signed_in_each_era_of_the_protocol() {
    let desk = Desk::new();
    for (mode, pages) in [("auto", ["50", "2"]), ("legacy", ["50", "1"])] {
        for page in pages {
            let call = [
                "--mode",
                mode,
                "--call",
                "forecast",
                "--arguments",
                r#"{"city":"Bern"}"#,
            ];
            let output = desk.client(&call, &desk.server(&["--page", page]));
            let wanted = format!("{ALL}Bern: sun for 3 days\n");
            assert_eq!(said_by(output), (0, wanted), "{mode} {page}");
        }
    }
}

#[test]
fn one_thing_changed_on_its_way_is_refused_and_named() {
    let desk = Desk::new();
    let differ = |names: &str| (3, format!("refused\tToolsDiffer\n{names}\n"));
    for (change, wanted) in [
        ("nothing", (0, ALL.to_owned())),
        ("describe", differ("changed\twarn")),
        ("schema", differ("changed\tforecast")),
        ("unknown", differ("changed\twarn")),
        ("null", differ("changed\twarn")),
        ("remove", differ("missing\twarn")),
        ("add", differ("added\tpay")),
        (
            "twice",
            (3, "refused\tToolNameTwice\nchanged\twarn\n".to_owned()),
        ),
        ("unsigned", (3, "refused\tManifestMissing\n".to_owned())),
        (
            "forge",
            (3, "refused\tManifestSignatureInvalid\n".to_owned()),
        ),
    ] {
        assert_eq!(desk.changed(change, &[]), wanted, "{change}");
    }
    let (code, said) = desk.changed("order", &[]);
    assert_eq!((code, said.matches("verified").count()), (0, 3), "{said}");
    let differ = (3, "refused\tManifestsDiffer\n".to_owned());
    assert_eq!(desk.changed("another", &["--page", "2"]), differ);
}

#[test]
fn nothing_is_called_while_one_tool_differs() {
    let desk = Desk::new();
    let call = ["--call", "forecast", "--arguments", r#"{"city":"Bern"}"#];
    let (code, said) = said_by(desk.client(&call, &behind_proxy("describe", &desk.server(&[]))));
    assert_eq!((code, said.contains("Bern")), (3, false), "{said}");
}

#[test]
fn another_server_and_another_custodian_are_not_believed() {
    let desk = Desk::new();
    let elsewhere = desk.server(&["--server", "markets"]);
    let (code, said) = said_by(desk.client(&[], &elsewhere));
    assert_eq!((code, &*said), (3, "refused\tManifestServerMismatch\n"));
    let other = Desk::new();
    let (code, said) = said_by(desk.client(&[], &other.server(&[])));
    assert_eq!((code, &*said), (3, "refused\tManifestKeyUnknown\n"));
}

#[test]
fn what_the_sdk_sends_is_what_the_service_signed_once_for_many_questions() {
    let desk = Desk::new();
    let call = ["--call", "stations", "--arguments", "{}"];
    let (code, said) = said_by(desk.client(&call, &desk.server(&["--page", "1"])));
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("Z\u{fc}rich"), "{said}");
    let signed = |entry: &&Value| entry["action"] == "tools.sign";
    let entries = desk.service.audit();
    assert_eq!(entries.iter().filter(signed).count(), 1);
}

#[test]
fn a_server_that_may_not_have_its_tools_signed_does_not_start() {
    let desk = Desk::new();
    let principal = desk.service.principal("weather-bot", &["app"], &json!({}));
    let token = desk.service.dir.join("bot.token");
    fs::write(&token, principal.token).unwrap();
    let server = desk.server(&["--token-file", token.to_str().unwrap()]);
    let said = refused(desk.client(&[], &server));
    assert!(said.contains("403 forbidden"), "{said}");
    assert!(
        said.contains("mcp_server: the tools could not be signed"),
        "{said}"
    );
    // Under its own name it needs no grant.
    let own = desk.server(&[
        "--token-file",
        token.to_str().unwrap(),
        "--server",
        "weather-bot",
    ]);
    let (code, said) = said_by(desk.client(&["--server", "weather-bot"], &own));
    assert_eq!((code, &*said), (0, ALL));
}

#[test]
fn a_signature_is_renewed_in_time_and_goes_on_while_that_fails() {
    wrote(example("../tests/examples/renewal.py", &[], b""));
}
