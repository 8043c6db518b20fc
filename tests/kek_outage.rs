//! What the PKCS#11 provider does while its token is away, and how it comes back. Each test runs in a process of
//! its own, since the vendor's library and its configuration belong to the process.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(missing_docs, unreachable_pub, dead_code)]

use std::{
    env, fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use aegis_custodian::{
    algorithm::Algorithm,
    error::{Error, Part},
    id::KekVersion,
    kek::{
        Context, KekKeeper, KekProvider, Keyring, Purpose, RingEntry, WrappedSecret,
        pkcs11::Pkcs11Kek,
    },
    secret::Secret,
};
use cryptoki::{
    context::{CInitializeArgs, CInitializeFlags},
    mechanism::Mechanism,
    object::{Attribute, KeyType, ObjectClass},
};
use softhsm::Token;

#[path = "support/softhsm.rs"]
mod softhsm;

const ALONE: &str = "AEGIS_TEST_ALONE";
const CONTEXT: Context<'static> = Context {
    purpose: Purpose::Dek,
    reference: "telemetry/dek-v3-20261123",
    algorithm: Algorithm::Aes256Gcm,
};

/// Runs the test `name` again in a process of its own with a SoftHSM of its own; `true` there.
#[allow(clippy::disallowed_methods)] // the only way to tell the two processes apart
fn alone(name: &str) -> bool {
    if env::var_os(ALONE).is_some() {
        return true;
    }
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(ALONE, "1")
        .env("SOFTHSM2_CONF", folder.path().join("softhsm2.conf"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    println!("{said}");
    assert!(output.status.success(), "{said}");
    false
}

/// What the provider logs.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn start() -> Self {
        let log = Self::default();
        let writer = log.clone();
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .init();
        log
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    fn count(&self, words: &str) -> usize {
        self.text()
            .lines()
            .filter(|line| line.contains(words))
            .count()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        io::stdout().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn version() -> KekVersion {
    "kek-v1-20261123".parse().unwrap()
}

fn secret() -> Secret<32> {
    Secret::take(&mut [7; 32]).unwrap()
}

/// A provider with version 1 adopted, and a record that it opens.
fn adopted(token: &Token, sessions: usize) -> (Pkcs11Kek, WrappedSecret) {
    let kek = token.open(sessions);
    kek.create(&version()).unwrap();
    let canary = Some(kek.canary(&version()).unwrap());
    let entry = RingEntry {
        version: version(),
        canary,
    };
    kek.adopt(Keyring {
        current: version(),
        versions: vec![entry],
    })
    .unwrap();
    let record = kek.wrap(&secret(), &CONTEXT).unwrap();
    kek.unwrap(&record, &CONTEXT).unwrap();
    (kek, record)
}

fn is_unavailable<T>(result: &Result<T, Error>) -> bool {
    matches!(
        result,
        Err(Error::Unavailable {
            part: Part::Kek,
            ..
        })
    )
}

fn tokens() -> PathBuf {
    softhsm::home().join("tokens")
}

/// The only token's own folder.
fn token_folder() -> PathBuf {
    fs::read_dir(tokens())
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path()
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let before = Instant::now();
    (work(), before.elapsed())
}

/// Until `unwrap` succeeds; how long that took.
fn recovery(kek: &Pkcs11Kek, record: &WrappedSecret) -> Duration {
    let before = Instant::now();
    while kek.unwrap(record, &CONTEXT).is_err() {
        assert!(
            before.elapsed() < Duration::from_secs(5),
            "not back after 5 s"
        );
        thread::sleep(Duration::from_millis(5));
    }
    before.elapsed()
}

fn survives_an_outage(what: fn() -> PathBuf, outage: Duration) {
    let log = Log::start();
    let token = Token::new();
    let (kek, record) = adopted(&token, 2);
    let (here, away) = (what(), softhsm::home().join("away"));
    for round in 1..=2 {
        fs::rename(&here, &away).unwrap();
        let (first, took) = timed(|| kek.unwrap(&record, &CONTEXT));
        assert!(is_unavailable(&first), "{first:?}");
        assert!(took < Duration::from_secs(2));
        let ended = Instant::now() + outage;
        let (mut slowest, mut calls) = (took, 0);
        while Instant::now() < ended {
            let (opened, took) = timed(|| kek.unwrap(&record, &CONTEXT));
            assert!(is_unavailable(&opened), "{opened:?}");
            assert!(is_unavailable(&kek.wrap(&secret(), &CONTEXT)));
            assert!(is_unavailable(&kek.probe()));
            (slowest, calls) = (slowest.max(took), calls + 1);
            thread::sleep(Duration::from_millis(5));
        }
        assert!(slowest < Duration::from_secs(2));
        fs::rename(&away, &here).unwrap();
        let back = recovery(&kek, &record);
        kek.probe().unwrap();
        println!(
            "MEASURED round {round}: first refusal {took:?}, slowest of {calls} {slowest:?}, back after {back:?}"
        );
    }
    assert!(log.count("WARN") <= 8, "{}", log.text());
    assert_eq!(log.count("the token is up"), 2, "{}", log.text());
    assert!(!log.text().contains(softhsm::PIN));
}

#[test]
fn the_token_folder_away_is_refused_within_2_s_and_back_within_5_s() {
    if alone("the_token_folder_away_is_refused_within_2_s_and_back_within_5_s") {
        survives_an_outage(token_folder, Duration::from_secs(3));
    }
}

#[test]
fn every_token_away_is_refused_within_2_s_and_back_within_5_s() {
    if alone("every_token_away_is_refused_within_2_s_and_back_within_5_s") {
        survives_an_outage(tokens, Duration::from_millis(300));
    }
}

#[test]
fn an_outage_that_only_the_probe_sees_is_mended_too() {
    if alone("an_outage_that_only_the_probe_sees_is_mended_too") {
        let token = Token::new();
        let (kek, record) = adopted(&token, 1);
        let (here, away) = (token_folder(), softhsm::home().join("away"));
        fs::rename(&here, &away).unwrap();
        assert!(is_unavailable(&kek.probe()));
        fs::rename(&away, &here).unwrap();
        recovery(&kek, &record);
        kek.probe().unwrap();
    }
}

#[test]
fn an_outage_under_load_never_calls_a_good_record_corrupt() {
    if alone("an_outage_under_load_never_calls_a_good_record_corrupt") {
        let token = Token::new();
        let (kek, record) = adopted(&token, 2);
        let (here, away) = (token_folder(), softhsm::home().join("away"));
        let end = Instant::now() + Duration::from_secs(4);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    while Instant::now() < end {
                        let batch = vec![(&record, CONTEXT); 4];
                        for opened in kek.unwrap_each(&batch) {
                            assert!(opened.is_ok() || is_unavailable(&opened), "{opened:?}");
                        }
                    }
                });
            }
            while Instant::now() < end {
                fs::rename(&here, &away).unwrap();
                thread::sleep(Duration::from_millis(30));
                fs::rename(&away, &here).unwrap();
                thread::sleep(Duration::from_millis(400));
            }
        });
        recovery(&kek, &record);
    }
}

