//! A PKCS#11 module for tests: it passes every call on to SoftHSM, and misbehaves as its control file says.
//!
//! Each test copies the built library, and SoftHSM's beside it, into a folder of its own (`tests/support/double.rs`):
//! a library of another inode is loaded anew, so the state of two doubles in one process is apart. In that folder
//! stand `control`, which is read again at each call, and `calls`, where each call leaves a line.
//!
//! - `functions`: the table of all 68 functions of PKCS#11 v2.40.
//! - `control`: what the control file says, and in which order it is obeyed.
//! - `backend`: SoftHSM's own library.
//! - `cloudhsm`, `locking`, `gone`: tokens of another character.

use cryptoki_sys::{CK_FUNCTION_LIST, CK_RV, CKR_ARGUMENTS_BAD, CKR_OK};

mod backend;
mod cloudhsm;
mod control;
mod functions;
mod gone;
mod home;
mod locking;

/// The one symbol that a caller looks up (PKCS#11 v2.40 section 5.4).
///
/// # Safety
/// `list` is null or may be written to, as the standard has it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetFunctionList(list: *mut *mut CK_FUNCTION_LIST) -> CK_RV {
    if list.is_null() {
        return CKR_ARGUMENTS_BAD;
    }
    // SAFETY: the caller's pointer, seen not to be null; nobody writes to the table that it then holds.
    unsafe { *list = (&raw const functions::TABLE).cast_mut() };
    CKR_OK
}
