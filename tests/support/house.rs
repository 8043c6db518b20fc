//! A service in this process whose time, rules and limits a test sets: real HTTP, a real SoftHSM token, a real database.

use std::{
    borrow::Cow,
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

use aegis_custodian::{
    config::TERMS,
    crypto::scheme::{Network, Scheme},
    custodian::{
        Clock, Custodian, Encryptions, Fields, KekRotation, LogTerms, Quorum, Rules,
        bearer::BearerToken, provision::First,
    },
    duration::Period,
    http::Limits,
    id::Subject,
    kek::KeyHolder,
    policy::{Grants, Role},
    server,
    store::Store,
};
use jiff::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    service::{Answer, agent, send},
    softhsm,
};

/// What `init` will have by default.
pub const RULES: Rules = Rules {
    admin_quorum: Quorum::Two,
    token_lifetime: Period::days(90),
    dek_cache: Duration::from_secs(60),
    destroy_delay: Duration::from_secs(7 * 24 * 60 * 60),
    encryptions: Encryptions::STANDARD,
    kek_rotation: KekRotation::ByItself,
    instance: Cow::Borrowed("house"),
    schemes: Cow::Borrowed(Scheme::ALL),
    network: Network::Bitcoin,
    overrides: TERMS,
    pii_fields: Fields::STANDARD,
    log: LogTerms {
        origin: Cow::Borrowed("house"),
        public_tiles: false,
        note_every: Duration::ZERO,
    },
};

/// ada and bob are admins that nobody created; operator is an operator and app an app that is granted every DEK.
pub struct House {
    pub url: String,
    pub agent: ureq::Agent,
    pub seconds: Arc<AtomicI64>,
    pub ada: String,
    pub bob: String,
    pub operator: String,
    pub app: String,
    pub home: TempDir,
    _end: End,
}

/// Lets no thread of the service call into the token's library when the process ends: SoftHSM does not survive that.
struct End(Arc<dyn KeyHolder>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl House {
    pub fn open() -> Self {
        Self::with(Limits::default(), RULES)
    }

    pub fn limited(limits: Limits) -> Self {
        Self::with(limits, RULES)
    }

    pub fn ruled(rules: Rules) -> Self {
        Self::with(Limits::default(), rules)
    }

    pub fn with(limits: Limits, rules: Rules) -> Self {
        Self::on(Arc::new(softhsm::Token::new().open(1)), limits, rules)
    }

    /// On a key holder of the test's own.
    pub fn on(kek: Arc<dyn KeyHolder>, limits: Limits, rules: Rules) -> Self {
        Self::timed(kek, limits, rules, |seconds| seconds.load(SeqCst))
    }

    /// With a clock that does what the test wants when it is asked.
    pub fn timed(
        kek: Arc<dyn KeyHolder>,
        limits: Limits,
        rules: Rules,
        tick: impl Fn(&AtomicI64) -> i64 + Send + Sync + 'static,
    ) -> Self {
        let home = TempDir::new().unwrap();
        let seconds = Arc::new(AtomicI64::new(1_795_000_000));
        let source = Arc::clone(&seconds);
        let clock = Clock::from(move || Timestamp::from_second(tick(&source)).unwrap());
        let store = Store::open(&home.path().join("custodian.db")).unwrap();
        let end = End(kek.clone());
        let custodian = Custodian::new(kek, store, clock, rules);
        custodian.make_first_kek().unwrap();
        custodian.adopt_keyring().unwrap();
        custodian.make_signing_keys().unwrap();
        let firsts = [
            ("ada", Role::Admin),
            ("bob", Role::Admin),
            ("house-operator", Role::Operator),
            ("house-app", Role::App),
        ]
        .map(|(name, role)| first(name, role));
        let tokens = firsts.each_ref();
        let tokens = tokens.map(|first| first.token.expose().to_owned());
        custodian.provision(firsts.into()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (ready, is_ready) = crossbeam_channel::bounded(1);
        thread::spawn(move || {
            let ready = || ready.send(()).unwrap();
            server::serve(listener, custodian, limits, ready).unwrap();
        });
        is_ready.recv().unwrap();
        let [ada, bob, operator, app] = tokens;
        Self {
            url,
            agent: agent(),
            seconds,
            ada,
            bob,
            operator,
            app,
            home,
            _end: end,
        }
    }

    pub fn call(&self, token: &str, method: &str, path: &str, body: &Value) -> Answer {
        let bearer = format!("Bearer {token}");
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
        ];
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        send(
            &self.agent,
            method,
            &format!("{}{path}", self.url),
            &headers,
            body.as_bytes(),
        )
    }

    /// A POST of this very text.
    pub fn raw(&self, token: &str, path: &str, body: &str) -> Answer {
        let (url, bearer) = (format!("{}{path}", self.url), format!("Bearer {token}"));
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
        ];
        send(&self.agent, "POST", &url, &headers, body.as_bytes())
    }

    pub fn post(&self, token: &str, path: &str, body: Value) -> Answer {
        self.call(token, "POST", path, &body)
    }

    pub fn get(&self, token: &str, path: &str) -> Answer {
        self.call(token, "GET", path, &Value::Null)
    }

    /// An auditor, made by ada: its path and its token.
    pub fn auditor(&self) -> (String, String) {
        let body = json!({"name": "audit", "subject": "audit", "roles": ["auditor"]});
        let made = self.post(&self.ada, "/v1/admin/principals", body).is(201);
        let path = format!("/v1/admin/principals/{}", made["id"].as_str().unwrap());
        (path, made["token"].as_str().unwrap().to_owned())
    }

    pub fn pass(&self, seconds: i64) {
        self.seconds.fetch_add(seconds, SeqCst);
    }
}

fn first(name: &'static str, role: Role) -> First {
    let granted = (role == Role::App).then(|| "*".to_owned());
    First {
        name: name.to_owned(),
        subject: Subject::folded(name).unwrap(),
        role,
        grants: Grants {
            deks: granted.into_iter().collect(),
            ..Grants::default()
        },
        token: BearerToken::fresh().unwrap(),
    }
}