#[test]
fn what_a_bare_session_answers_while_its_token_is_away() {
    if alone("what_a_bare_session_answers_while_its_token_is_away") {
        let token = Token::new();
        let (kek, _) = adopted(&token, 1);
        let session = token.session();
        let key = session
            .find_objects(&[Attribute::Class(ObjectClass::SECRET_KEY)])
            .unwrap()[0];
        let (mut iv, aad) = ([0; 12], b"aad");
        let sealed = {
            let params =
                cryptoki::mechanism::aead::GcmParams::new(&mut iv, aad, 128.into()).unwrap();
            session
                .encrypt(&Mechanism::AesGcm(params), key, &[7; 32])
                .unwrap()
        };
        fs::rename(token_folder(), softhsm::home().join("away")).unwrap();
        for _ in 0..2 {
            let params =
                cryptoki::mechanism::aead::GcmParams::new(&mut iv, aad, 128.into()).unwrap();
            let opened = session.decrypt(&Mechanism::AesGcm(params), key, &sealed);
            println!("MEASURED decrypt: {opened:?}");
            assert!(opened.is_err());
        }
        println!("MEASURED session info: {:?}", session.get_session_info());
        println!(
            "MEASURED find: {:?}",
            session.find_objects(&[Attribute::Class(ObjectClass::SECRET_KEY)])
        );
        drop(kek);
    }
}

