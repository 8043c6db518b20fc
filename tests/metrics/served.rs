//! The page and the scrape, each against the other.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use aegis_custodian::figures;
use serde_json::json;

use crate::{
    promised,
    scrape::Scrape,
    service::{Principal, Service, eventually},
    wire,
};

/// A request id that no label may have.
const ASKED: &str = "asked-for-once";
/// A principal's name that no label may have.
const NAME: &str = "somebody-in-particular";

/// Work of each kind that a figure is about: keys, refusals, strangers, a rotation, a token that finds a ciphertext
/// corrupt.
fn work(service: &Service) -> Principal {
    let somebody = service.principal(NAME, &["app"], &json!({"grants": {"deks": ["payroll"]}}));
    service.make_dek("payroll");
    let ask = |path: &str, body: serde_json::Value| {
        let named = [("x-request-id", ASKED)];
        service.send(&somebody.token, "POST", path, &named, &body.to_string())
    };
    let plain = json!({"plaintext": "YWVnaXM=", "context": {"what": ASKED}});
    let sealed = ask("/v1/deks/payroll/encrypt", plain.clone()).is(200);
    let sealed = json!({"ciphertext": sealed["ciphertext"], "context": {"what": ASKED}});
    ask("/v1/deks/payroll/decrypt", sealed.clone()).is(200);
    ask("/v1/deks/payroll/decrypt", sealed).is(200);
    let wrapped = ask("/v1/wrap", plain).is(200);
    let other = json!({"wrapped": wrapped["wrapped"], "context": {}});
    ask("/v1/unwrap", other).is_refused(422, "integrity_failure");
    let changed =
        json!({"wrapped": with_another_key(&wrapped["wrapped"]), "context": {"what": ASKED}});
    ask("/v1/unwrap", changed).is_refused(422, "integrity_failure");
    service
        .get("", "/v1/deks")
        .is_refused(401, "unauthenticated");
    service
        .call("app", "POST", "/v1/kek/rotate", Some(json!({})))
        .is_refused(403, "forbidden");
    wire::ask(&service.url, "INVENTED", "/v1/deks", "");
    service
        .post("operator", "/v1/kek/rotate", json!({}))
        .is(202);
    somebody
}

/// The blob with one letter changed of the key that the token wrapped: formats.md section 2.
fn with_another_key(blob: &serde_json::Value) -> String {
    let blob = blob.as_str().unwrap();
    let at = blob.rfind(':').unwrap() + 45;
    let letter = if blob[at..].starts_with('A') {
        "B"
    } else {
        "A"
    };
    format!("{}{letter}{}", &blob[..at], &blob[at + 1..])
}

/// A scrape after that work, once the figures that come from the database are there too.
fn after_work() -> (Service, Scrape) {
    let service = Service::spawn();
    let somebody = work(&service);
    service.hide(&somebody.token);
    let mut scrape = Scrape::default();
    eventually("a scrape with the rotation in it", || {
        scrape = Scrape::of(&service);
        scrape.value("custodian_rotation_state{state=\"done\"}") == Some(1.0)
            && scrape
                .value("custodian_dek_age_seconds{dek=\"payroll\"}")
                .is_some()
    });
    for secret in [&somebody.token, &somebody.id, NAME, ASKED, "INVENTED"] {
        assert!(!scrape.text.contains(secret), "{secret}");
    }
    (service, scrape)
}

#[test]
fn what_the_page_promises_is_served_and_nothing_else_each_with_its_kind_and_help() {
    let (_service, scrape) = after_work();
    let (promised, served) = (promised(), scrape.figures());
    let names: BTreeSet<_> = promised.iter().map(|(name, ..)| name.clone()).collect();
    assert_eq!(names.len(), promised.len(), "a figure stands there twice");
    assert_eq!(names, served);
    for (name, kind, _) in &promised {
        assert_eq!(&scrape.kinds[name], kind, "{name}");
        let help = scrape.help.get(name).map_or("", |help| help);
        assert!(help.split(' ').count() > 1, "{name}: {help:?}");
    }
}

#[test]
fn every_label_is_one_of_the_page_and_says_a_word_of_ours_a_route_or_the_name_of_a_dek() {
    let (service, scrape) = after_work();
    let promised = promised()
        .into_iter()
        .map(|(name, _, labels)| (name, labels));
    let promised: BTreeMap<_, _> = promised.collect();
    let openapi = service.get("", "/openapi.json").json();
    let routes: BTreeSet<_> = openapi["paths"].as_object().unwrap().keys().collect();
    for sample in &scrape.samples {
        let mut names: BTreeSet<_> = sample.labels.keys().cloned().collect();
        names.remove("le");
        assert_eq!(names, promised[&sample.figure], "{}", sample.series);
        for (name, value) in &sample.labels {
            let plain = |letter: u8| letter.is_ascii_alphanumeric() || b"_-.,+/".contains(&letter);
            match name.as_str() {
                "dek" => assert_eq!(value, "payroll"),
                "route" => assert!(value == "unknown" || routes.contains(value), "{value}"),
                _ => assert!(
                    value.len() <= 24 && value.bytes().all(plain),
                    "{}",
                    sample.series
                ),
            }
        }
    }
}

#[test]
fn the_page_has_the_figures_of_the_code() {
    let ours = promised().into_iter().map(|(name, kind, _)| (name, kind));
    let ours: BTreeSet<_> = ours
        .filter(|(name, _)| name.starts_with("custodian_"))
        .collect();
    let kind = |kind| format!("{kind:?}").to_lowercase();
    let code = figures::ALL
        .iter()
        .map(|one| (one.name.to_owned(), kind(one.kind)));
    assert_eq!(ours, code.collect());
}

/// What is wrong with the form of a scrape is found, by the tool that Prometheus brings.
#[test]
fn promtool_has_nothing_against_a_scrape() {
    let (_service, scrape) = after_work();
    assert_eq!(promtool(&scrape.text), "");
    assert_ne!(promtool("# TYPE a_total gauge\na_total 1\n"), "");
}

fn promtool(text: &str) -> String {
    let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/promtool.sh");
    drop(Command::new(&tool).arg("--version").output().unwrap()); // it may have to be fetched first
    let mut child = Command::new(&tool)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let done = child.wait_with_output().unwrap();
    let said = [done.stdout, done.stderr].concat();
    let said = String::from_utf8(said).unwrap();
    assert_eq!(done.status.success(), said.is_empty(), "{said}");
    said
}
