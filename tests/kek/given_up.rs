//! What was given up because it did not come back is not done later beside what took its place.

use std::time::Duration;

use super::*;

/// Shorter than a test is patient: making a key may take four times as long.
const DEADLINE: Duration = Duration::from_millis(750);

/// A double with version 1 adopted, and its token.
fn impatient() -> (Pkcs11Kek, Double, Token) {
    let token = Token::new();
    let double = Double::new(&token);
    let settings = double.settings(2);
    let deadline = DEADLINE;
    let kek = Pkcs11Kek::open(Settings {
        deadline,
        ..settings
    });
    let kek = kek.unwrap();
    kek.create(&version(1)).unwrap();
    kek.adopt(ring(&kek, &[1])).unwrap();
    (kek, double, token)
}

/// Asks again until it is done; meanwhile the token is said not to answer, and nothing else.
fn done<T: std::fmt::Debug>(ask: impl Fn() -> Result<T, Error>) -> T {
    let begun = Instant::now();
    loop {
        match ask() {
            Ok(done) => return done,
            refused => assert!(is_unavailable(&refused), "{refused:?}"),
        }
        assert!(begun.elapsed().as_secs() < 20, "never done");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_key_whose_making_hangs_is_made_once() {
    let (kek, double, _token) = impatient();
    let create = || kek.create(&version(2));
    double.hang("C_GenerateKey");
    assert!(is_unavailable(&create()));
    let begun = double.calls("C_GenerateKey");
    assert!(is_unavailable(&create()));
    assert_eq!(double.calls("C_GenerateKey"), begun, "a second beside it");
    kek.wrap(&secret(7), &CONTEXT).unwrap();
    double.release();
    done(create);
    // Of exactly one.
    kek.attributes(&version(2)).unwrap();
}

#[test]
fn a_pair_whose_making_hangs_is_made_once() {
    let (kek, double, _token) = impatient();
    let create = || kek.create_signing_key("signing/override/ed25519");
    double.hang("C_GenerateKeyPair");
    assert!(is_unavailable(&create()));
    let begun = double.calls("C_GenerateKeyPair");
    assert!(is_unavailable(&create()));
    assert_eq!(
        double.calls("C_GenerateKeyPair"),
        begun,
        "a second beside it"
    );
    double.release();
    let public_key = done(create);
    let id = "signing/override/ed25519";
    kek.sign(id, &public_key, b"a message").unwrap();
}

#[test]
fn a_note_that_was_given_up_takes_the_place_of_none() {
    let (kek, double, _token) = impatient();
    assert!(kek.keep_note(b"newer").unwrap());
    double.hang("C_FindObjects");
    assert!(is_unavailable(&kek.keep_note(b"given up")));
    double.release();
    let begun = Instant::now();
    while kek.condition().figures().stuck_now > 0 {
        assert!(begun.elapsed().as_secs() < 20, "never back");
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(kek.notes().unwrap(), [b"newer"]);
}
