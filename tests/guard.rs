//! Guards: whoever shuts a DEK or a principal waits for the answers on their way, and for nobody else. In this process,
//! with a real token and a real database, so that an answer can be held up for as long as a test likes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(missing_docs, unreachable_pub, dead_code)]

use std::{
    collections::BTreeSet,
    sync::Arc,
    thread::{self, ScopedJoinHandle},
    time::{Duration, Instant},
};

use aegis_custodian::{
    algorithm::Algorithm,
    custodian::{
        Caller, Clock, Custodian,
        bearer::BearerToken,
        deks::NewDek,
        guard::{Guard, Uses},
        items::Items,
        once::Made,
        pii::Otherwise,
        provision::First,
    },
    id::{DekName, DekVersion, Id, Subject},
    json::{ObjectText, OneOrMany},
    policy::{Action, Grants, Role},
    store::Store,
};
use tempfile::TempDir;

#[path = "support/house.rs"]
mod house;
#[path = "support/service.rs"]
mod service;
#[path = "support/softhsm.rs"]
mod softhsm;

/// Long enough for a change that does not wait to be over.
const A_WHILE: Duration = Duration::from_millis(400);

/// Less than who reads too slowly is waited for.
const SOON: Duration = Duration::from_millis(2500);

struct Bench {
    custodian: Arc<Custodian>,
    operator: BearerToken,
    admin: BearerToken,
    app: BearerToken,
    dek: DekName,
    version: DekVersion,
    _home: TempDir,
}

impl Bench {
    fn new() -> Self {
        let home = TempDir::new().unwrap();
        let store = Store::open(&home.path().join("custodian.db")).unwrap();
        let kek = Arc::new(softhsm::Token::new().open(1));
        let custodian = Custodian::new(kek, store, Clock::system(), house::RULES);
        custodian.make_first_kek().unwrap();
        custodian.adopt_keyring().unwrap();
        let firsts = [
            ("operator", Role::Operator),
            ("admin", Role::Admin),
            ("app", Role::App),
        ]
        .map(|(name, role)| first(name, role));
        let tokens = firsts
            .each_ref()
            .map(|first| BearerToken::given(first.token.expose()));
        custodian.provision(firsts.into()).unwrap();
        let [operator, admin, app] = tokens;
        let dek: DekName = "telemetry".parse().unwrap();
        let mut bench = Self {
            custodian: Arc::new(custodian),
            operator,
            admin,
            app,
            version: "dek-v1-20261123".parse().unwrap(),
            dek,
            _home: home,
        };
        bench.version = bench.make_dek();
        bench
    }

    fn make_dek(&self) -> DekVersion {
        let new = NewDek {
            name: self.dek.clone(),
            algorithm: Algorithm::MlKem768X25519,
            rotation_period: None,
        };
        let who = self.caller(&self.operator, Action::DekCreate);
        let made = self.custodian.create_dek(&who, &new, None).unwrap();
        let Made::Now(made) = made else {
            panic!("made earlier")
        };
        let shown = serde_json::to_value(made).unwrap();
        shown["current"].as_str().unwrap().parse().unwrap()
    }

    fn caller(&self, token: &BearerToken, action: Action) -> Caller {
        let bearer = self.custodian.bearer(token).unwrap().unwrap();
        Caller::new(bearer, action, Some(self.dek.clone()), "request".into())
    }

    fn id(&self, token: &BearerToken) -> Id {
        let bearer = self.custodian.bearer(token).unwrap().unwrap();
        bearer.principal.id
    }

    /// An answer on its way: whoever asked for it signed in and was told, but has not got it yet.
    fn answer(&self, token: &BearerToken, action: Action, dek: &str) -> Guard {
        let uses = Uses {
            caller: None,
            action,
            deks: [dek.parse().unwrap()].into(),
        };
        let guard = Guard::begin(self.custodian.clone(), uses);
        guard.signed_in(&self.custodian.bearer(token).unwrap().unwrap());
        guard
    }

    /// An answer on its way that came of an event, whose body names the DEK.
    fn event_answer(&self, action: Action, event: &str) -> (Guard, String) {
        let uses = Uses {
            caller: None,
            action,
            deks: BTreeSet::new(),
        };
        let guard = Guard::begin(self.custodian.clone(), uses);
        let bearer = self.custodian.bearer(&self.app).unwrap().unwrap();
        guard.signed_in(&bearer);
        let mut who = Caller::new(bearer, action, None, "request".into());
        who.guard = Some(guard.id());
        let event = OneOrMany::One(ObjectText::read(event.as_bytes()).unwrap());
        let text = if action == Action::PiiEncrypt {
            let done = self
                .custodian
                .encrypt_events(&who, &self.dek, &event, Otherwise::Keep);
            only(done.unwrap()).event
        } else {
            let done = self
                .custodian
                .decrypt_events(&who, &event, None, Otherwise::Keep);
            only(done.unwrap()).event
        };
        (guard, text.expose().to_owned())
    }

