//! A watch that stands still while the machine does: the contract's times bind the service, not a host that runs nothing.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

/// How often it is looked whether threads run.
const TICK: Duration = Duration::from_millis(2);
/// Beyond it a thread that sleeps for a tick was kept from running.
const LATE: Duration = Duration::from_millis(10);

/// Microseconds for which nothing ran, since the process began.
static STOOD_STILL: AtomicU64 = AtomicU64::new(0);
static TICKS: AtomicU64 = AtomicU64::new(0);

/// The time since its start.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    begun: Instant,
    stood_still: u64,
}

impl Watch {
    pub fn start() -> Self {
        static BEGUN: OnceLock<()> = OnceLock::new();
        BEGUN.get_or_init(|| drop(thread::spawn(look)));
        Self {
            begun: Instant::now(),
            stood_still: STOOD_STILL.load(SeqCst),
        }
    }

    pub fn elapsed(&self) -> Duration {
        let elapsed = self.begun.elapsed();
        let ticks = TICKS.load(SeqCst);
        while TICKS.load(SeqCst) < ticks + 2 {
            thread::sleep(TICK);
        }
        let stood_still = STOOD_STILL.load(SeqCst) - self.stood_still;
        elapsed.saturating_sub(Duration::from_micros(stood_still))
    }
}

fn look() {
    let mut before = Instant::now();
    loop {
        thread::sleep(TICK);
        let now = Instant::now();
        let slept = now - before;
        before = now;
        if slept > LATE {
            let late = u64::try_from(slept.as_micros()).unwrap();
            STOOD_STILL.fetch_add(late, SeqCst);
        }
        TICKS.fetch_add(1, SeqCst);
    }
}
