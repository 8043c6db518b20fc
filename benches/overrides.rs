//! What one signature costs: submissions to a running release service over real HTTP, the first signature of an override
//! and the second, which the token countersigns, in each scheme; beside requesting an override in the same run, and
//! beside the raw token. `OVERRIDES_EACH` (300) says how many of each.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]
#![allow(missing_docs, unreachable_pub, dead_code)]

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use aegis_custodian::crypto::scheme::Kind;
use cryptoki::{
    mechanism::{
        Mechanism,
        eddsa::{EddsaParams, EddsaSignatureScheme},
    },
    object::Attribute,
};
use people::{Desk, KINDS, Person, RISK, SECURITY, text};
use serde_json::{Value, json};
use service::{Answer, agent, send};
use tempfile::TempDir;

#[path = "../tests/support/dice.rs"]
mod dice;
#[path = "../tests/support/people.rs"]
mod people;
#[path = "../tests/support/service.rs"]
mod service;
#[path = "../tests/support/softhsm.rs"]
mod softhsm;

const CONNECTIONS: [usize; 2] = [1, 8];
/// The curve as an object identifier in DER (RFC 8410 section 3).
const ED25519: &[u8] = &[0x06, 0x03, 0x2b, 0x65, 0x70];
const RAW: Duration = Duration::from_secs(3);

fn main() {
    let raw = raw_rate();
    println!("raw token: {raw:.0} Ed25519 signatures/s (bare session, one thread)\n");
    println!(
        "{:<26}{:<22}{:>6}{:>10}{:>10}{:>9}{:>9}{:>12}{:>9}",
        "scheme",
        "submission",
        "conn.",
        "per s",
        "mean ms",
        "p50 ms",
        "p99 ms",
        "of request",
        "of raw"
    );
    let home = TempDir::new().unwrap();
    let desk = Running::start(home.path());
    let each = dice::number("OVERRIDES_EACH").map_or(300, |each| each as usize);
    for kind in KINDS {
        let (first, second) = pair(&desk, kind);
        for connections in CONNECTIONS {
            let name = name(kind);
            let (asked, request) = requested(&desk, &name, each, connections);
            let row = |submission, figures: &Figures| {
                figures.print(&name, submission, connections, request.rate, raw);
            };
            row("request (baseline)", &request);
            for (who, submission, status) in [
                (&first, "first signature", "partial"),
                (&second, "second, countersigned", "approved"),
            ] {
                let bodies = signed(who, &asked);
                let token = &who.token;
                let (figures, answers) = desk.time(connections, token, &bodies);
                for answer in answers {
                    assert_eq!(answer.is(200)["status"], status);
                }
                row(submission, &figures);
            }
        }
    }
}

/// Ed25519 signatures a second in a bare session of the token: what a countersignature can cost at best.
fn raw_rate() -> f64 {
    let session = softhsm::Token::new().session();
    let [public, private] = [Attribute::Verify(true), Attribute::Sign(true)];
    let (_, key) = session
        .generate_key_pair(
            &Mechanism::EccEdwardsKeyPairGen,
            &[Attribute::EcParams(ED25519.to_vec()), public],
            &[private],
        )
        .unwrap();
    let eddsa = Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Pure));
    let (begun, mut count) = (Instant::now(), 0_u32);
    while begun.elapsed() < RAW {
        session.sign(&eddsa, key, &[7; 32]).unwrap();
        count += 1;
    }
    f64::from(count) / begun.elapsed().as_secs_f64()
}

/// One custodian in each role.
fn pair(desk: &Running, kind: Kind) -> (Person, Person) {
    let person = |role: &str| {
        let subject = format!("{role}-{}", name(kind).replace(' ', "-"));
        Person::enrol(desk, &subject, role, kind)
    };
    (person(RISK), person(SECURITY))
}

fn name(kind: Kind) -> String {
    match kind {
        Kind::Bip322Simple { address, .. } => format!("bip322-simple {address:?}"),
        Kind::Bip340 | Kind::Ed25519 | Kind::Ed25519MlDsa44 => kind.scheme().name().to_owned(),
    }
}

