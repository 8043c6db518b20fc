//! While the token is away events are encrypted, and none is decrypted.

use std::fs;

use serde_json::json;

use crate::{decrypt, encrypted, service::eventually, telemetry};

#[test]
fn without_the_token_events_are_encrypted_and_decrypted_when_it_is_back() {
    let (home, service) = telemetry(&["--dek-cache", "0"]);
    let event = json!({"actor_id": "ada", "x": {"client_ip": "192.0.2.1"}});
    let before = encrypted(&service, &event).to_string();
    let (here, away) = (home.path().join("softhsm/tokens"), home.path().join("away"));
    fs::rename(&here, &away).unwrap();
    eventually("the token is missed", || {
        decrypt(&service, &before).status == 503
    });
    decrypt(&service, &before).is_refused(503, "kek_unavailable");
    let meanwhile = encrypted(&service, &event).to_string();
    let _none = fs::remove_dir_all(&here);
    fs::rename(&away, &here).unwrap();
    eventually("the token is back", || {
        decrypt(&service, &before).status == 200
    });
    for sealed in [before, meanwhile] {
        assert_eq!(decrypt(&service, &sealed).is(200)["event"], event);
    }
}
