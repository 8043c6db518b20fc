//! Who does not stay: clients for a few requests, clients that break off, and strangers who try one token after another.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::{Arc, atomic::Ordering::SeqCst},
    thread,
    time::Duration,
};

use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use serde_json::{Value, json};

use crate::{
    dice::Dice,
    place::{Counter, Place},
};

#[derive(Clone, Copy)]
pub enum Guest {
    ComesAndGoes,
    BreaksOff,
    Stranger,
}

pub const ALL: [Guest; 3] = [Guest::ComesAndGoes, Guest::BreaksOff, Guest::Stranger];

/// Between two visits.
const PAUSE: Duration = Duration::from_millis(25);
/// Requests of a visit.
const REQUESTS: usize = 5;

pub fn keep_calling(place: &Place, dice: &mut Dice, guest: Guest) {
    let stranger = place.authority.agent(None);
    let tls = Arc::new(client_config(place));
    while !place.tally.is_over() {
        match guest {
            Guest::ComesAndGoes => come_and_go(place),
            Guest::BreaksOff => break_off(place, &tls, dice),
            Guest::Stranger => {
                let token = format!("cst_{:043}", dice.roll());
                let answer = place
                    .served
                    .ask(&stranger, &token, "GET", "/v1/deks", &Value::Null);
                assert!([401, 429].contains(&answer.status), "{answer:?}");
                place.tally.count(answer.status);
            }
        }
        thread::sleep(PAUSE);
    }
}

fn come_and_go(place: &Place) {
    let visit = Counter {
        place,
        agent: place.authority.agent(None),
    };
    for _ in 0..REQUESTS {
        visit.ask("app", "POST", "/v1/wrap", &json!({"plaintext": "eA=="}));
    }
    place.tally.come_and_gone.fetch_add(1, SeqCst);
}

/// At every point at which a connection can end.
fn break_off(place: &Place, tls: &Arc<ClientConfig>, dice: &mut Dice) {
    let address = place.served.url.strip_prefix("https://").unwrap();
    let plain = TcpStream::connect(address).unwrap();
    place.tally.broken_off.fetch_add(1, SeqCst);
    let point = dice.below(7);
    if point == 0 {
        return;
    }
    if point == 1 {
        let _too_late = (&plain).write_all(b"\x16\x03\x01\x02\x00\x01");
        return;
    }
    let name = ServerName::try_from("localhost").unwrap();
    let client = ClientConnection::new(Arc::clone(tls), name).unwrap();
    let mut stream = StreamOwned::new(client, plain);
    let body = r#"{"plaintext":"eA=="}"#;
    let head = format!(
        "POST /v1/wrap HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        place.token("app"),
        body.len()
    );
    let whole = format!("{head}{body}");
    let sent = match point {
        2 => 0,
        3 => head.len() / 2,
        4 => head.len(),
        _ => whole.len(),
    };
    let _too_late = stream.write_all(&whole.as_bytes()[..sent]);
    let _too_late = stream.flush();
    if point == 6 {
        let _some_of_it = stream.read(&mut [0; 16]);
    }
}

fn client_config(place: &Place) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(&place.authority.file).unwrap())
        .unwrap();
    ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}
