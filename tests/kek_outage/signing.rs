//! Keys that sign inside a token that goes away, that is changed beside the service, or whose service is killed.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
};

use aegis_custodian::{config::KEK_DEADLINE, crypto::ed25519, kek::TokenSigner};
use cryptoki::{object::ObjectHandle, session::Session};

use super::*;

const ID: &str = "signing/override/ed25519";
const MESSAGE: &[u8] = b"a message";

/// Until `sign` succeeds, verified.
fn signs_again(kek: &Pkcs11Kek, public_key: &[u8; 32]) -> Duration {
    let before = Watch::start();
    loop {
        if let Ok(signature) = kek.sign(ID, public_key, MESSAGE) {
            ed25519::verify(public_key, MESSAGE, &signature).unwrap();
            return before.elapsed();
        }
        assert!(before.elapsed() < Duration::from_secs(5), "not back");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_token_away_and_back_signs_again_without_a_restart() {
    if alone("signing::a_token_away_and_back_signs_again_without_a_restart") {
        let log = Log::start();
        let token = Token::of_a_service();
        let (kek, _) = adopted(&token, 2);
        let public_key = kek.create_signing_key(ID).unwrap();
        kek.sign(ID, &public_key, MESSAGE).unwrap();
        assert!(kek.signs().unwrap());
        assert_eq!(log.count("ERROR"), 0, "{}", log.text());
        let (here, away) = (token_folder(), softhsm::home().join("away"));
        for round in 1..=2 {
            fs::rename(&here, &away).unwrap();
            let ended = Instant::now() + Duration::from_secs(1);
            while Instant::now() < ended {
                let (signed, took) = timed(|| kek.sign(ID, &public_key, MESSAGE));
                assert!(is_unavailable(&signed), "{signed:?}");
                assert!(took < Duration::from_secs(2), "{took:?}");
                assert!(is_unavailable(&kek.create_signing_key(ID)));
                assert!(is_unavailable(&kek.signs()));
            }
            fs::rename(&away, &here).unwrap();
            let back = signs_again(&kek, &public_key);
            println!("MEASURED round {round}: signs again after {back:?}");
            assert_eq!(kek.create_signing_key(ID).unwrap(), public_key);
        }
        assert_eq!(log.count("the token is up"), 2, "{}", log.text());
    }
}

#[test]
fn sessions_closed_by_another_cost_no_signature() {
    if alone("signing::sessions_closed_by_another_cost_no_signature") {
        let token = Token::of_a_service();
        let (kek, _) = adopted(&token, 2);
        let public_key = kek.create_signing_key(ID).unwrap();
        for _ in 0..3 {
            kek.sign(ID, &public_key, MESSAGE).unwrap();
            let (other, _) = token.beside();
            other.finalize().unwrap();
            kek.sign(ID, &public_key, MESSAGE).unwrap();
            token.session().logout().unwrap();
        }
    }
}

#[test]
fn a_signing_key_exchanged_for_another_of_its_id_is_never_used() {
    if alone("signing::a_signing_key_exchanged_for_another_of_its_id_is_never_used") {
        let token = Token::of_a_service();
        let (kek, record) = adopted(&token, 1);
        let public_key = kek.create_signing_key(ID).unwrap();
        kek.sign(ID, &public_key, MESSAGE).unwrap();
        let session = token.session();
        for class in [ObjectClass::PRIVATE_KEY, ObjectClass::PUBLIC_KEY] {
            for key in found(&session, class, ID) {
                session.destroy_object(key).unwrap();
            }
        }
        let beside = adopted(&token, 1).0;
        let other = beside.create_signing_key(ID).unwrap();
        assert_ne!(other, public_key);
        for _ in 0..3 {
            assert!(is_unavailable(&kek.sign(ID, &public_key, MESSAGE)));
        }
        kek.sign(ID, &other, MESSAGE).unwrap();
        kek.unwrap(&record, &CONTEXT).unwrap();
    }
}

fn found(session: &Session, class: ObjectClass, id: &str) -> Vec<ObjectHandle> {
    let wanted = [Attribute::Class(class), Attribute::Id(id.into())];
    session.find_objects(&wanted).unwrap()
}

/// Set for the child process that makes keys until it is killed: the token's label and PIN file.
const MAKING: &str = "AEGIS_TEST_MAKING";
const KILLED: &str = "signing::a_process_killed_while_it_makes_signing_keys_stops_no_other";
const ROUNDS: u64 = 30;

fn id(number: usize) -> String {
    format!("signing/{number}/ed25519")
}

#[test]
#[allow(clippy::disallowed_methods)] // tells the processes apart
fn a_process_killed_while_it_makes_signing_keys_stops_no_other() {
    if let Ok(making) = env::var(MAKING) {
        let (label, pin_file) = making.split_once(' ').unwrap();
        make_until_killed(&Token {
            label: label.to_owned(),
            pin_file: pin_file.into(),
            deadline: KEK_DEADLINE,
        });
    }
    if alone(KILLED) {
        let (mut halves, mut kills) = (0, 0);
        // On a busy machine the first ones all come before anything is made.
        for round in 0..10 * ROUNDS {
            if round >= ROUNDS && halves > 0 {
                break;
            }
            kills += 1;
            let token = Token::of_a_service();
            let made = killed(&token, Duration::from_micros(500 + 700 * round));
            let (kek, _) = adopted(&token, 1);
            let session = token.session();
            let count = |class| found(&session, class, &id(made)).len();
            let left = [ObjectClass::PRIVATE_KEY, ObjectClass::PUBLIC_KEY].map(count);
            halves += usize::from(left != [0, 0]);
            for number in 0..=made {
                let public_key = kek.create_signing_key(&id(number));
                let public_key = public_key.unwrap_or_else(|error| panic!("{left:?}: {error:?}"));
                kek.sign(&id(number), &public_key, MESSAGE).unwrap();
            }
        }
        println!("MEASURED {halves} of {kills} kills left something of a pair");
        assert!(halves > 0, "every kill came too early to show anything");
    }
}

fn make_until_killed(token: &Token) {
    let (kek, _) = adopted(token, 1);
    for number in 0.. {
        println!("\nmaking {number}");
        kek.create_signing_key(&id(number)).unwrap();
    }
}

/// Kills a process so long after it began to make a key; answers the number of the key that it was making.
fn killed(token: &Token, after: Duration) -> usize {
    let making = format!("{} {}", token.label, token.pin_file.display());
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", KILLED, "--nocapture"])
        .env(MAKING, making)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let number = |line: String| line.strip_prefix("making ")?.parse().ok();
    let mut last = lines.by_ref().find_map(|line| number(line.unwrap()));
    thread::sleep(after);
    child.kill().unwrap();
    child.wait().unwrap();
    for line in lines {
        last = number(line.unwrap()).or(last);
    }
    last.unwrap()
}
