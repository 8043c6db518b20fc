//! A token that misbehaves on demand: SoftHSM behind the PKCS#11 module of `tests/token_double`.
//!
//! ```text
//! let double = Double::new(&token);     // its own copies of both libraries: nothing is shared with other tests
//! let kek = double.open(1);
//! double.hang("C_Decrypt");
//! …
//! double.release();
//! ```
//! A service in another process takes [`Double::module`] for its module.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use aegis_custodian::kek::pkcs11::{Pkcs11Kek, Settings};
use cryptoki_sys::CK_RV;
use tempfile::TempDir;

use crate::softhsm::{self, Token};

/// A copy of the module in a folder of its own, with its control file.
pub struct Double {
    folder: TempDir,
    settings: Option<Settings>,
    control: Mutex<Control>,
}

#[derive(Default)]
struct Control {
    last: u64,
    lines: BTreeMap<u64, String>,
}

impl Double {
    /// Stands for that token; does nothing but pass on and count.
    pub fn new(token: &Token) -> Self {
        let mut double = Self::bare();
        let settings = Settings {
            module: double.module(),
            ..token.settings(1)
        };
        double.settings = Some(settings);
        double
    }

    /// Only the module: the service makes, or finds, its token itself.
    pub fn bare() -> Self {
        softhsm::home(); // SoftHSM's configuration
        let folder = TempDir::new().unwrap();
        let double = Self {
            folder,
            settings: None,
            control: Mutex::default(),
        };
        fs::copy(built(), double.module()).unwrap();
        fs::copy(softhsm::MODULE, double.file("softhsm.so")).unwrap();
        double
    }

    /// A token that chooses the IV of AES-GCM itself and has no Ed25519 and no data objects, as a CloudHSM has it.
    pub fn cloudhsm(token: &Token) -> Self {
        Self::of_character(token, "cloudhsm")
    }

    /// A token of one of the characters that `tests/token_double/src/control.rs` names.
    pub fn of_character(token: &Token, character: &str) -> Self {
        let double = Self::new(token);
        double.command(character);
        double
    }

    /// What a provider loads.
    pub fn module(&self) -> PathBuf {
        self.file("token_double.so")
    }

    pub fn settings(&self, sessions: usize) -> Settings {
        let settings = self.settings.clone().unwrap();
        Settings {
            sessions,
            ..settings
        }
    }

    pub fn open(&self, sessions: usize) -> Pkcs11Kek {
        Pkcs11Kek::open(self.settings(sessions)).unwrap()
    }

    /// Holds every call of the function until [`Double::release`].
    pub fn hang(&self, function: &str) {
        self.command(&format!("hang {function}"));
    }

    /// Delays every call of the function.
    pub fn sleep(&self, function: &str, milliseconds: u64) {
        self.command(&format!("sleep {function} {milliseconds}"));
    }

    /// Answers `rv` to the function's next calls instead of passing them on; `"*"` is every function but C_Initialize
    /// and C_Finalize.
    pub fn fail(&self, function: &str, rv: CK_RV, times: u64) {
        self.command(&format!("fail {function} {rv} {times}"));
    }

    /// As [`Double::fail`], until [`Double::release`].
    pub fn fail_always(&self, function: &str, rv: CK_RV) {
        self.command(&format!("fail {function} {rv} always"));
    }

    /// The token is pulled out, until [`Double::release`]; its sessions are closed.
    pub fn pull_out(&self) {
        self.command("gone");
    }

    /// Closes all sessions behind the service's back, just before the next call of any function.
    pub fn close_sessions(&self) {
        self.command("close-sessions");
    }

    /// Finalizes the library behind the service's back, just before the next call of any function.
    pub fn finalize(&self) {
        self.command("finalize");
    }

    /// Somebody logs in to the token by other means: it counts wrong PINs anew.
    pub fn log_in_elsewhere(&self) {
        let _none = fs::remove_file(self.file("wrong-pins"));
    }

    /// Takes back every command but characters: calls that hang go on.
    pub fn release(&self) {
        let mut control = self.control();
        control.lines.retain(|_, line| is_character(line));
        self.write(&control);
    }

    /// Adds one line of `tests/token_double/src/control.rs`.
    pub fn command(&self, command: &str) {
        let mut control = self.control();
        control.last += 1;
        let serial = control.last;
        control.lines.insert(serial, command.to_owned());
        self.write(&control);
    }

    /// How often the function was called so far, refused and hanging calls too.
    pub fn calls(&self, function: &str) -> usize {
        let calls = fs::read_to_string(self.file("calls")).unwrap_or_default();
        calls.lines().filter(|line| *line == function).count()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// In one step, so that no call reads half of it.
    fn write(&self, control: &Control) {
        let line = |(serial, line): (&u64, &String)| format!("{serial} {line}\n");
        let text: String = control.lines.iter().map(line).collect();
        fs::write(self.file("control.new"), text).unwrap();
        fs::rename(self.file("control.new"), self.file("control")).unwrap();
    }

    fn control(&self) -> MutexGuard<'_, Control> {
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_character(line: &str) -> bool {
    line == "cloudhsm" || line == "locking" || line.ends_with("-iv")
}

/// Cargo builds the library of a dependency, its cdylib too, into the folder of the tests.
fn built() -> PathBuf {
    let test = env::current_exe().unwrap();
    let built = test.with_file_name("libtoken_double.so");
    assert!(
        Path::new(&built).exists(),
        "{} is not built",
        built.display()
    );
    built
}
