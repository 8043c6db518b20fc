//! `custodian principal`: admins make principals and hand out tokens.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    process::{Command, Stdio},
};

use aegis_custodian::client::fingerprint;
use serde_json::{Value, json};

use super::{
    desk::{Desk, ended},
    fake::{answer, service_that_says},
    house::House,
};

fn id(of: &Value) -> &str {
    of["id"].as_str().unwrap()
}

fn create<'a>(name: &'a str, role: &'a str, out: &'a str) -> Vec<&'a str> {
    vec![
        "principal",
        "create",
        "--name",
        name,
        "--role",
        role,
        "--token-out",
        out,
    ]
}

#[test]
fn a_new_principal_waits_for_a_second_admin_and_its_token_is_in_a_file_alone() {
    let house = House::open();
    let ada = Desk::with(&house.url, &house.ada);
    let bob = Desk::with(&house.url, &house.bob);
    let new = create("gate", "app", "gate.token");
    let made = ada.json(&[&new[..], &["--dek", "payroll-*", "--expires-in", "30d"]].concat());
    assert_eq!(made["status"], "pending");
    assert_eq!(made["grants"]["deks"], json!(["payroll-*"]));
    assert!(made.get("token").is_none(), "{made}");
    let token = ada.read("gate.token");
    let mode = fs::metadata(ada.path("gate.token"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(token.starts_with("cst_") && !made.to_string().contains(&token));
    let capabilities = || house.get(&token, "/v1/capabilities").status;
    assert_eq!(capabilities(), 401);

    let approve = ["principal", "approve", id(&made)];
    let no = bob.at_terminal(&approve, Some(&[("Type yes:", "no")]));
    assert_eq!(no["code"], 1, "{no}");
    assert_eq!(capabilities(), 401);
    ada.refused(&[&approve[..], &["--yes"]].concat(), "two_person_rule");
    let yes = bob.at_terminal(&approve, Some(&[("Type yes:", "yes")]));
    assert_eq!(yes["code"], 0, "{yes}");
    assert!(yes["shown"].as_str().unwrap().contains("payroll-*"));
    assert_eq!(capabilities(), 200);
    let table = ada.done(&["principal", "list"]);
    assert!(
        table.contains(id(&made)) && table.contains("ada"),
        "{table}"
    );

    bob.done(&["principal", "delete", id(&made), "--yes"]);
    assert_eq!(capabilities(), 401);
    ada.refused(&["principal", "show", id(&made)], "not_found");
}

#[test]
fn no_file_is_replaced_and_nothing_is_asked_for_that_could_not_be_kept() {
    let house = House::open();
    let ada = Desk::with(&house.url, &house.ada);
    let before = ada.json(&["principal", "list"]);
    ada.write("there", "mine");
    for out in ["there", "no/folder/token", "."] {
        let ended = ada.run(&create("lost", "auditor", out));
        assert_eq!(ended.code, 1, "{ended:?}");
    }
    assert_eq!(ada.read("there"), "mine");
    assert_eq!(ada.json(&["principal", "list"]), before);
    let untold = ada.run(&["principal", "create", "--name", "lost", "--role", "auditor"]);
    assert_eq!(untold.code, 1, "{untold:?}");
    // Refused by the service: the place that was made for the token is gone again.
    ada.refused(&create("ada", "auditor", "new"), "already_exists");
    assert!(!ada.path("new").exists());
}

#[test]
fn a_token_that_cannot_be_written_is_revoked_again() {
    let house = House::open();
    let ada = Desk::with(&house.url, &house.ada);
    // No file may grow: the first byte of the token is refused.
    let limited = format!(
        "trap '' XFSZ; ulimit -f 0; exec {} principal create --name full --role auditor --token-out full.token",
        env!("CARGO_BIN_EXE_custodian")
    );
    let mut command = Command::new("sh");
    command
        .args(["-c", &limited])
        .current_dir(ada.path(""))
        .env("CUSTODIAN_URL", &house.url)
        .env("CUSTODIAN_TOKEN_FILE", ada.path("my.token"))
        .stdin(Stdio::null());
    let failed = ended(command.output().unwrap());
    assert_eq!(failed.code, 1, "{failed:?}");
    assert!(
        failed
            .error
            .contains("was revoked again; custodian principal token create"),
        "{failed:?}"
    );
    assert!(!ada.path("full.token").exists());
    let all = ada.json(&["principal", "list"]);
    let mut all = all["items"].as_array().unwrap().iter();
    let full = all.find(|one| one["name"] == "full").unwrap();
    assert_eq!(full["tokens"][0]["status"], "revoked", "{full}");
}

#[test]
fn a_token_whose_answer_was_lost_is_revoked_and_the_user_told() {
    const PRINCIPAL: &str = "6f9619ff-8b86-4011-b42d-00cf4fc964ff";
    const TOKEN: &str = "00000000-0000-4000-8000-000000000001";
    let replay = json!({"id": TOKEN, "status": "active", "issued_by": "ada", "token": null,
        "created_at": "2026-11-24T00:00:00Z", "expires_at": null, "notice": "shown once"});
    let replay = answer("201 Created", "", &replay.to_string());
    let refusal = json!({"code": "conflict", "detail": "no", "request_id": "r"}).to_string();
    for (end, said) in [
        (answer("204 No Content", "", ""), "was revoked again"),
        (answer("409 Conflict", "", &refusal), TOKEN),
    ] {
        let (url, served) = service_that_says(vec![String::new(), replay.clone(), end]);
        let desk = Desk::with(&url, "cst_abc");
        let create = [
            "principal",
            "token",
            "create",
            PRINCIPAL,
            "--token-out",
            "t",
        ];
        let ended = desk.run(&create);
        assert_eq!(ended.code, 1, "{ended:?}");
        assert!(ended.error.contains(said), "{ended:?}");
        assert!(!desk.path("t").exists());
        let asked = served.join().unwrap();
        let path = format!("DELETE /v1/admin/principals/{PRINCIPAL}/tokens/{TOKEN} HTTP/1.1");
        assert_eq!(asked[2].head[0], path);
    }
}

#[test]
fn a_further_token_is_issued_approved_and_revoked() {
    let house = House::open();
    let ada = Desk::with(&house.url, &house.ada);
    let bob = Desk::with(&house.url, &house.bob);
    let made = ada.json(&create("reader", "auditor", "first.token"));
    let principal = id(&made);
    let issue = ["principal", "token", "create", principal, "--never-expires"];
    let second = ada.json(&[&issue[..], &["--token-out", "second.token"]].concat());
    assert_eq!(second["expires_at"], Value::Null);
    assert_eq!(second["status"], "pending");
    let status = |desk: &Desk, file: &str| house.get(&desk.read(file), "/v1/capabilities").status;
    assert_eq!(status(&ada, "second.token"), 401);
    bob.done(&["principal", "token", "approve", principal, id(&second)]);
    assert_eq!(status(&ada, "second.token"), 200);
    bob.done(&["principal", "token", "revoke", principal, id(&second)]);
    assert_eq!(status(&ada, "second.token"), 401);
    assert_eq!(status(&ada, "first.token"), 200);

    let issue = ["principal", "token", "create", principal];
    let shown = ada.run(&[&issue[..], &["--token-out", "-", "--output", "json"]].concat());
    assert_eq!(shown.code, 0, "{shown:?}");
    let token = shown.out.trim_end();
    assert!(token.starts_with("cst_") && token.lines().count() == 1);
    assert!(!shown.error.contains(token) && shown.error.contains("pending"));
}

#[test]
fn grants_are_changed_by_one_admin_and_put_in_force_by_another() {
    let house = House::open();
    let ada = Desk::with(&house.url, &house.ada);
    let bob = Desk::with(&house.url, &house.bob);
    let made = ada.json(&[&create("gate", "app", "t")[..], &["--dek", "old"]].concat());
    bob.done(&["principal", "approve", id(&made), "--yes"]);
    let grants = ["principal", "grants", id(&made)];
    assert_eq!(ada.run(&grants).code, 1);
    let none = ada.run(&["principal", "grants-approve", id(&made), "--yes"]);
    assert_eq!(none.code, 1, "{none:?}");
    let more = ["--dek", "new-*", "--dek", "one", "--server", "gate-*"];
    let proposed = ada.json(&[&grants[..], &more].concat());
    let wanted = json!({"deks": ["new-*", "one"], "servers": ["gate-*"]});
    assert_eq!(proposed["pending_grants"], wanted);
    assert_eq!(proposed["grants"]["deks"], json!(["old"]));
    let approve = ["principal", "grants-approve", id(&made)];
    let yes = bob.at_terminal(&approve, Some(&[("Type yes:", "yes")]));
    assert_eq!(yes["code"], 0, "{yes}");
    assert!(
        yes["shown"]
            .as_str()
            .unwrap()
            .contains("new DEKs      | new-*")
    );
    let now = ada.json(&["principal", "show", id(&made)]);
    assert_eq!(now["grants"], wanted);
    let none = ada.json(&["principal", "grants", id(&made), "--none"]);
    assert_eq!(none["pending_grants"]["deks"], json!([]));
}

#[test]
fn a_principal_is_bound_to_the_certificate_in_a_file_and_has_no_token_then() {
    let house = House::open();
    let ada = Desk::with(&house.url, &house.ada);
    let made = rcgen::generate_simple_self_signed(["reader".to_owned()]).unwrap();
    ada.write("reader.pem", made.cert.pem());
    ada.write("key.pem", made.signing_key.serialize_pem());
    let create = [
        "principal",
        "create",
        "--name",
        "reader",
        "--role",
        "auditor",
        "--client-cert",
    ];
    for wrong in ["key.pem", "nothing", "my.token"] {
        assert_eq!(ada.run(&[&create[..], &[wrong]].concat()).code, 1);
    }
    let bound = ada.json(&[&create[..], &["reader.pem"]].concat());
    let wanted = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(made.cert.der()));
    assert_eq!(bound["client_cert_sha256"], wanted.as_str());
    assert_eq!(fingerprint(made.cert.pem().as_bytes()).unwrap(), wanted);
    let now = ada.json(&["principal", "show", id(&bound)]);
    assert_eq!(now["tokens"][0]["status"], "revoked");
}