#[test]
fn sessions_closed_by_another_cost_no_call() {
    if alone("sessions_closed_by_another_cost_no_call") {
        let log = Log::start();
        let token = Token::new();
        let (kek, record) = adopted(&token, 2);
        for _ in 0..3 {
            // cryptoki has no C_CloseAllSessions; C_Finalize closes them all too.
            let (other, _) = token.beside();
            other.clone().finalize().unwrap();
            let (opened, took) = timed(|| kek.unwrap(&record, &CONTEXT));
            opened.unwrap();
            println!("MEASURED finalized by another: answered after {took:?}");
            other.clone().finalize().unwrap();
            other
                .initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK))
                .unwrap();
            kek.wrap(&secret(), &CONTEXT).unwrap();
            other.finalize().unwrap();
            kek.probe().unwrap();
        }
        assert_eq!(log.count("the token is up"), 9, "{}", log.text());
    }
}

/// The file of the token's only key object.
fn key_file() -> PathBuf {
    let is_key = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.ends_with(".object") && name != "token.object"
    };
    let files = fs::read_dir(token_folder()).unwrap();
    files.map(|file| file.unwrap().path()).find(is_key).unwrap()
}

/// Makes the library hang: SoftHSM opens the key's file at each use, and a pipe without a writer holds it there.
struct Hang {
    file: PathBuf,
    kept: PathBuf,
    pipe: PathBuf,
}

impl Hang {
    fn start() -> Self {
        let (kept, pipe) = (softhsm::home().join("kept"), softhsm::home().join("pipe"));
        let hang = Self {
            file: key_file(),
            kept,
            pipe,
        };
        assert!(
            Command::new("mkfifo")
                .arg(&hang.pipe)
                .status()
                .unwrap()
                .success()
        );
        fs::hard_link(&hang.file, &hang.kept).unwrap();
        fs::hard_link(&hang.pipe, hang.pipe.with_extension("twin")).unwrap();
        fs::rename(hang.pipe.with_extension("twin"), &hang.file).unwrap();
        hang
    }

    /// New calls find the key's file again; those that hang go on hanging.
    fn mend(&self) {
        fs::rename(&self.kept, &self.file).unwrap();
    }

    /// Lets the calls that hang come back.
    fn release(&self) {
        drop(fs::OpenOptions::new().write(true).open(&self.pipe).unwrap());
    }
}

#[test]
fn a_library_that_hangs_costs_its_threads_and_never_a_caller() {
    if alone("a_library_that_hangs_costs_its_threads_and_never_a_caller") {
        let _log = Log::start();
        let token = Token::new();
        let (kek, record) = adopted(&token, 1);
        let hang = Hang::start();
        for call in 1..=3 {
            let (opened, took) = timed(|| kek.unwrap(&record, &CONTEXT));
            println!("MEASURED hanging, call {call}: refused after {took:?}");
            assert!(is_unavailable(&opened), "{opened:?}");
            assert!(took < Duration::from_secs(2));
        }
        let (probed, took) = timed(|| kek.probe());
        assert!(is_unavailable(&probed));
        assert!(
            took < Duration::from_millis(100),
            "two threads are lost: {took:?}"
        );
        hang.mend();
        hang.release();
        println!("MEASURED hang: back after {:?}", recovery(&kek, &record));
        kek.probe().unwrap();
    }
}

