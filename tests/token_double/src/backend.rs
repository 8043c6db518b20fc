//! Owns SoftHSM's library: the copy beside ours, so that nobody else in the process shares its state, or the system's.

use std::{path::PathBuf, ptr, sync::OnceLock};

use cryptoki_sys::{CK_FUNCTION_LIST, CKR_OK, Pkcs11};

use crate::home;

const USUAL: [&str; 4] = [
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm.so",
];

struct Backend {
    list: CK_FUNCTION_LIST,
    /// Never unloaded: the functions of `list` are in it.
    _library: Pkcs11,
}

/// SoftHSM's functions; `None` if its library cannot be loaded.
pub(crate) fn functions() -> Option<&'static CK_FUNCTION_LIST> {
    static BACKEND: OnceLock<Option<Backend>> = OnceLock::new();
    let backend = BACKEND.get_or_init(load).as_ref();
    backend.map(|backend| &backend.list)
}

fn load() -> Option<Backend> {
    let beside = home::file("softhsm.so");
    let mut paths = [beside].into_iter().chain(USUAL.map(PathBuf::from));
    let path = paths.find(|path| path.exists())?;
    let mut list: *mut CK_FUNCTION_LIST = ptr::null_mut();
    // SAFETY: SoftHSM's library may be loaded anywhere, and gives a table that lives as long as it is loaded.
    let (library, answer) = unsafe {
        let library = Pkcs11::new(path).ok()?;
        let answer = library.C_GetFunctionList(&raw mut list);
        (library, answer)
    };
    if answer != CKR_OK || list.is_null() {
        return None;
    }
    Some(Backend {
        // SAFETY: seen not to be null, and valid as said above.
        list: unsafe { *list },
        _library: library,
    })
}
