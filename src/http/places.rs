//! Places: so many at once in all, and so many for each, so that nobody can take them all.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Places for whoever has a key of this kind.
#[derive(Debug)]
pub struct Places<K: Eq + Hash> {
    all: usize,
    each: usize,
    taken: Mutex<Taken<K>>,
}

#[derive(Debug)]
struct Taken<K> {
    all: usize,
    each: HashMap<K, usize>,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Full {
    /// All are taken.
    All,
    /// The key has taken all that it may.
    Own,
}

/// A place, given back when it is dropped.
#[derive(Debug)]
pub struct Place<K: Clone + Eq + Hash> {
    of: Arc<Places<K>>,
    key: K,
}

impl<K: Clone + Eq + Hash> Places<K> {
    /// So many in all, and for each key.
    #[must_use]
    pub fn new(all: usize, each: usize) -> Arc<Self> {
        let each_taken = HashMap::new();
        Arc::new(Self {
            all,
            each,
            taken: Mutex::new(Taken {
                all: 0,
                each: each_taken,
            }),
        })
    }

    /// Takes a place.
    ///
    /// # Errors
    /// [`Full`] says whose places are taken.
    pub fn take(self: &Arc<Self>, key: K) -> Result<Place<K>, Full> {
        let mut taken = self.taken();
        let own = taken.each.get(&key).copied().unwrap_or(0);
        if own >= self.each {
            return Err(Full::Own);
        }
        if taken.all >= self.all {
            return Err(Full::All);
        }
        taken.all += 1;
        taken.each.insert(key.clone(), own + 1);
        drop(taken);
        let of = self.clone();
        Ok(Place { of, key })
    }

    /// How many are taken.
    #[must_use]
    pub fn number(&self) -> usize {
        self.taken().all
    }

    fn taken(&self) -> MutexGuard<'_, Taken<K>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Clone + Eq + Hash> Drop for Place<K> {
    fn drop(&mut self) {
        let mut taken = self.of.taken();
        taken.all = taken.all.saturating_sub(1);
        if let Some(own) = taken.each.get_mut(&self.key) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                taken.each.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Full, Places};

    #[test]
    fn one_key_cannot_take_all() {
        let places = Places::new(3, 2);
        let (one, _two) = (places.take("a").unwrap(), places.take("a").unwrap());
        assert_eq!(places.take("a").unwrap_err(), Full::Own);
        let _three = places.take("b").unwrap();
        assert_eq!(places.take("c").unwrap_err(), Full::All);
        drop(one);
        assert!(places.take("c").is_ok());
    }

    #[test]
    fn who_gave_back_all_is_forgotten() {
        let places = Places::new(3, 2);
        drop(places.take("a").unwrap());
        assert_eq!(places.number(), 0);
        assert!(places.taken().each.is_empty());
    }
}
