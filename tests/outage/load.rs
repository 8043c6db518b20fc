//! The token goes away and comes back three times while four clients encrypt, decrypt, wrap, unwrap and ask for
//! overrides: the real binary, over a socket.

use std::{
    fs,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    scene::{AT_ONCE, SOON},
    service::{Answer, Service, eventually},
    watch::Watch,
};

const CLIENTS: usize = 4;
const OUTAGES: usize = 3;

#[derive(Default)]
struct Tally {
    done: AtomicUsize,
    refused: AtomicUsize,
    stop: AtomicBool,
}

/// What the clients use again and again.
struct Made {
    wrapped: Value,
    encrypted: Value,
}

fn ask(service: &Service, made: &Made, turn: usize) -> Answer {
    let plain = || json!({"plaintext": "YQ=="});
    match turn % 5 {
        0 => service.post("app", "/v1/wrap", plain()),
        1 => service.post("app", "/v1/unwrap", made.wrapped.clone()),
        2 => service.post("app", "/v1/deks/telemetry/encrypt", plain()),
        3 => service.post("app", "/v1/deks/telemetry/decrypt", made.encrypted.clone()),
        _ => service.post("app", "/v1/overrides", request(turn)),
    }
}

fn request(turn: usize) -> Value {
    json!({
        "proposal_id": "p-1", "justification": format!("turn {turn}"), "failed_gates": ["risk"],
    })
}

/// Each answer is a success, or a 503 that says when to come again.
fn judge(answer: &Answer, took: Duration, tally: &Tally) {
    assert!(took < AT_ONCE, "{took:?}: {answer:?}");
    match answer.status {
        200 | 201 => tally.done.fetch_add(1, SeqCst),
        503 => {
            let code = answer.code();
            assert!(
                ["kek_unavailable", "not_ready"].contains(&&*code),
                "{answer:?}"
            );
            let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
            assert!(wait >= 1);
            // A client that does not obey it would measure only how fast refusals are.
            thread::sleep(Duration::from_millis(20));
            tally.refused.fetch_add(1, SeqCst)
        }
        _ => panic!("{answer:?}"),
    };
}

/// A figure of the process: `Threads`, or `VmRSS` in KiB.
fn figure(service: &Service, name: &str) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", service.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let number = line
        .unwrap()
        .trim_start_matches(':')
        .split_whitespace()
        .next();
    number.unwrap().parse().unwrap()
}

fn wrap(service: &Service) -> Answer {
    service.post("app", "/v1/wrap", json!({"plaintext": "YQ=="}))
}

/// Takes the token away and puts it back; answers how long 503 and work took.
fn outage(service: &Service) -> (Duration, Duration) {
    let (here, away) = (service.dir.join("softhsm/tokens"), service.dir.join("away"));
    let begun = Watch::start();
    fs::rename(&here, &away).unwrap();
    while wrap(service).status != 503 {
        assert!(begun.elapsed() < AT_ONCE);
    }
    let refused = begun.elapsed();
    thread::sleep(Duration::from_millis(1500));
    let _none = fs::remove_dir_all(&here);
    fs::rename(&away, &here).unwrap();
    let returned = Watch::start();
    while wrap(service).status != 200 {
        assert!(returned.elapsed() < SOON);
        thread::sleep(Duration::from_millis(10));
    }
    let back = returned.elapsed();
    thread::sleep(Duration::from_millis(1500));
    (refused, back)
}

#[test]
fn under_load_each_outage_is_503_and_one_entry_down_and_one_up() {
    let service = Service::of_the_contract();
    service.make_dek("telemetry");
    let plain = json!({"plaintext": "YQ=="});
    let wrapped = wrap(&service).is(200)["wrapped"].clone();
    let path = "/v1/deks/telemetry/encrypt";
    let encrypted = service.post("app", path, plain).is(200)["ciphertext"].clone();
    let made = Made {
        wrapped: json!({"wrapped": wrapped}),
        encrypted: json!({"ciphertext": encrypted}),
    };
    let tally = Tally::default();
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (service, made, tally) = (&service, &made, &tally);
            scope.spawn(move || {
                for turn in (client * 1_000_000).. {
                    if tally.stop.load(SeqCst) {
                        break;
                    }
                    let begun = Watch::start();
                    let answer = ask(service, made, turn);
                    judge(&answer, begun.elapsed(), tally);
                }
            });
        }
        let stop = Stop(&tally);
        thread::sleep(Duration::from_secs(1));
        outage_rounds(&service);
        drop(stop);
    });
    let (done, refused) = (tally.done.load(SeqCst), tally.refused.load(SeqCst));
    println!("outage: under load: {done} requests done, {refused} refused with 503");
    assert!(done > 100 && refused > CLIENTS * OUTAGES);
    let told = changes(&service);
    let wanted = ["kek.down", "kek.up"].repeat(OUTAGES);
    assert_eq!(told, wanted);
    eventually("it is ready", || {
        service.get("", "/v1/health/ready").status == 200
    });
}

/// Ends the clients, even if something else went wrong.
struct Stop<'a>(&'a Tally);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.stop.store(true, SeqCst);
    }
}

fn outage_rounds(service: &Service) {
    let mut before = None;
    for round in 1..=OUTAGES {
        let (refused, back) = outage(service);
        println!(
            "outage: under load, round {round}: 503 after {:.2} s, work after {:.2} s",
            refused.as_secs_f64(),
            back.as_secs_f64()
        );
        let (threads, memory) = (figure(service, "Threads"), figure(service, "VmRSS"));
        println!("outage: under load, round {round}: {threads} threads, {memory} KiB");
        let (few, little) = *before.get_or_insert((threads, memory));
        // Two of the HTTP server's, and the three that one background thread may cost.
        assert!(threads <= few + 5, "{few} threads became {threads}");
        assert!(memory <= little + 16 * 1024, "{little} KiB became {memory}");
    }
}

fn changes(service: &Service) -> Vec<String> {
    let ours = ["kek.down", "kek.degraded", "kek.up"];
    let entries = service.audit().into_iter();
    let actions = entries.map(|entry| entry["action"].as_str().unwrap().to_owned());
    actions.filter(|action| ours.contains(&&**action)).collect()
}
