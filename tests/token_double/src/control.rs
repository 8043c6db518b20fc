//! Owns the control file: one command a line, `SERIAL COMMAND …`, read again at each call. A serial number tells a new
//! command from one that was obeyed already.
//!
//! | command | does |
//! |---|---|
//! | `hang FUNCTION` | holds its calls for as long as the line is there |
//! | `sleep FUNCTION MS` | delays its calls |
//! | `fail FUNCTION RV TIMES` | answers RV instead of calling, so many times or `always`; FUNCTION `*` is every one but C_Initialize and C_Finalize |
//! | `gone` | the token is not there, and its sessions are closed |
//! | `close-sessions` | closes every session once, by the next call of any function |
//! | `finalize` | finalizes SoftHSM once, the same way |
//! | `cloudhsm`, `locking`, `…-iv` | a character: see those files |

use std::{
    collections::HashMap,
    fs,
    io::Write,
    ptr,
    sync::{LazyLock, Mutex, PoisonError, RwLock},
    thread,
    time::Duration,
};

use cryptoki_sys::{CK_FUNCTION_LIST, CK_RV, CKR_DEVICE_REMOVED, CKR_GENERAL_ERROR};

use crate::{backend, gone, home};

/// C_Finalize and C_CloseAllSessions run under no other call: SoftHSM would crash, and that is not what is tested.
static CALLS: RwLock<()> = RwLock::new(());
/// How often each command, by its serial number, was obeyed.
static OBEYED: LazyLock<Mutex<HashMap<u64, u64>>> = LazyLock::new(Mutex::default);

/// How often a call that hangs looks whether it may go on.
const LOOK: Duration = Duration::from_millis(2);

/// Counts the call, does to it what the control file says, and passes it on.
pub(crate) fn pass(function: &str, call: impl FnOnce(&CK_FUNCTION_LIST) -> CK_RV) -> CK_RV {
    let Some(real) = backend::functions() else {
        return CKR_GENERAL_ERROR;
    };
    count(function);
    let lines = wait(function);
    if let Some(refusal) = obey(&lines, function, real) {
        return refusal;
    }
    if function == "C_Finalize" {
        let _alone = CALLS.write().unwrap_or_else(PoisonError::into_inner);
        return call(real);
    }
    let _beside = CALLS.read().unwrap_or_else(PoisonError::into_inner);
    call(real)
}

/// Whether the control file has that command, one without arguments.
pub(crate) fn says(command: &str) -> bool {
    lines().iter().any(|line| line.words() == [command])
}

/// How often it was asked so since the newest line with that command was written; `None` without one.
pub(crate) fn turn(command: &str) -> Option<u64> {
    let lines = lines();
    let line = lines.iter().rfind(|line| line.words() == [command])?;
    line.obey(u64::MAX);
    let obeyed = OBEYED.lock().unwrap_or_else(PoisonError::into_inner);
    obeyed.get(&line.serial).copied()
}

struct Line {
    serial: u64,
    text: String,
}

impl Line {
    fn words(&self) -> Vec<&str> {
        self.text.split(' ').collect()
    }

    /// Notes that it is obeyed once more, unless it was so often already.
    fn obey(&self, times: u64) -> bool {
        let mut obeyed = OBEYED.lock().unwrap_or_else(PoisonError::into_inner);
        let so_far = obeyed.entry(self.serial).or_default();
        let more = *so_far < times;
        *so_far += u64::from(more);
        more
    }
}

fn lines() -> Vec<Line> {
    let text = fs::read_to_string(home::file("control")).unwrap_or_default();
    let line = |line: &str| {
        let (serial, text) = line.split_once(' ')?;
        Some(Line {
            serial: serial.parse().ok()?,
            text: text.to_owned(),
        })
    };
    text.lines().filter_map(line).collect()
}

fn count(function: &str) {
    let file = fs::File::options()
        .create(true)
        .append(true)
        .open(home::file("calls"));
    // The folder of a test that has ended is gone.
    let _uncounted = file.and_then(|mut file| file.write_all(format!("{function}\n").as_bytes()));
}

/// Hangs and sleeps; answers the lines as they then are.
fn wait(function: &str) -> Vec<Line> {
    loop {
        let lines = lines();
        if lines.iter().any(|line| line.words() == ["hang", function]) {
            thread::sleep(LOOK);
            continue;
        }
        for line in &lines {
            if let ["sleep", name, pause] = line.words()[..]
                && name == function
            {
                thread::sleep(Duration::from_millis(pause.parse().unwrap_or_default()));
            }
        }
        return lines;
    }
}

/// Does what is to be done once; answers what is to be answered instead of calling.
fn obey(lines: &[Line], function: &str, real: &CK_FUNCTION_LIST) -> Option<CK_RV> {
    for line in lines {
        match line.words()[..] {
            ["close-sessions"] if line.obey(1) => close_sessions(real),
            ["finalize"] if line.obey(1) => finalize(real),
            ["gone"] => {
                if line.obey(1) {
                    close_sessions(real);
                }
                if !gone::STILL_ANSWER.contains(&function) {
                    return Some(CKR_DEVICE_REMOVED);
                }
            }
            ["fail", name, rv, times]
                if concerns(name, function) && line.obey(times.parse().unwrap_or(u64::MAX)) =>
            {
                return Some(rv.parse().unwrap_or(CKR_GENERAL_ERROR));
            }
            _ => {}
        }
    }
    None
}

fn concerns(name: &str, function: &str) -> bool {
    name == function || name == "*" && !["C_Initialize", "C_Finalize"].contains(&function)
}

fn close_sessions(real: &CK_FUNCTION_LIST) {
    let _alone = CALLS.write().unwrap_or_else(PoisonError::into_inner);
    gone::close_sessions(real);
}

fn finalize(real: &CK_FUNCTION_LIST) {
    let _alone = CALLS.write().unwrap_or_else(PoisonError::into_inner);
    if let Some(finalize) = real.C_Finalize {
        // SAFETY: no other call runs, and its argument must be null.
        let _done_already = unsafe { finalize(ptr::null_mut()) };
    }
}