    fn disable(&self) {
        let who = self.caller(&self.operator, Action::DekDisable);
        let done = self
            .custodian
            .disable_version(&who, &self.dek, &self.version);
        done.unwrap();
    }

    fn enable(&self) {
        let who = self.caller(&self.operator, Action::DekEnable);
        let done = self
            .custodian
            .enable_version(&who, &self.dek, &self.version);
        done.unwrap();
    }

    fn delete_app(&self) {
        let who = self.caller(&self.admin, Action::PrincipalDelete);
        let done = self.custodian.delete_principal(&who, &self.id(&self.app));
        done.unwrap();
    }
}

fn first(name: &'static str, role: Role) -> First {
    First {
        name: name.to_owned(),
        subject: Subject::folded(name).unwrap(),
        role,
        grants: Grants {
            deks: vec!["*".to_owned()],
            ..Grants::default()
        },
        token: BearerToken::fresh().unwrap(),
    }
}

fn only<T>(items: Items<T>) -> T {
    match items {
        OneOrMany::One(item) => item.unwrap(),
        OneOrMany::Many(_) => panic!("a batch"),
    }
}

/// Asserts that `change` still waits after a while, and is over soon once `guard` is dropped.
fn waits_for(change: impl FnOnce() + Send, guard: Guard) {
    thread::scope(|scope| {
        let change = scope.spawn(change);
        thread::sleep(A_WHILE);
        assert!(!change.is_finished(), "it does not wait");
        drop(guard);
        is_over(&change);
    });
}

/// Asserts that `change` is over while `guard` is there.
fn goes_past(change: impl FnOnce() + Send, guard: Guard) {
    thread::scope(|scope| is_over(&scope.spawn(change)));
    drop(guard);
}

/// Before somebody who is too slow would have been cut off.
fn is_over(change: &ScopedJoinHandle<()>) {
    let begun = Instant::now();
    while !change.is_finished() {
        assert!(begun.elapsed() < SOON, "it waits");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_change_of_a_dek_waits_for_an_answer_that_used_it() {
    let bench = Bench::new();
    let answer = bench.answer(&bench.app, Action::DekPublicKey, "telemetry");
    waits_for(|| bench.disable(), answer);
}

#[test]
fn a_change_of_a_dek_does_not_wait_for_answers_about_others_or_about_nothing() {
    let bench = Bench::new();
    let other = bench.answer(&bench.app, Action::DekPublicKey, "other");
    goes_past(|| bench.disable(), other);
    let metadata = bench.answer(&bench.app, Action::DekRead, "telemetry");
    goes_past(|| bench.disable(), metadata);
}

#[test]
fn a_change_of_a_dek_waits_for_events_whose_fields_it_encrypted_or_decrypted_and_for_no_others() {
    let bench = Bench::new();
    let (encrypted, text) = bench.event_answer(Action::PiiEncrypt, r#"{"actor_id":1}"#);
    drop(encrypted);
    let (decrypted, back) = bench.event_answer(Action::PiiDecrypt, &text);
    assert_eq!(back, r#"{"actor_id":1}"#);
    let (encrypted, _) = bench.event_answer(Action::PiiEncrypt, r#"{"actor_id":2}"#);
    drop(decrypted);
    waits_for(|| bench.disable(), encrypted);
    bench.enable();
    let (decrypted, _) = bench.event_answer(Action::PiiDecrypt, &text);
    waits_for(|| bench.disable(), decrypted);
    let (without, _) = bench.event_answer(Action::PiiDecrypt, r#"{"id":1}"#);
    bench.enable();
    goes_past(|| bench.disable(), without);
}

#[test]
fn a_request_that_will_look_again_is_not_waited_for() {
    let bench = Bench::new();
    let body_still_arrives = bench.answer(&bench.app, Action::DekDecrypt, "telemetry");
    goes_past(|| bench.disable(), body_still_arrives);
}

#[test]
fn a_deletion_waits_for_every_answer_to_that_principal_and_to_no_other() {
    let bench = Bench::new();
    let other = bench.answer(&bench.operator, Action::DekRead, "telemetry");
    let own = bench.answer(&bench.app, Action::DekRead, "telemetry");
    waits_for(|| bench.delete_app(), own);
    drop(other);
}

#[test]
fn whoever_reads_too_slowly_is_cut_off_and_holds_nobody_up() {
    let bench = Bench::new();
    let slow = bench.answer(&bench.app, Action::DekPublicKey, "telemetry");
    let other = bench.answer(&bench.app, Action::DekPublicKey, "other");
    let begun = Instant::now();
    bench.disable();
    assert!(slow.is_void());
    assert!(!other.is_void());
    assert!(begun.elapsed() > A_WHILE, "it did not wait at all");
}
