//! `custodian verify certificate`, by the real binary.

use serde_json::json;

use super::{
    ceremony::{Case, NOW, service_keys},
    verifier::Verifier,
};

fn desk(case: &Case) -> Verifier {
    Verifier::new("certificate", case.envelope(), &case.keys())
}

const USUAL: [&str; 5] = ["certificate.json", "--keys", "keys.json", "--at", NOW];

#[test]
fn a_valid_certificate_is_reported_to_people_and_exits_with_0() {
    let case = Case::usual();
    let (code, out, err) = desk(&case).run(&USUAL);
    assert_eq!((code, &*err), (0, ""));
    for line in [
        "VALID as of 2026-11-23T12:00:00Z",
        "override      | 6f9619ff-8b86-4011-b42d-00cf4fc964ff",
        "proposal      | PROP-17",
        "failed gates  | novelty, risk",
        "environment   | production",
        "requested by  | pipeline",
        "on behalf of  | jane@example.org",
        "signed by     | ann@example.org as risk_lead",
        "              | by bip340 at 2026-11-23T10:00:00Z",
        "signed by     | bob@example.org as security_lead",
        "              | by ed25519 at 2026-11-23T11:00:00.25Z",
        "approved      | 2026-11-23T11:00:00.25Z",
        "valid until   | 2026-11-24T09:00:00Z",
        "custodians    | pinned: both",
    ] {
        assert!(out.contains(line), "{line}\n{out}");
    }
}

#[test]
fn nothing_in_a_certificate_moves_the_cursor_or_turns_the_text() {
    let mut case = Case::usual();
    case.asked.justification =
        "fine\r\u{1b}[2J\u{9b}1m\u{202e}\u{200b}\ncustodians    | unpinned".to_owned();
    case.requested_by = "app\nVALID".to_owned();
    let desk = desk(&case);
    let (code, out, _) = desk.run(&USUAL);
    assert_eq!(code, 0, "{out}");
    let plain = |letter: char| letter == '\n' || letter == ' ' || letter.is_ascii_graphic();
    assert!(out.chars().all(plain), "{out:?}");
    for row in [
        r"justification | fine\r\u{1b}[2J\u{9b}1m\u{202e}\u{200b}",
        "              | custodians    | unpinned",
        r"requested by  | app\nVALID",
    ] {
        assert!(out.contains(row), "{row}\n{out}");
    }
    let starts = |with: &str| out.lines().filter(|line| line.starts_with(with)).count();
    assert_eq!((starts("VALID"), starts("custodians")), (1, 1));
    let (_, said) = desk.json(&USUAL);
    assert_eq!(said["override"]["justification"], case.asked.justification);
}

#[test]
fn a_certificate_that_is_not_valid_exits_with_3_and_says_why() {
    let case = Case::usual();
    let desk = desk(&case);
    let cases: [(&[&str], &str); 4] = [
        (
            &["--environment", "staging"],
            "AttestationEnvironmentMismatch",
        ),
        (
            &["--message-hash", &"0".repeat(64)],
            "AttestationDigestMismatch",
        ),
        (&["--instance", "other"], "OverrideInstanceMismatch"),
        (&["--at", "2030-01-01T00:00:00Z"], "AttestationExpired"),
    ];
    for (more, word) in cases {
        let usual = if more[0] == "--at" {
            &USUAL[..3]
        } else {
            &USUAL[..]
        };
        let arguments = [usual, more].concat();
        let (code, out, _) = desk.run(&arguments);
        assert_eq!(code, 3, "{out}");
        assert!(out.starts_with("NOT VALID"), "{out}");
        assert!(
            out.contains(&format!("{word}: the certificate is ")),
            "{out}"
        );
        let (code, said) = desk.json(&arguments);
        assert_eq!(
            (code, &said["valid"], &said["error"]),
            (3, &json!(false), &json!(word))
        );
    }
    let (_, out, _) = desk.run(&[&USUAL[..3], &["--at", "2030-01-01T00:00:00Z"]].concat());
    assert!(out.contains("As of its issue it was valid."), "{out}");
    desk.put("certificate.json", b"rubbish \x1b[2J");
    let (code, out, _) = desk.run(&USUAL);
    assert_eq!(code, 3);
    assert!(
        out.contains("AttestationPayloadTypeMismatch") && !out.contains('\x1b'),
        "{out}"
    );
}

#[test]
fn all_that_is_expected_may_be_asked_for_at_once() {
    let case = Case::usual();
    let desk = desk(&case);
    let hash = hex::encode(case.message_hash());
    let more = [
        "--message-hash",
        &hash,
        "--environment",
        "production",
        "--instance",
        "custodian-a",
    ];
    let (code, out, _) = desk.run(&[&USUAL[..], &more].concat());
    assert_eq!(code, 0, "{out}");
}

#[test]
fn standard_input_is_a_dash_and_the_clock_is_the_default() {
    let case = Case::usual();
    let desk = desk(&case);
    let (code, ..) = desk.run_with(&case.envelope(), &["-", "--keys", "keys.json", "--at", NOW]);
    assert_eq!(code, 0);
    let keys = service_keys().to_string();
    let arguments = ["certificate.json", "--keys", "-", "--at", NOW];
    let (code, out, _) = desk.run_with(keys.as_bytes(), &arguments);
    assert_eq!(code, 0);
    assert!(out.contains("unpinned: a stolen key"), "{out}");
    let (_, said) = desk.json(&USUAL[..3]);
    assert_ne!(said["at"], NOW);
    let now: jiff::Timestamp = said["at"].as_str().unwrap().parse().unwrap();
    assert!(now > NOW.parse().unwrap() || said["error"] == "OverrideSignedOutsideWindow");
}

#[test]
fn a_mistake_in_the_arguments_or_the_keys_file_exits_with_1() {
    let desk = desk(&Case::usual());
    desk.put("bad.json", br#"{"items":[{"key_id":"ed25519:0"}]}"#);
    desk.put("big.json", vec![b' '; (8 << 20) + 1]);
    let wrong: [(&[&str], &str); 9] = [
        (&["certificate.json"], "--keys"),
        (
            &["certificate.json", "--keys", "none.json"],
            "reading none.json",
        ),
        (&["none.json", "--keys", "keys.json"], "reading none.json"),
        (
            &["certificate.json", "--keys", "bad.json"],
            "bad.json: line 1, column",
        ),
        (&["big.json", "--keys", "keys.json"], "larger than 8 MiB"),
        (&["-", "--keys", "-"], "only one of"),
        (
            &["certificate.json", "--keys", "keys.json", "--at", "noon"],
            "--at",
        ),
        (
            &[
                "certificate.json",
                "--keys",
                "keys.json",
                "--environment",
                "prod",
            ],
            "production, staging or preview",
        ),
        (
            &[
                "certificate.json",
                "--keys",
                "keys.json",
                "--message-hash",
                "00",
            ],
            "64 hex digits",
        ),
    ];
    for (arguments, sentence) in wrong {
        let (code, out, err) = desk.run(arguments);
        assert_eq!((code, &*out), (1, ""), "{arguments:?}");
        assert!(err.contains(sentence), "{err}");
    }
}
