//! A key that stays open for a while: alone on its page of memory, which is locked against swapping.

use std::{
    fmt,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

use zeroize::Zeroize;

use super::Secret;

/// Whether all memory is locked, so that no page needs a lock of its own.
static ALL_IS_LOCKED: AtomicBool = AtomicBool::new(false);

/// From now on no key's page is locked by itself: all memory is, and unlocking one page would take it out of that.
pub fn lock_no_more() {
    ALL_IS_LOCKED.store(true, Relaxed);
}

/// A page of 4 KiB: what shares a page with a key would be unlocked with it.
#[repr(align(4096))]
struct Page<const N: usize>([u8; N]);

/// A secret of `N` bytes that outlives an operation: wiped on drop, then unlocked; silent in `Debug`.
pub struct LockedSecret<const N: usize> {
    /// Of this page alone.
    lock: Option<region::LockGuard>,
    within_all: bool,
    page: Box<Page<N>>,
}

impl<const N: usize> LockedSecret<N> {
    /// Moves `secret` to a page of its own and locks that, if the system lets it (RLIMIT_MEMLOCK).
    #[must_use]
    pub fn new(secret: &Secret<N>) -> Self {
        let mut page = Box::new(Page([0; N]));
        let within_all = ALL_IS_LOCKED.load(Relaxed);
        // On larger pages neighbours would share one, and the first to go would unlock it for all.
        let alone = region::page::size() <= align_of::<Page<N>>();
        let lock = (alone && !within_all)
            .then(|| region::lock(page.0.as_ptr(), N).ok())
            .flatten();
        page.0.copy_from_slice(secret.expose());
        Self {
            lock,
            within_all,
            page,
        }
    }

    /// Whether the page can not be swapped out.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.within_all || self.lock.is_some()
    }

    /// The bytes in the clear: only for handing them to a cipher.
    #[must_use]
    pub fn expose(&self) -> &[u8; N] {
        &self.page.0
    }
}

impl<const N: usize> Drop for LockedSecret<N> {
    fn drop(&mut self) {
        self.page.0.zeroize();
    }
}

impl<const N: usize> fmt::Debug for LockedSecret<N> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "LockedSecret<{N}>")
    }
}

#[cfg(test)]
mod tests {
    use super::LockedSecret;
    use crate::secret::Secret;

    #[test]
    fn a_locked_secret_is_alone_on_its_page_and_says_nothing_in_debug() {
        let secret = Secret::<32>::take(&mut [0x41; 32]).unwrap();
        let locked: Vec<_> = (0..3).map(|_| LockedSecret::new(&secret)).collect();
        for one in &locked {
            assert_eq!(one.expose(), secret.expose());
            assert_eq!(one.expose().as_ptr().addr() % 4096, 0);
            assert_eq!(format!("{one:?}"), "LockedSecret<32>");
        }
    }

    #[test]
    fn a_locked_secret_is_locked_as_the_kernel_sees_it() {
        let secret = Secret::<32>::take(&mut [0x41; 32]).unwrap();
        let locked = LockedSecret::new(&secret);
        assert!(locked.is_locked(), "RLIMIT_MEMLOCK is 0 here");
        let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let at = locked.expose().as_ptr().addr();
        assert!(locked_around(&maps, at), "not locked: {at:x}");
    }

    /// Whether the mapping that holds `at` has `lo` (locked) among its flags.
    fn locked_around(maps: &str, at: usize) -> bool {
        let mut inside = false;
        for line in maps.lines() {
            let head = line.split(' ').next().unwrap_or_default();
            if let Some((from, to)) = head.split_once('-') {
                let [from, to] = [from, to].map(|hex| usize::from_str_radix(hex, 16).unwrap());
                inside = (from..to).contains(&at);
            } else if inside && line.starts_with("VmFlags:") {
                return line.split(' ').any(|flag| flag == "lo");
            }
        }
        false
    }
}
