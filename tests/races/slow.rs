//! Answers that are read slowly: whoever shuts what they used waits for them, but not for long; then they are cut off.

use std::{
    io::{Read, Write},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use aegis_custodian::{
    custodian::{Quorum, Rules},
    http::Limits,
};
use base64ct::{Base64, Encoding};
use serde_json::{Value, json};

use crate::house::{House, RULES};

/// How long a change waits (src/custodian/guard.rs).
const PATIENCE: Duration = Duration::from_secs(3);

/// Nearly all that a body may be: far more than a connection holds that nobody reads.
const ITEMS: usize = 90;

struct Stage {
    house: House,
    /// The app: its path and its tokens' path, its bearer token.
    app: Value,
    version: String,
    request: Vec<u8>,
}

fn stage() -> Stage {
    let limits = Limits {
        body_bytes: 8 * 1024 * 1024,
        ..Limits::default()
    };
    let rules = Rules {
        admin_quorum: Quorum::One,
        ..RULES
    };
    let house = House::with(limits, rules);
    let body =
        json!({"name": "slow", "subject": "slow", "roles": ["app"], "grants": {"deks": ["*"]}});
    let app = house.post(&house.ada, "/v1/admin/principals", body).is(201);
    let dek = json!({"name": "telemetry", "algorithm": "aes-256-gcm"});
    let dek = house.post(&house.operator, "/v1/deks", dek).is(201);
    let plaintext = json!({"plaintext": Base64::encode_string(&[7; 64 * 1024])});
    let sealed = house
        .post(&house.app, "/v1/deks/telemetry/encrypt", plaintext)
        .is(200);
    let items = vec![json!({"ciphertext": sealed["ciphertext"]}); ITEMS];
    let body = json!({"items": items}).to_string();
    let head = format!(
        "POST /v1/deks/telemetry/decrypt HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        app["token"].as_str().unwrap(),
        body.len()
    );
    Stage {
        version: dek["current"].as_str().unwrap().to_owned(),
        request: [head.into_bytes(), body.into_bytes()].concat(),
        app,
        house,
    }
}

impl Stage {
    /// Asks, and reads the head of the answer only; answers how long its body is to be.
    fn ask(&self) -> (TcpStream, usize) {
        let address = self.house.url.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        stream.write_all(&self.request).unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.extend(byte);
        }
        let head = String::from_utf8(head).unwrap().to_lowercase();
        assert!(head.starts_with("http/1.1 200"), "{head}");
        let (_, length) = head.split_once("content-length: ").unwrap();
        (stream, length.lines().next().unwrap().parse().unwrap())
    }

    /// Shuts the version, the token or the principal that the request used.
    fn shut(&self, what: &str) {
        let id = self.app["id"].as_str().unwrap();
        let token = self.app["tokens"][0]["id"].as_str().unwrap();
        let person = format!("/v1/admin/principals/{id}");
        let version = format!("/v1/deks/telemetry/versions/{}", self.version);
        let house = &self.house;
        match what {
            "disable" => drop(
                house
                    .post(&house.operator, &format!("{version}/disable"), json!({}))
                    .is(200),
            ),
            "destroy" => {
                let confirm = json!({"confirm": format!("telemetry/{}", self.version)});
                house
                    .post(&house.operator, "/v1/deks/telemetry/rotate", json!({}))
                    .is(201);
                house
                    .post(&house.operator, &format!("{version}/destroy"), confirm)
                    .is(200);
            }
            "revoke" => drop(
                house
                    .call(
                        &house.ada,
                        "DELETE",
                        &format!("{person}/tokens/{token}"),
                        &Value::Null,
                    )
                    .is(204),
            ),
            _ => drop(
                house
                    .call(&house.ada, "DELETE", &person, &Value::Null)
                    .is(204),
            ),
        }
    }
}

/// Reads on to the end, and how much came.
fn rest(stream: &mut TcpStream, wanted: usize) -> usize {
    let (mut all, mut piece) = (0, vec![0; 64 * 1024]);
    while all < wanted {
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => break,
            Ok(some) => all += some,
        }
    }
    all
}

fn is_cut_off_by(what: &str) {
    let stage = stage();
    let (mut stream, length) = stage.ask();
    assert!(length > 7_000_000);
    let begun = Instant::now();
    stage.shut(what);
    let took = begun.elapsed();
    assert!(took >= PATIENCE, "{what} did not wait: {took:?}");
    assert!(took < PATIENCE * 4, "{what} waited too long: {took:?}");
    let came = rest(&mut stream, length);
    assert!(
        came < length,
        "after {what} the whole answer came, {came} bytes"
    );
    println!("{what} returned after {took:?}; {came} of {length} bytes came");
}

#[test]
fn disabling_cuts_off_an_answer_that_nobody_reads() {
    is_cut_off_by("disable");
}

#[test]
fn destroying_cuts_off_an_answer_that_nobody_reads() {
    is_cut_off_by("destroy");
}

#[test]
fn revoking_a_token_cuts_off_an_answer_that_nobody_reads() {
    is_cut_off_by("revoke");
}

#[test]
fn deleting_a_principal_cuts_off_an_answer_that_nobody_reads() {
    is_cut_off_by("delete");
}

/// The caller reads on soon after the change began: the change waits until it has all.
fn is_waited_for_by(what: &str) {
    let stage = stage();
    let (mut stream, length) = stage.ask();
    let stage = &stage;
    thread::scope(|scope| {
        let begun = Instant::now();
        let shut = scope.spawn(move || {
            stage.shut(what);
            begun.elapsed()
        });
        thread::sleep(Duration::from_millis(300));
        assert!(
            !shut.is_finished(),
            "{what} did not wait for an answer on its way"
        );
        let came = rest(&mut stream, length);
        let took = shut.join().unwrap();
        assert_eq!(
            came, length,
            "{what} cut off an answer that was read in time"
        );
        assert!(
            took < PATIENCE,
            "{what} waited on though all was read: {took:?}"
        );
    });
}

#[test]
fn disabling_waits_for_an_answer_that_is_read_in_time() {
    is_waited_for_by("disable");
}

#[test]
fn revoking_a_token_waits_for_an_answer_that_is_read_in_time() {
    is_waited_for_by("revoke");
}
