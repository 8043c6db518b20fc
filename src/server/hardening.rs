//! What the process does before a secret is in it, so that its memory stays its own: no core dump, nobody else may look
//! in, nothing of it is swapped out, and no file that it makes is for others.

use std::{fs, path::Path};

use rustix::{
    fs::Mode,
    mm::{MlockAllFlags, mlockall},
    process::{
        DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit, umask,
    },
    system::sysinfo,
};

use super::doctor::{Finding, Verdict};
use crate::{error::Source, secret};

/// Where the process's memory can get to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Memory {
    /// Nowhere: all of it is locked, that of later too.
    Locked,
    /// To a disk: there is swap, and little may be locked.
    Swappable,
    /// Nowhere: there is no swap for it.
    Unswapped,
}

/// What was reached; core dumps are off and nobody looks in, or there would be none of this.
#[derive(Clone, Copy, Debug)]
pub struct Hardened {
    memory: Memory,
}

const TODO: &str = "let the service lock its memory: LimitMEMLOCK=infinity in its systemd unit, `--ulimit memlock=-1` for a container, `ulimit -l unlimited` in a shell; or turn swap off";

/// Does all of it: to be called before any other thread is started and before a PIN or a key is read.
///
/// # Errors
/// If core dumps cannot be turned off, or others cannot be kept out.
pub fn harden() -> Result<Hardened, Source> {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    setrlimit(Resource::Core, none)
        .map_err(|error| format!("core dumps cannot be turned off: {error}"))?;
    // Keeps out debuggers and readers of /proc/PID/mem that run as the same user, and core dumps by pipe.
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(|error| format!("other processes cannot be kept out: {error}"))?;
    umask(Mode::RWXG | Mode::RWXO);
    let memory = if lock_all() {
        secret::lock_no_more();
        Memory::Locked
    } else if is_swapless() {
        Memory::Unswapped
    } else {
        Memory::Swappable
    };
    Ok(Hardened { memory })
}

impl Hardened {
    /// Where the process's memory can get to.
    #[must_use]
    pub fn memory(&self) -> Memory {
        self.memory
    }

    /// For `doctor`, of whose own process it is true.
    #[must_use]
    pub fn finding(&self) -> Finding {
        const ABOUT: &str = "memory";
        match self.memory {
            Memory::Locked => Finding::ok(ABOUT, "all of it can be locked: none gets to a disk"),
            Memory::Swappable => Finding::warning(
                ABOUT,
                "it can get to a disk: there is swap, and too little memory may be locked from here",
                TODO,
            ),
            Memory::Unswapped => Finding::ok(ABOUT, "there is no swap: none gets to a disk"),
        }
    }

    /// Says in the log what is not as it should be.
    pub fn warn(&self) {
        let finding = self.finding();
        if finding.verdict != Verdict::Ok {
            tracing::warn!(todo = finding.todo, "memory: {}", finding.says);
        }
    }

    /// For a service with real keys.
    ///
    /// # Errors
    /// A sentence that says what to do, if memory can get to a disk.
    pub fn refuse_swap(&self) -> Result<(), Source> {
        match self.memory {
            Memory::Locked | Memory::Unswapped => Ok(()),
            Memory::Swappable => {
                Err(format!("memory with keys in it could get to a disk: {TODO}").into())
            }
        }
    }
}

/// Locks what is there and what will be, as it is touched: stacks and arenas are reserved large and used little.
///
/// Against a limit counts what is mapped, not what is touched; the first mapping beyond it would fail. So under a limit
/// only keys are locked, each by itself.
fn lock_all() -> bool {
    (lift_limit() || may_pass_limit())
        && mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT).is_ok()
}

fn lift_limit() -> bool {
    let limit = getrlimit(Resource::Memlock);
    let none = Rlimit {
        current: None,
        maximum: None,
    };
    limit.maximum.is_none() && setrlimit(Resource::Memlock, none).is_ok()
}

/// Whether the process has CAP_IPC_LOCK of the machine, which that of a user namespace is not.
fn may_pass_limit() -> bool {
    const IPC_LOCK: u64 = 1 << 14;
    effective(&read("/proc/self/status")) & IPC_LOCK != 0 && is_whole(&read("/proc/self/uid_map"))
}

/// Whether there is no swap for this process. The kernel is asked, since ProcSubset=pid hides /proc/swaps.
fn is_swapless() -> bool {
    sysinfo().totalswap == 0
        || unified_group(&read("/proc/self/cgroup")).is_some_and(|group| {
            let group = Path::new("/sys/fs/cgroup").join(group.trim_start_matches('/'));
            read(group.join("memory.swap.max")).trim() == "0"
        })
}

/// A file of the kernel; empty where it is not shown.
fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// Of /proc/PID/status: the effective capabilities, one bit each.
fn effective(status: &str) -> u64 {
    let mut lines = status.lines();
    let set = lines.find_map(|line| line.strip_prefix("CapEff:"));
    set.and_then(|set| u64::from_str_radix(set.trim(), 16).ok())
        .unwrap_or(0)
}

/// Of /proc/PID/uid_map: whether it is that of the machine (user_namespaces(7)).
fn is_whole(uid_map: &str) -> bool {
    uid_map.split_whitespace().eq(["0", "0", "4294967295"])
}

/// Of /proc/self/cgroup: the line of the unified hierarchy (cgroups(7)).
fn unified_group(groups: &str) -> Option<&str> {
    groups.lines().find_map(|line| line.strip_prefix("0::"))
}

#[cfg(test)]
mod tests {
    use super::{Hardened, Memory, effective, is_whole, unified_group};
    use crate::server::doctor::Verdict;

    #[test]
    fn a_capability_counts_only_outside_user_namespaces() {
        assert_eq!(effective("Uid:\t0\nCapEff:\t0000000000004001\n"), 0x4001);
        assert_eq!(effective(""), 0);
        assert!(is_whole("         0          0 4294967295\n"));
        assert!(!is_whole("         0       1000          1\n"));
        assert!(!is_whole(""));
    }

    #[test]
    fn the_group_is_that_of_the_unified_hierarchy() {
        let hybrid = "4:memory:/legacy\n0::/system.slice/aegis-custodian.service\n";
        let group = unified_group(hybrid);
        assert_eq!(group, Some("/system.slice/aegis-custodian.service"));
        assert_eq!(unified_group("4:memory:/legacy\n"), None);
    }

    #[test]
    fn only_memory_that_can_get_to_a_disk_is_refused_and_the_refusal_says_what_to_do() {
        for memory in [Memory::Locked, Memory::Unswapped] {
            let hardened = Hardened { memory };
            hardened.refuse_swap().unwrap();
            assert_eq!(hardened.finding().verdict, Verdict::Ok);
        }
        let hardened = Hardened {
            memory: Memory::Swappable,
        };
        let refusal = hardened.refuse_swap().unwrap_err().to_string();
        assert!(refusal.contains("LimitMEMLOCK=infinity"), "{refusal}");
        assert_eq!(hardened.finding().verdict, Verdict::Warning);
    }
}