#[test]
fn a_token_lost_while_a_call_hangs_is_opened_beside_it() {
    if alone("a_token_lost_while_a_call_hangs_is_opened_beside_it") {
        let log = Log::start();
        let token = Token::new();
        let (kek, record) = adopted(&token, 2);
        let hang = Hang::start();
        thread::scope(|scope| {
            scope.spawn(|| assert!(is_unavailable(&kek.unwrap(&record, &CONTEXT))));
            thread::sleep(Duration::from_millis(100));
            hang.mend();
            token.session().logout().unwrap();
            let (opened, took) = timed(|| kek.unwrap(&record, &CONTEXT));
            println!("MEASURED lost beside a hanging call: {opened:?} after {took:?}");
            assert!(took < Duration::from_secs(2));
        });
        println!(
            "MEASURED lost beside a hanging call: back after {:?}",
            recovery(&kek, &record)
        );
        assert_eq!(log.count("the token is up"), 1, "{}", log.text());
        hang.release();
        kek.probe().unwrap();
        drop(kek);
        assert_eq!(log.count("the token is up"), 1, "{}", log.text());
    }
}

#[test]
fn a_logout_by_another_costs_no_call() {
    if alone("a_logout_by_another_costs_no_call") {
        let token = Token::new();
        let (kek, record) = adopted(&token, 2);
        token.session().logout().unwrap();
        kek.unwrap(&record, &CONTEXT).unwrap();
        token.session().logout().unwrap();
        kek.wrap(&secret(), &CONTEXT).unwrap();
        token.session().logout().unwrap();
        kek.probe().unwrap();
    }
}

#[test]
fn a_wrong_pin_is_presented_once_and_a_corrected_file_mends_it() {
    if alone("a_wrong_pin_is_presented_once_and_a_corrected_file_mends_it") {
        let log = Log::start();
        let token = Token::new();
        let (kek, record) = adopted(&token, 1);
        token.write_pin("wrong-pin");
        token.session().logout().unwrap();
        assert!(is_unavailable(&kek.unwrap(&record, &CONTEXT)));
        thread::sleep(Duration::from_secs(2));
        assert!(is_unavailable(&kek.unwrap(&record, &CONTEXT)));
        assert_eq!(log.count("PinIncorrect"), 1, "{}", log.text());
        assert_eq!(log.count("refused this PIN before"), 1, "{}", log.text());
        token.write_pin(softhsm::PIN);
        println!(
            "MEASURED back {:?} after the PIN was corrected",
            recovery(&kek, &record)
        );
        assert!(!log.text().contains("wrong-pin"));
    }
}

#[test]
fn a_key_exchanged_for_another_of_its_name_is_never_used() {
    if alone("a_key_exchanged_for_another_of_its_name_is_never_used") {
        let log = Log::start();
        let token = Token::new();
        let (kek, record) = adopted(&token, 1);
        let session = token.session();
        let id = Attribute::Id(version().as_str().into());
        let key = session.find_objects(std::slice::from_ref(&id)).unwrap()[0];
        session.destroy_object(key).unwrap();
        let template = [
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::AES),
            Attribute::ValueLen(32.into()),
            id,
            Attribute::Token(true),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Sign(false),
            Attribute::Verify(false),
            Attribute::Wrap(false),
            Attribute::Unwrap(false),
        ];
        session
            .generate_key(&Mechanism::AesKeyGen, &template)
            .unwrap();
        assert!(is_unavailable(&kek.unwrap(&record, &CONTEXT)));
        assert!(is_unavailable(&kek.wrap(&secret(), &CONTEXT)));
        assert!(
            log.text().contains("canary was made by another key"),
            "{}",
            log.text()
        );
    }
}

#[test]
fn a_token_made_by_another_process_is_seen_when_a_provider_opens() {
    if alone("a_token_made_by_another_process_is_seen_when_a_provider_opens") {
        let token = Token::new();
        let folder = token_folder();
        let away = softhsm::home().join("away");
        fs::rename(&folder, &away).unwrap();
        assert!(is_unavailable(&Pkcs11Kek::open(token.settings(1))));
        fs::rename(&away, &folder).unwrap();
        token.open(1).create(&version()).unwrap();
        assert!(Path::new(&folder).exists());
    }
}
