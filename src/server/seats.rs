//! Seats: every connection has one. When all are taken, who comes has that of a stranger: whoever holds connections
//! without having shown that it may use the service keeps nobody out.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::Context,
};

use futures_util::task::AtomicWaker;

use crate::http::Known;

/// Connections that have lost their seat and are not closed yet. Beyond it nobody else loses one.
pub(super) const LEAVING: usize = 256;

/// The seats of all connections: so many in all, and so many for each source.
#[derive(Debug)]
pub(super) struct Seats {
    all: usize,
    each: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    last: u64,
    /// The oldest first.
    sitting: BTreeMap<u64, Arc<Sitter>>,
    each: HashMap<IpAddr, usize>,
    leaving: usize,
}

#[derive(Debug)]
struct Sitter {
    source: IpAddr,
    known: Known,
    lost: AtomicBool,
    waker: AtomicWaker,
}

/// A connection's seat, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    of: Arc<Seats>,
    number: u64,
    sitter: Arc<Sitter>,
}

impl Seats {
    pub(super) fn new(all: usize, each: usize) -> Arc<Self> {
        let taken = Mutex::default();
        Arc::new(Self { all, each, taken })
    }

    /// A seat for a connection from there, whose caller is `known` once it has shown a valid token or certificate.
    /// `None` where all are taken by callers that are known.
    pub(super) fn take(self: &Arc<Self>, source: IpAddr, known: Known) -> Option<Seat> {
        let mut taken = self.taken();
        if taken.of(source) >= self.each {
            let stranger = taken.oldest_stranger(source)?;
            taken.lose(stranger)?;
        } else if taken.sitting.len() >= self.all {
            let crowd = taken.most_strangers()?;
            let stranger = taken.oldest_stranger(crowd)?;
            taken.lose(stranger)?;
        }
        let sitter = Arc::new(Sitter {
            source,
            known,
            lost: AtomicBool::new(false),
            waker: AtomicWaker::new(),
        });
        let number = taken.sit(sitter.clone());
        let of = self.clone();
        Some(Seat { of, number, sitter })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    fn of(&self, source: IpAddr) -> usize {
        self.each.get(&source).copied().unwrap_or(0)
    }

    fn strangers(&self) -> impl Iterator<Item = (u64, &Sitter)> {
        let all = self
            .sitting
            .iter()
            .map(|(number, sitter)| (*number, &**sitter));
        all.filter(|(_, sitter)| !sitter.known.is_so())
    }

    fn oldest_stranger(&self, source: IpAddr) -> Option<u64> {
        let mut strangers = self.strangers();
        let oldest = strangers.find(|(_, sitter)| sitter.source == source);
        oldest.map(|(number, _)| number)
    }

    /// The source with the most strangers: who comes alone from its own is the last to lose its seat.
    fn most_strangers(&self) -> Option<IpAddr> {
        let mut each: HashMap<IpAddr, usize> = HashMap::new();
        for (_, sitter) in self.strangers() {
            *each.entry(sitter.source).or_default() += 1;
        }
        let most = each.into_iter().max_by_key(|(_, number)| *number);
        most.map(|(source, _)| source)
    }

    fn sit(&mut self, sitter: Arc<Sitter>) -> u64 {
        self.last += 1;
        *self.each.entry(sitter.source).or_default() += 1;
        self.sitting.insert(self.last, sitter);
        self.last
    }

    /// Takes a seat from its connection, which ends as soon as it notices.
    fn lose(&mut self, number: u64) -> Option<()> {
        if self.leaving >= LEAVING {
            return None;
        }
        let sitter = self.stand(number)?;
        self.leaving += 1;
        sitter.lost.store(true, Ordering::Release);
        sitter.waker.wake();
        Some(())
    }

    fn stand(&mut self, number: u64) -> Option<Arc<Sitter>> {
        let sitter = self.sitting.remove(&number)?;
        if let Some(own) = self.each.get_mut(&sitter.source) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                self.each.remove(&sitter.source);
            }
        }
        Some(sitter)
    }
}

impl Seat {
    /// Whether somebody else has it now; who asks is woken when that comes to pass.
    pub(super) fn is_lost(&self, task: &Context<'_>) -> bool {
        self.sitter.waker.register(task.waker());
        self.sitter.lost.load(Ordering::Acquire)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.of.taken();
        if taken.stand(self.number).is_none() {
            taken.leaving = taken.leaving.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{net::IpAddr, sync::Arc, task::Context};

    use futures_util::task::noop_waker;

    use super::{Seat, Seats};
    use crate::http::Known;

    fn source(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    fn stranger(seats: &Arc<Seats>, last: u8) -> Option<Seat> {
        seats.take(source(last), Known::default())
    }

    fn caller(seats: &Arc<Seats>, last: u8) -> Option<Seat> {
        let known = Known::default();
        let seat = seats.take(source(last), known.clone());
        known.set(true);
        seat
    }

    fn lost(seat: &Seat) -> bool {
        seat.is_lost(&Context::from_waker(&noop_waker()))
    }

    #[test]
    fn who_comes_when_all_are_taken_has_the_oldest_strangers_of_the_largest_crowd() {
        let seats = Seats::new(4, 3);
        let alone = stranger(&seats, 1).unwrap();
        let crowd = [2; 3].map(|last| stranger(&seats, last).unwrap());
        let fresh = caller(&seats, 3).unwrap();
        assert!(lost(&crowd[0]));
        let kept = [&alone, &crowd[1], &crowd[2], &fresh];
        assert!(kept.iter().all(|seat| !lost(seat)));
    }

    #[test]
    fn a_source_that_has_all_its_seats_gives_its_own_away() {
        let seats = Seats::new(8, 2);
        let (other, old) = (stranger(&seats, 1).unwrap(), stranger(&seats, 2).unwrap());
        let known = caller(&seats, 2).unwrap();
        let fresh = stranger(&seats, 2).unwrap();
        assert!(lost(&old));
        assert!([&other, &known, &fresh].iter().all(|seat| !lost(seat)));
    }

    #[test]
    fn nobody_who_is_known_loses_a_seat() {
        let seats = Seats::new(4, 2);
        let known = [1, 1, 2, 2].map(|last| caller(&seats, last).unwrap());
        assert!(stranger(&seats, 1).is_none() && stranger(&seats, 3).is_none());
        assert!(!known.iter().any(lost));
        drop(known);
        assert!(stranger(&seats, 1).is_some());
    }

    #[test]
    fn no_more_lose_their_seat_than_can_leave() {
        let seats = Seats::new(1, 1);
        let mut all: Vec<_> = (0..=super::LEAVING).map(|_| stranger(&seats, 1)).collect();
        assert!(all.iter().all(Option::is_some));
        assert!(stranger(&seats, 1).is_none());
        all.remove(0);
        assert!(stranger(&seats, 1).is_some());
        all.clear();
        let taken = seats.taken();
        assert_eq!((taken.leaving, taken.each.len()), (0, 0));
    }
}
