//! Clients that go on whatever happens to the service, and what they met.

use std::fmt;

use super::*;
use prepare::PLAINTEXT;

/// The service, dead or alive, and what was made with it.
pub struct Stage {
    client: RwLock<Option<Arc<Client>>>,
    pub blobs: Mutex<Vec<Blob>>,
    wrapped: Value,
    dying: AtomicBool,
}

/// One client.
pub struct Worker<'a> {
    pub stage: &'a Stage,
    pub dice: Dice,
    /// A DEK that no other client rotates.
    pub own: String,
    pub since: Instant,
    pub figures: Figures,
}

const SLOW: Duration = Duration::from_millis(100);

/// What requests met.
#[derive(Default)]
pub struct Figures {
    /// By status.
    answers: BTreeMap<u16, u64>,
    /// Cut off by a kill.
    cut: u64,
    /// Without an answer though the service was up.
    lost: u64,
    /// The longest that one took, what it was, and when it began.
    longest: (Duration, &'static str, Duration),
    /// How many took longer than [`SLOW`].
    slow: u64,
    seconds: f64,
}

impl Stage {
    pub fn new(client: Client, prepared: Prepared) -> Self {
        Self {
            client: RwLock::new(Some(Arc::new(client))),
            blobs: Mutex::new(prepared.blobs),
            wrapped: prepared.wrapped,
            dying: AtomicBool::new(false),
        }
    }

    /// Loads the service while `work` is done.
    pub fn load(&self, dice: &mut Dice, work: impl FnOnce()) -> Figures {
        let (begun, over) = (Instant::now(), AtomicBool::new(false));
        let mut all = Figures::default();
        thread::scope(|scope| {
            let clients: Vec<_> = (0..CLIENTS)
                .map(|number| {
                    let mut worker = Worker {
                        stage: self,
                        dice: dice.split(),
                        own: format!("dek-{number}"),
                        since: begun,
                        figures: Figures::default(),
                    };
                    let over = &over;
                    scope.spawn(move || {
                        while !over.load(SeqCst) {
                            worker.step();
                        }
                        worker.figures
                    })
                })
                .collect();
            let _ends = EndsWith(&over);
            work();
            over.store(true, SeqCst);
            for client in clients {
                all.add(client.join().unwrap());
            }
        });
        all.seconds = begun.elapsed().as_secs_f64();
        all
    }

    /// The living service.
    pub fn client(&self) -> Arc<Client> {
        self.client.read().unwrap().clone().unwrap()
    }

    pub fn kill(&self, service: &Service) {
        self.dying.store(true, SeqCst);
        service.kill();
        *self.client.write().unwrap() = None;
    }

    pub fn is_back(&self, client: Client) {
        *self.client.write().unwrap() = Some(Arc::new(client));
        self.dying.store(false, SeqCst);
    }
}

/// Lets the clients end though the work fails.
struct EndsWith<'a>(&'a AtomicBool);

impl Drop for EndsWith<'_> {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

impl Worker<'_> {
    fn step(&mut self) {
        let Some(client) = self.stage.client.read().unwrap().clone() else {
            return thread::sleep(Duration::from_millis(2));
        };
        match self.dice.below(10) {
            0 => self.rotate(&client),
            1 | 2 => self.wrap(&client),
            3 | 4 => self.unwrap(&client),
            5 | 6 => self.encrypt(&client),
            _ => self.decrypt(&client),
        }
    }

    fn rotate(&mut self, client: &Client) {
        let path = format!("/v1/deks/{}/rotate", self.own);
        self.call(client, "operator", "rotate", &path, json!({}));
    }

    fn wrap(&mut self, client: &Client) {
        let body = json!({"plaintext": PLAINTEXT});
        self.call(client, "app", "wrap", "/v1/wrap", body);
    }

    fn unwrap(&mut self, client: &Client) {
        let body = json!({"wrapped": self.stage.wrapped});
        let opened = self.call(client, "app", "unwrap", "/v1/unwrap", body);
        assert!(opened.is_none_or(|opened| opened["plaintext"] == PLAINTEXT));
    }

    fn encrypt(&mut self, client: &Client) {
        let dek = self.own.clone();
        let path = format!("/v1/deks/{dek}/encrypt");
        let body = json!({"plaintext": PLAINTEXT});
        if let Some(mut made) = self.call(client, "app", "encrypt", &path, body) {
            let ciphertext = made["ciphertext"].take();
            let blob = Blob { dek, ciphertext };
            self.stage.blobs.lock().unwrap().push(blob);
        }
    }

    fn decrypt(&mut self, client: &Client) {
        let blob = self.dice.one_of(&self.stage.blobs.lock().unwrap()).clone();
        let path = format!("/v1/deks/{}/decrypt", blob.dek);
        let body = json!({"ciphertext": blob.ciphertext});
        let opened = self.call(client, "app", "decrypt", &path, body);
        assert!(opened.is_none_or(|opened| opened["plaintext"] == PLAINTEXT));
    }

    /// The answer, if it was one of success.
    fn call(
        &mut self,
        client: &Client,
        role: &str,
        what: &'static str,
        path: &str,
        body: Value,
    ) -> Option<Value> {
        let begun = Instant::now();
        let token = client.token(role);
        let reply = client.send(token, what, "POST", path, body, None);
        let Some(reply) = reply else {
            match self.stage.dying.load(SeqCst) {
                true => self.figures.cut += 1,
                false => self.figures.lost += 1,
            }
            return None;
        };
        let took = begun.elapsed();
        let one = (took, what, begun.duration_since(self.since));
        self.figures.longest = self.figures.longest.max(one);
        self.figures.slow += u64::from(took > SLOW);
        *self.figures.answers.entry(reply.status).or_default() += 1;
        if reply.status >= 400 {
            println!("{what}: {}", reply.text);
        }
        (reply.status < 400).then_some(reply.body)
    }
}

impl Figures {
    fn add(&mut self, other: Self) {
        for (status, count) in other.answers {
            *self.answers.entry(status).or_default() += count;
        }
        self.cut += other.cut;
        self.lost += other.lost;
        self.longest = self.longest.max(other.longest);
        self.slow += other.slow;
    }

    /// Requests that failed though the service was up.
    pub fn failed(&self) -> u64 {
        let refused = self.answers.iter().filter(|(status, _)| **status >= 400);
        refused.map(|(_, count)| count).sum::<u64>() + self.lost
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: u64 = self.answers.values().sum();
        let (longest, what, at) = self.longest;
        write!(
            out,
            "{all} requests in {:.1} s, by status {:?}, {} cut off by a kill, {} lost, {} slower than {} ms, the longest {} ms ({what}, after {:.1} s)",
            self.seconds,
            self.answers,
            self.cut,
            self.lost,
            self.slow,
            SLOW.as_millis(),
            longest.as_millis(),
            at.as_secs_f64()
        )
    }
}