/// So many overrides, and what it took to request them.
fn requested(desk: &Running, name: &str, each: usize, connections: usize) -> (Vec<Value>, Figures) {
    let body = |at: usize| {
        let justification = format!("{name} {connections} {at}");
        let body = json!({"proposal_id": "bench", "justification": justification, "failed_gates": ["risk"]});
        ("/v1/overrides".to_owned(), body.to_string())
    };
    let bodies: Vec<_> = (0..each).map(body).collect();
    let (figures, answers) = desk.time(connections, &desk.app(), &bodies);
    let asked = answers.into_iter().map(|answer| answer.is(201));
    (asked.collect(), figures)
}

/// The submissions of a custodian, signed beforehand.
fn signed(who: &Person, asked: &[Value]) -> Vec<(String, String)> {
    let one = |of: &Value| {
        let path = format!("/v1/overrides/{}/signatures", text(of, "id"));
        let body = json!({"custodian_id": who.id, "signature": who.signature(of)});
        (path, body.to_string())
    };
    asked.iter().map(one).collect()
}

struct Figures {
    rate: f64,
    /// Of each submission, in order.
    times: Vec<Duration>,
}

impl Figures {
    fn print(&self, name: &str, submission: &str, connections: usize, request: f64, raw: f64) {
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        let at = |percent: usize| ms(self.times[(self.times.len() - 1) * percent / 100]);
        let mean = ms(self.times.iter().sum::<Duration>()) / self.times.len() as f64;
        println!(
            "{name:<26}{submission:<22}{connections:>6}{:>10.0}{mean:>10.2}{:>9.2}{:>9.2}{:>12.2}{:>8.1}%",
            self.rate,
            at(50),
            at(99),
            self.rate / request,
            self.rate / raw * 100.0,
        );
    }
}

/// The release binary as `dev`, stopped on drop.
struct Running {
    child: Child,
    url: String,
    admin: String,
    app: String,
    agent: ureq::Agent,
}

impl Running {
    fn start(home: &Path) -> Self {
        let log = File::create(home.join("log")).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_custodian"))
            .args(["dev", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(home)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        said.read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("listening on ").unwrap();
        let token = |role: &str| fs::read_to_string(home.join(format!("{role}.token"))).unwrap();
        Self {
            child,
            url: url.to_owned(),
            admin: token("admin"),
            app: token("app"),
            agent: agent(),
        }
    }

    /// Posts each body once, over so many connections that stay open.
    fn time(
        &self,
        connections: usize,
        token: &str,
        bodies: &[(String, String)],
    ) -> (Figures, Vec<Answer>) {
        let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        let agents: Vec<_> = (0..connections).map(|_| agent()).collect();
        // A connection is open before the time begins.
        let open = |agent| {
            send(
                agent,
                "GET",
                &format!("{}/v1/health/live", self.url),
                &[],
                b"",
            )
        };
        agents.iter().for_each(|agent| drop(open(agent)));
        let begun = Instant::now();
        thread::scope(|scope| {
            for agent in &agents {
                scope.spawn(|| {
                    while let Some((path, body)) = bodies.get(next.fetch_add(1, SeqCst)) {
                        let before = Instant::now();
                        let answer = self.post(agent, token, path, body);
                        done.lock().unwrap().push((before.elapsed(), answer));
                    }
                });
            }
        });
        let rate = bodies.len() as f64 / begun.elapsed().as_secs_f64();
        let (mut times, answers): (Vec<_>, _) = done.into_inner().unwrap().into_iter().unzip();
        times.sort_unstable();
        (Figures { rate, times }, answers)
    }

    fn post(&self, agent: &ureq::Agent, token: &str, path: &str, body: &str) -> Answer {
        self.call(agent, token, "POST", path, body)
    }

    fn call(
        &self,
        agent: &ureq::Agent,
        token: &str,
        method: &str,
        path: &str,
        body: &str,
    ) -> Answer {
        let bearer = format!("Bearer {token}");
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
        ];
        let url = format!("{}{path}", self.url);
        send(agent, method, &url, &headers, body.as_bytes())
    }
}

impl Desk for Running {
    fn ask(&self, token: &str, method: &str, path: &str, body: &Value) -> Answer {
        self.call(&self.agent, token, method, path, &body.to_string())
    }

    fn admin(&self) -> String {
        self.admin.clone()
    }

    fn app(&self) -> String {
        self.app.clone()
    }

    fn second(&self) -> Option<String> {
        None
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _gone_already = self.child.kill();
        let _reaped = self.child.wait();
    }
}
