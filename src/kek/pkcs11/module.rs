//! Owns the loaded vendor library: one per path and process, and who uses it, so that C_Finalize never runs
//! under a call. Nothing here knows tokens or keys.

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

use cryptoki::{
    context::{CInitializeArgs, CInitializeFlags, Pkcs11},
    error::{Error as Pkcs11Error, RvError},
};

use crate::{
    error::Error,
    kek::{Cause, Trouble},
};

/// PKCS#11 state belongs to the process, not to a provider: two providers of one path share it.
static MODULES: OnceLock<Mutex<HashMap<PathBuf, Arc<Module>>>> = OnceLock::new();

/// A library, never unloaded: some crash when they are.
pub(super) struct Module {
    pkcs11: Pkcs11,
    leases: Mutex<Weak<Lease>>,
    provisioning: Mutex<()>,
    /// Somebody's token can come back only by C_Finalize, which another's lease forbids.
    wanted: AtomicBool,
}

/// The initialised library. While one is held, nobody finalizes; whoever has sessions holds one beyond them.
pub(super) struct Lease(Pkcs11);

impl Lease {
    pub(super) fn pkcs11(&self) -> &Pkcs11 {
        &self.0
    }
}

impl Module {
    /// Loads the library at `path`, or finds it loaded.
    pub(super) fn load(path: &Path) -> Result<Arc<Self>, Error> {
        let path = fs::canonicalize(path)
            .map_err(|error| Error::kek("finding the PKCS#11 module", not_there(error)))?;
        let modules = MODULES.get_or_init(Mutex::default);
        let mut modules = modules.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(module) = modules.get(&path) {
            return Ok(Arc::clone(module));
        }
        let pkcs11 =
            Pkcs11::new(&path).map_err(|error| Error::kek("loading the PKCS#11 module", error))?;
        let module = Arc::new(Self {
            pkcs11,
            leases: Mutex::new(Weak::new()),
            provisioning: Mutex::new(()),
            wanted: AtomicBool::new(false),
        });
        modules.insert(path, Arc::clone(&module));
        Ok(module)
    }

    /// Joins those who use the library, initialising it if nobody did.
    pub(super) fn lease(&self) -> Result<Arc<Lease>, Pkcs11Error> {
        self.enter(false)
    }

    /// Finalizes and initialises, which is how a token that was away is seen again; while others use the library
    /// (another provider, a call that is stuck) it can only be joined.
    pub(super) fn renew(&self) -> Result<Arc<Lease>, Pkcs11Error> {
        self.enter(true)
    }

    /// Whether users of the library should give up their leases for a moment, so that it can be renewed.
    pub(super) fn wants_renewal(&self) -> bool {
        self.wanted.load(SeqCst)
    }

    /// Says whether the holder of `lease`, after [`Module::renew`], still does not see its token.
    pub(super) fn want_renewal(&self, lease: &Arc<Lease>, missing: bool) {
        self.wanted
            .store(missing && Arc::strong_count(lease) > 1, SeqCst);
    }

    /// Held while a free slot is taken, so that two do not take the same.
    pub(super) fn provisioning(&self) -> MutexGuard<'_, ()> {
        self.provisioning
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, afresh: bool) -> Result<Arc<Lease>, Pkcs11Error> {
        let mut leases = self.leases.lock().unwrap_or_else(PoisonError::into_inner);
        let current = leases.upgrade();
        if afresh && current.is_none() {
            unless(
                RvError::CryptokiNotInitialized,
                self.pkcs11.clone().finalize(),
            )?;
        }
        let arguments = CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK);
        unless(
            RvError::CryptokiAlreadyInitialized,
            self.pkcs11.initialize(arguments),
        )?;
        let lease = current.unwrap_or_else(|| Arc::new(Lease(self.pkcs11.clone())));
        *leases = Arc::downgrade(&lease);
        Ok(lease)
    }
}

fn not_there(error: io::Error) -> Trouble {
    Trouble::new(Cause::LibraryFailed, error)
}

fn unless(harmless: RvError, answer: Result<(), Pkcs11Error>) -> Result<(), Pkcs11Error> {
    match answer {
        Err(Pkcs11Error::Pkcs11(code, _)) if code == harmless => Ok(()),
        other => other,
    }
}
