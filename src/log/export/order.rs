//! Whether each entry stands at its place: every entry carries its index, so that what was moved, taken out or put in
//! can be told apart without keeping the entries.

use crate::log::Fault;

/// What was seen of places and indexes.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// The first place where another entry stands, and that one's index.
    first: Option<(u64, u64)>,
    /// How many such places there are.
    places: u64,
    /// Indexes less places, over all of them: nothing, if the same entries stand in another order.
    drift: i128,
}

impl Order {
    /// At `place` stands the entry that says it is number `index`.
    pub(super) fn see(&mut self, place: u64, index: u64) {
        if index != place {
            self.first.get_or_insert((place, index));
            self.places += 1;
            self.drift += i128::from(index) - i128::from(place);
        }
    }

    /// What is wrong with `read` entries where `size` were signed, and the entry that it is about.
    pub(super) fn fault(&self, read: u64, size: u64) -> Option<(Fault, u64)> {
        let Some((place, index)) = self.first else {
            return match read {
                read if read > size => Some((Fault::EntryInserted, size)),
                read if read < size => Some((Fault::TailCut, read)),
                _ => None,
            };
        };
        Some(match read {
            _ if self.places == 1 && read == size => (Fault::EntryChanged, place),
            _ if self.drift == 0 && read == size => (Fault::EntryMoved, place),
            read if read <= size && index > place => (Fault::EntryMissing, place),
            // The second of two with one index: the first of them may as well be the one too many.
            _ if place.checked_sub(1) == Some(index) => (Fault::EntryInserted, index),
            _ => (Fault::EntryInserted, place),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Fault, Order};

    fn fault(size: u64, indexes: &[u64]) -> Option<(Fault, u64)> {
        let mut order = Order::default();
        for (place, index) in (0..).zip(indexes) {
            order.see(place, *index);
        }
        order.fault(indexes.len() as u64, size)
    }

    #[test]
    fn what_was_done_to_the_order_is_named_with_its_place() {
        use Fault::{EntryChanged, EntryInserted, EntryMissing, EntryMoved, TailCut};
        assert_eq!(fault(5, &[0, 1, 2, 3, 4]), None);
        assert_eq!(fault(0, &[]), None);
        assert_eq!(fault(5, &[0, 1, 2]), Some((TailCut, 3)));
        assert_eq!(fault(5, &[]), Some((TailCut, 0)));
        assert_eq!(fault(3, &[0, 1, 2, 3]), Some((EntryInserted, 3)));
        assert_eq!(fault(5, &[0, 1, 3, 4]), Some((EntryMissing, 2)));
        assert_eq!(fault(5, &[1, 2, 3, 4]), Some((EntryMissing, 0)));
        assert_eq!(fault(5, &[0, 1, 2, 2, 3, 4]), Some((EntryInserted, 2)));
        assert_eq!(fault(5, &[0, 1, 9, 2, 3, 4]), Some((EntryInserted, 2)));
        assert_eq!(fault(5, &[0, 1, 3, 2, 4]), Some((EntryMoved, 2)));
        assert_eq!(fault(5, &[4, 0, 1, 2, 3]), Some((EntryMoved, 0)));
        assert_eq!(fault(5, &[0, 1, 7, 3, 4]), Some((EntryChanged, 2)));
        // One taken out here and one put in there.
        assert_eq!(fault(5, &[0, 2, 3, 3, 4]), Some((EntryMissing, 1)));
        assert_eq!(fault(1, &[u64::MAX, 1, u64::MAX]), Some((EntryInserted, 0)));
    }
}
