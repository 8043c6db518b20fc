//! Sixty-four clients that obey no Retry-After, on a token that is slow: refusals are fast, memory stays, and the first
//! request after it is answered.

use std::{
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    thread,
    time::{Duration, Instant},
};

use crate::{
    alone::alone,
    callers::{HERE, THERE, from, once, request},
    double::Double,
    scene::{LIVE, Scene, WRAP, secret, wait},
    service::{Stop, eventually},
};

const CLIENTS: usize = 64;
const PRINCIPALS: usize = 4;
const LOAD: Duration = Duration::from_secs(5);

/// Small enough that each limit is met.
const SMALL: &str = "requests = 24\nrequests_per_principal = 8\nkey_uses = 4\nkey_wait = \"100ms\"";

/// What one client saw: statuses, and how long each took.
type Seen = Vec<(u16, Duration)>;

fn hammer(scene: &Scene, token: &str, stop: &AtomicBool) -> Seen {
    let ask = request("POST", WRAP, token, &secret().to_string());
    let mut stream = from(HERE, &scene.served.url);
    let mut seen = Vec::new();
    while !stop.load(SeqCst) {
        let begun = Instant::now();
        let reply = once(&mut stream, &ask);
        if reply.status != 200 {
            assert!([429, 503].contains(&reply.status), "{reply:?}");
            wait(reply.header("retry-after"));
        }
        seen.push((reply.status, begun.elapsed()));
        if reply.header("connection") == Some("close") {
            stream = from(HERE, &scene.served.url);
        }
    }
    seen
}

fn percentile(sorted: &[Duration], hundredths: usize) -> Duration {
    sorted[(sorted.len() - 1) * hundredths / 100]
}

fn of(seen: &Seen, is: impl Fn(u16) -> bool) -> Vec<Duration> {
    let ours = seen.iter().filter(|(status, _)| is(*status));
    let mut took: Vec<_> = ours.map(|(_, took)| *took).collect();
    took.sort();
    took
}

/// How long a request takes when nobody else asks.
fn usual(scene: &Scene, token: &str) -> Vec<Duration> {
    let stop = AtomicBool::new(false);
    let seen = thread::scope(|scope| {
        let client = scope.spawn(|| hammer(scene, token, &stop));
        thread::sleep(Duration::from_secs(1));
        stop.store(true, SeqCst);
        client.join().unwrap()
    });
    of(&seen, |status| status == 200)
}

#[test]
fn an_overloaded_service_refuses_fast_keeps_its_memory_and_is_back_at_once() {
    if !alone("overload::an_overloaded_service_refuses_fast_keeps_its_memory_and_is_back_at_once") {
        return;
    }
    let double = Double::bare();
    let scene = Scene::on(double.module().to_str().unwrap(), SMALL);
    let names: Vec<_> = (0..PRINCIPALS)
        .map(|number| format!("client-{number}"))
        .collect();
    let tokens: Vec<_> = names.iter().map(|name| scene.app(name).1).collect();
    double.sleep("C_Encrypt", 20);
    let alone = usual(&scene, &tokens[0]);
    let before = scene.figure("VmRSS");
    let (seen, highest, live) = under_load(&scene, &tokens);
    let ended = Instant::now();
    let mut stream = from(HERE, &scene.served.url);
    let ask = request("POST", WRAP, &tokens[0], &secret().to_string());
    eventually("it works again", || once(&mut stream, &ask).status == 200);
    let back = ended.elapsed();
    let (done, refused) = (
        of(&seen, |status| status == 200),
        of(&seen, |status| status != 200),
    );
    let (normal, slow) = (percentile(&alone, 50), percentile(&refused, 99));
    println!(
        "limits: alone {normal:.1?}; under load {} done, {} refused (429: {}, 503: {})",
        done.len(),
        refused.len(),
        of(&seen, |status| status == 429).len(),
        of(&seen, |status| status == 503).len(),
    );
    println!(
        "limits: refusals: median {:.1?}, p99 {slow:.1?}, {:.1} of a request alone; done: median {:.1?}, p99 {:.1?}",
        percentile(&refused, 50),
        slow.as_secs_f64() / normal.as_secs_f64(),
        percentile(&done, 50),
        percentile(&done, 99),
    );
    println!(
        "limits: {before} KiB alone, at most {highest} KiB under load; health at most {live:.1?}; works {back:.1?} after the load"
    );
    assert!(done.len() > 10 && refused.len() > 100);
    assert!(slow < Duration::from_secs(5), "{slow:?}");
    assert!(
        highest < before + 64 * 1024,
        "{before} KiB became {highest} KiB"
    );
    assert!(live < Duration::from_secs(5), "{live:?}");
    assert!(back < Duration::from_secs(5), "{back:?}");
}

/// All that the clients saw, the most memory that it took, and the slowest answer about the service's health.
fn under_load(scene: &Scene, tokens: &[String]) -> (Seen, usize, Duration) {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let (stop, token) = (&stop, &tokens[number % tokens.len()]);
                scope.spawn(move || hammer(scene, token, stop))
            })
            .collect();
        let stopped = Stop(&stop);
        let (begun, mut highest, mut live) = (Instant::now(), 0, Duration::ZERO);
        while begun.elapsed() < LOAD {
            highest = highest.max(scene.figure("VmRSS"));
            let asked = Instant::now();
            assert_eq!(scene.ask(THERE, "", LIVE).status, 200);
            live = live.max(asked.elapsed());
            thread::sleep(Duration::from_millis(50));
        }
        drop(stopped);
        let seen = clients
            .into_iter()
            .flat_map(|client| client.join().unwrap());
        (seen.collect(), highest, live)
    })
}
