//! A service, something that was wrapped and encrypted before, and the watch by which outages are measured.

use std::{
    fs,
    io::{self, Write},
    path::PathBuf,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use aegis_custodian::kek::pkcs11::Pkcs11Kek;
use cryptoki::session::Session;
use serde_json::{Value, json};

use crate::{
    double::Double,
    house::{House, RULES},
    service::{Answer, eventually},
    softhsm::{self, Token},
    watch::Watch,
};
use aegis_custodian::http::Limits;

/// Until 503, and for each answer.
pub const AT_ONCE: Duration = Duration::from_secs(2);
/// Until work, after the token's return.
pub const SOON: Duration = Duration::from_secs(5);

pub struct Scene {
    pub token: Token,
    pub house: House,
    pub auditor: String,
    pub log: Log,
    wrapped: Value,
    encrypted: Value,
}

/// What one who uses the service saw.
pub struct Seen {
    /// From the trouble to the first 503.
    pub refused: Duration,
    /// From the token's return to the first success.
    pub back: Duration,
}

impl Scene {
    pub fn open() -> Self {
        let token = Token::of_a_service();
        let kek = token.open(1);
        Self::on(token, kek)
    }

    pub fn doubled() -> (Self, Double) {
        let token = Token::of_a_service();
        let double = Double::new(&token);
        let kek = double.open(1);
        (Self::on(token, kek), double)
    }

    pub fn on(token: Token, kek: Pkcs11Kek) -> Self {
        let log = Log::start();
        let house = House::on(Arc::new(kek), Limits::default(), RULES);
        let (_, auditor) = house.auditor();
        let body = json!({"name": "telemetry", "algorithm": "aes-256-gcm"});
        house.post(&house.operator, "/v1/deks", body).is(201);
        let body = json!({"plaintext": "YQ=="});
        let wrapped = house.post(&house.app, "/v1/wrap", body.clone()).is(200);
        let path = "/v1/deks/telemetry/encrypt";
        let encrypted = house.post(&house.app, path, body).is(200);
        eventually("it is ready", || ready(&house).status == 200);
        Self {
            token,
            auditor,
            log,
            wrapped: json!({"wrapped": wrapped["wrapped"]}),
            encrypted: json!({"ciphertext": encrypted["ciphertext"]}),
            house,
        }
    }

    /// Does something in the token past the service. Meanwhile another provider uses the library too, so that the
    /// service does not finalize it under that: SoftHSM would crash.
    pub fn beside(&self, work: impl FnOnce(&Session)) {
        let guard = self.token.open(1);
        let session = self.token.session();
        work(&session);
        drop(session);
        drop(guard);
    }

    pub fn unwrap(&self) -> Answer {
        let (house, body) = (&self.house, self.wrapped.clone());
        house.post(&house.app, "/v1/unwrap", body)
    }

    /// By a DEK that is kept open.
    pub fn decrypt(&self) -> Answer {
        let (house, body) = (&self.house, self.encrypted.clone());
        house.post(&house.app, "/v1/deks/telemetry/decrypt", body)
    }

    /// What the service says of its key holder.
    pub fn state(&self) -> Value {
        let (house, path) = (&self.house, "/v1/capabilities");
        house.get(&house.app, path).is(200)["kek"]["state"].clone()
    }

    pub fn is(&self, level: &str, cause: &str) {
        let cause = Some(cause).filter(|cause| !cause.is_empty());
        eventually(&format!("{level}, {cause:?}"), || {
            let state = self.state();
            state["state"] == level && state["cause"] == json!(cause)
        });
    }

    pub fn reconnect(&self) -> Value {
        let (house, path) = (&self.house, "/v1/kek/reconnect");
        house.post(&house.operator, path, json!({})).is(200)
    }

    /// The actions and causes of what was written down of the key holder.
    pub fn audited(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let ours = |action: &str| ["kek.down", "kek.degraded", "kek.up"].contains(&action);
        let mut all = Vec::new();
        let mut from = 0;
        loop {
            let path = format!("/v1/audit/entries?limit=500&from={from}");
            let page = self.house.get(&self.auditor, &path).is(200);
            let entries = page["items"].as_array().unwrap();
            from += entries.len();
            let told = entries
                .iter()
                .map(|entry| (text(&entry["action"]), text(&entry["detail"]["cause"])));
            all.extend(told.filter(|(action, _)| ours(action)));
            if entries.is_empty() {
                return all;
            }
        }
    }

    /// Asserts that this, and no more, was written down, and logged.
    pub fn was_told(&self, changes: &[(&str, &str)]) {
        eventually("it is written down", || {
            self.audited().len() >= changes.len()
        });
        // A turn more: nothing follows.
        thread::sleep(Duration::from_millis(1200));
        let told = self.audited();
        let told: Vec<_> = told.iter().map(|(a, c)| (a.as_str(), c.as_str())).collect();
        assert_eq!(told, changes, "{}", self.log.text());
        for (level, action) in [
            ("down", "kek.down"),
            ("degraded", "kek.degraded"),
            ("up", "kek.up"),
        ] {
            let wanted = changes.iter().filter(|(one, _)| *one == action).count();
            let lines = self.log.count(&format!("the token is {level}"));
            assert_eq!(lines, wanted, "{level}: {}", self.log.text());
        }
    }

    /// Brings trouble, waits for 503, looks around, mends it, waits for work; each time is within the contract's.
    pub fn outage(
        &self,
        what: &str,
        trouble: impl FnOnce(),
        meanwhile: impl FnOnce(),
        mend: impl FnOnce(),
    ) -> Seen {
        let begun = Watch::start();
        trouble();
        let refused = thread::scope(|scope| {
            // One by an open DEK beside it.
            let decrypting = scope.spawn(|| until_refused(begun, || self.decrypt()));
            let refused = until_refused(begun, || self.unwrap());
            let (late, last) = decrypting.join().unwrap();
            assert!(
                last < AT_ONCE,
                "{what}: an open DEK was used after {last:?}"
            );
            println!(
                "outage: {what}: an open DEK was last used after {:.2} s, refused after {:.2} s",
                last.as_secs_f64(),
                late.as_secs_f64()
            );
            refused.0
        });
        assert!(refused < AT_ONCE, "{what}: 503 after {refused:?}");
        eventually("readiness notices", || ready(&self.house).status == 503);
        meanwhile();
        let returned = Watch::start();
        mend();
        let back = until_answered(returned, || self.unwrap());
        until_answered(returned, || self.decrypt());
        assert!(back < SOON, "{what}: work after {back:?}");
        println!(
            "outage: {what}: 503 after {:.2} s, work after {:.2} s",
            refused.as_secs_f64(),
            back.as_secs_f64()
        );
        eventually("readiness notices", || ready(&self.house).status == 200);
        Seen { refused, back }
    }
}

pub fn ready(house: &House) -> Answer {
    house.get("", "/v1/health/ready")
}

/// When 503 came, and when the last use began that succeeded, both since `begun`.
pub fn until_refused(begun: Watch, ask: impl Fn() -> Answer) -> (Duration, Duration) {
    let mut last = Duration::ZERO;
    loop {
        let (asked, watch) = (begun.elapsed(), Watch::start());
        let answer = ask();
        assert!(watch.elapsed() < AT_ONCE, "answered too late");
        if answer.status == 503 {
            is_down(&answer);
            return (begun.elapsed(), last);
        }
        assert_eq!(answer.status, 200, "{answer:?}");
        last = asked;
        assert!(last < SOON, "never refused");
    }
}

fn until_answered(returned: Watch, ask: impl Fn() -> Answer) -> Duration {
    loop {
        let answer = ask();
        if answer.status == 200 {
            return returned.elapsed();
        }
        is_down(&answer);
        assert!(returned.elapsed() < SOON, "not back");
        thread::sleep(Duration::from_millis(10));
    }
}

#[track_caller]
pub fn is_down(answer: &Answer) {
    answer.is_refused(503, "kek_unavailable");
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!(wait >= 1);
}

/// Where SoftHSM keeps its tokens.
pub fn tokens() -> PathBuf {
    softhsm::home().join("tokens")
}

/// A place beside it.
pub fn aside(name: &str) -> PathBuf {
    softhsm::home().join(name)
}

/// The only token's own folder.
pub fn token_folder() -> PathBuf {
    let mut folders = fs::read_dir(tokens()).unwrap();
    folders.next().unwrap().unwrap().path()
}

/// What is logged in this process.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn start() -> Self {
        let log = Self::default();
        let writer = log.clone();
        let _another_scene_did = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::INFO)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .try_init();
        log
    }

    pub fn text(&self) -> String {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        let about = |line: &&str| line.contains("the token is");
        text.lines().filter(about).collect::<Vec<_>>().join("\n")
    }

    pub fn count(&self, words: &str) -> usize {
        let text = self.text();
        text.lines().filter(|line| line.contains(words)).count()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
