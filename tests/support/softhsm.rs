//! A SoftHSM for tests: its configuration, tokens of their own label, and providers on them.

use std::{
    env, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use aegis_custodian::{
    config::KEK_DEADLINE,
    kek::pkcs11::{PinSource, Pkcs11Kek, Settings, provision_token},
};
use cryptoki::{
    context::{CInitializeArgs, CInitializeFlags, Pkcs11},
    session::{Session, UserType},
    slot::Slot,
    types::AuthPin,
};

pub const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
pub const PIN: &str = "tests-0-pin";
/// For a call to the token: longer than a busy machine stands still.
const PATIENT: Duration = Duration::from_secs(10);

static NEXT: AtomicUsize = AtomicUsize::new(0);

/// One initialised token.
pub struct Token {
    pub label: String,
    pub pin_file: PathBuf,
    pub deadline: Duration,
}

impl Token {
    /// Provisions a token of a label that no other test has.
    pub fn new() -> Self {
        let token = Self::unmade();
        let _alone = making();
        provision_token(Path::new(MODULE), &token.label, &token.pin()).unwrap();
        token
    }

    /// As [`Token::new`], with the deadline that a service has unless another is configured.
    pub fn of_a_service() -> Self {
        Self {
            deadline: KEK_DEADLINE,
            ..Self::new()
        }
    }

    /// A label and a PIN that no other test has, without a token.
    pub fn unmade() -> Self {
        let number = NEXT.fetch_add(1, SeqCst);
        let token = Self {
            label: format!("test-{number}"),
            pin_file: home().join(format!("pin-{number}")),
            deadline: PATIENT,
        };
        token.write_pin(PIN);
        token
    }

    pub fn pin(&self) -> PinSource {
        PinSource::file(&self.pin_file)
    }

    pub fn write_pin(&self, pin: &str) {
        fs::write(&self.pin_file, format!("{pin}\n")).unwrap();
        fs::set_permissions(&self.pin_file, fs::Permissions::from_mode(0o600)).unwrap();
    }

    pub fn settings(&self, sessions: usize) -> Settings {
        Settings {
            module: MODULE.into(),
            token_label: self.label.clone(),
            pin: self.pin(),
            sessions,
            deadline: self.deadline,
        }
    }

    pub fn open(&self, sessions: usize) -> Pkcs11Kek {
        Pkcs11Kek::open(self.settings(sessions)).unwrap()
    }

    /// A logged-in session past the provider, as another application of this process would have it.
    pub fn session(&self) -> Session {
        let (pkcs11, slot) = self.beside();
        let session = pkcs11.open_rw_session(slot).unwrap();
        let _already = session.login(UserType::User, Some(&AuthPin::from(PIN)));
        session
    }

    /// A second context on the module, and this token's slot.
    pub fn beside(&self) -> (Pkcs11, Slot) {
        let pkcs11 = Pkcs11::new(MODULE).unwrap();
        let arguments = CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK);
        let _already = pkcs11.initialize(arguments);
        let slot = self.slot(&pkcs11);
        (pkcs11, slot)
    }

    /// Its slot in a library of this process. Another's token may be read just while a third library writes it: no
    /// lock of SoftHSM parts two libraries of one process.
    pub fn slot(&self, pkcs11: &Pkcs11) -> Slot {
        let slots = pkcs11.get_slots_with_token().unwrap();
        let ours = |slot: &Slot| {
            let token = pkcs11.get_token_info(*slot);
            token.is_ok_and(|token| token.label() == self.label)
        };
        slots.into_iter().find(ours).unwrap()
    }
}

/// Held by whoever makes a token past the provider too: the library has one free slot.
pub fn making() -> MutexGuard<'static, ()> {
    static MAKING: Mutex<()> = Mutex::new(());
    MAKING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The folder of the configuration that SOFTHSM2_CONF names, with an empty tokens folder, made once per process.
pub fn home() -> &'static Path {
    static HOME: OnceLock<PathBuf> = OnceLock::new();
    HOME.get_or_init(|| {
        #[allow(clippy::disallowed_methods)] // SoftHSM itself reads this variable
        let file = PathBuf::from(env::var("SOFTHSM2_CONF").unwrap());
        let home = file.parent().unwrap().to_owned();
        let _none = fs::remove_dir_all(home.join("tokens"));
        fs::create_dir_all(home.join("tokens")).unwrap();
        let tokens = home.join("tokens");
        let text = format!(
            "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n",
            tokens.display()
        );
        fs::write(file, text).unwrap();
        home
    })
}
