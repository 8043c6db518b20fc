//! `custodian kek`: an operator rotates the KEK and takes its old version out of use.

use serde_json::{Value, json};

use super::{desk::Desk, service::Service};

fn versions(desk: &Desk) -> Vec<(String, String)> {
    let kek = desk.json(&["kek", "status"]);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let versions = kek["versions"].as_array().unwrap().iter();
    versions
        .map(|version| (text(&version["version"]), text(&version["state"])))
        .collect()
}

#[test]
fn an_operator_rotates_the_kek_moves_a_file_and_retires_the_old_version() {
    let service = Service::spawn();
    for name in ["one", "two", "three"] {
        service.make_dek(name);
    }
    let wrapped = service.post("app", "/v1/wrap", json!({"plaintext": "aGVsbG8="}));
    let old = wrapped.is(200)["wrapped"].as_str().unwrap().to_owned();
    let desk = Desk::of(&service, "operator");
    let first = versions(&desk)[0].0.clone();

    let job = desk.json(&["kek", "rotate"]);
    assert_eq!(job["status"], "done");
    assert_eq!(job["done"], job["total"]);
    assert!(job["total"].as_u64().unwrap() >= 3, "{job}");
    let now = versions(&desk);
    assert_eq!(now.len(), 2);
    assert_eq!(job["kek"], now[1].0);
    let table = desk.run(&["kek", "status"]);
    for said in [&*first, &now[1].0, "never_extractable true", "0 records"] {
        assert!(table.out.contains(said), "{table:?}");
    }

    desk.write("old", format!("{old}\n"));
    let summary = desk.json(&["rewrap", "--in", "old", "--out", "new"]);
    assert_eq!(summary["moved"], json!({&*now[1].0: 1}));

    for (given, code) in [("kek-v9-20261124", 1), ("", 1), (&*first, 0)] {
        let retired = desk.run(&["kek", "retire", &first, "--confirm", given]);
        assert_eq!(retired.code, code, "{retired:?}");
    }
    assert_eq!(versions(&desk)[0].1, "retired");
    let unwrap = |blob: &str| service.post("app", "/v1/unwrap", json!({"wrapped": blob}));
    unwrap(&old).is_refused(410, "destroyed");
    assert_eq!(
        unwrap(desk.read("new").trim()).is(200)["plaintext"],
        "aGVsbG8="
    );
    let left = desk.run(&["rewrap", "--in", "old", "--out", "newer"]);
    assert_eq!(left.code, 1, "{left:?}");
    assert!(desk.read("newer.rejects").contains("\"destroyed\""));

    let early = desk.run(&["kek", "destroy", &first, "--confirm", &first]);
    assert_eq!(early.code, 2, "{early:?}");
    assert!(early.error.contains("(conflict, "), "{early:?}");
    let unasked = desk.run(&["kek", "destroy", &first, "--approve", "--confirm", &first]);
    assert_eq!(unasked.code, 2, "{unasked:?}");
    let restored = desk.json(&["kek", "restore", &first, "--confirm", &first]);
    assert_eq!(restored["version"], first);
    assert_eq!(unwrap(&old).is(200)["plaintext"], "aGVsbG8=");
}

#[test]
fn a_rotation_can_be_left_to_itself_and_a_change_is_not_made_unasked() {
    let service = Service::spawn();
    let desk = Desk::of(&service, "operator");
    let job = desk.json(&["kek", "rotate", "--detach"]);
    let path = format!("/v1/jobs/{}", job["id"].as_str().unwrap());
    super::service::eventually("the job ends", || {
        service.get("operator", &path).is(200)["status"] == "done"
    });
    let first = versions(&desk)[0].0.clone();
    let retire = ["kek", "retire", &first];
    let unasked = desk.at_terminal(&retire, None);
    assert_eq!(unasked["code"], 1);
    assert!(
        unasked["shown"].as_str().unwrap().contains("--confirm"),
        "{unasked}"
    );
    let other = desk.at_terminal(&retire, Some(&[("Type the version:", "yes")]));
    assert_eq!(other["code"], 1, "{other}");
    assert_ne!(versions(&desk)[0].1, "retired");
    let typed = desk.at_terminal(&retire, Some(&[("Type the version:", &first)]));
    assert_eq!(typed["code"], 0, "{typed}");
    assert_eq!(versions(&desk)[0].1, "retired");
    let nobody = Desk::of(&service, "app").run(&["kek", "rotate"]);
    assert_eq!(nobody.code, 2);
    assert!(nobody.error.contains("(forbidden, "), "{nobody:?}");
}
