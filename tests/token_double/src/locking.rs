//! A token that locks its user's PIN after three wrong ones, as real tokens do and SoftHSM does not. The count is kept
//! in the file `wrong-pins`, so that it outlives the process.

use std::{fs, sync::Mutex, sync::PoisonError};

use cryptoki_sys::{
    CK_FUNCTION_LIST, CK_RV, CK_SESSION_HANDLE, CK_SLOT_ID, CK_TOKEN_INFO, CK_ULONG, CK_USER_TYPE,
    CK_UTF8CHAR, CKF_USER_PIN_COUNT_LOW, CKF_USER_PIN_FINAL_TRY, CKF_USER_PIN_LOCKED,
    CKR_FUNCTION_NOT_SUPPORTED, CKR_OK, CKR_PIN_INCORRECT, CKR_PIN_LOCKED, CKU_USER,
};

use crate::{control, home};

/// So many wrong ones lock it.
const TRIES: u32 = 3;

static COUNTING: Mutex<()> = Mutex::new(());

/// C_Login.
///
/// # Safety
/// As the standard has it.
pub(crate) unsafe fn login(
    real: &CK_FUNCTION_LIST,
    session: CK_SESSION_HANDLE,
    user: CK_USER_TYPE,
    pin: *mut CK_UTF8CHAR,
    length: CK_ULONG,
) -> CK_RV {
    let Some(login) = real.C_Login else {
        return CKR_FUNCTION_NOT_SUPPORTED;
    };
    let locks = control::says("locking") && user == CKU_USER;
    let _alone = COUNTING.lock().unwrap_or_else(PoisonError::into_inner);
    if locks && wrong() >= TRIES {
        return CKR_PIN_LOCKED;
    }
    // SAFETY: the caller's arguments.
    let answer = unsafe { login(session, user, pin, length) };
    match answer {
        CKR_PIN_INCORRECT if locks => note(wrong() + 1),
        CKR_OK if locks => note(0),
        _ => {}
    }
    answer
}

/// C_GetTokenInfo: its flags say how many tries are left.
///
/// # Safety
/// As the standard has it.
pub(crate) unsafe fn describe(
    real: &CK_FUNCTION_LIST,
    slot: CK_SLOT_ID,
    info: *mut CK_TOKEN_INFO,
) -> CK_RV {
    let Some(describe) = real.C_GetTokenInfo else {
        return CKR_FUNCTION_NOT_SUPPORTED;
    };
    // SAFETY: the caller's arguments.
    let answer = unsafe { describe(slot, info) };
    if answer == CKR_OK && control::says("locking") {
        let flags = match wrong() {
            0 => 0,
            1 => CKF_USER_PIN_COUNT_LOW,
            2 => CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY,
            _ => CKF_USER_PIN_LOCKED,
        };
        // SAFETY: SoftHSM has just written there.
        unsafe { (*info).flags |= flags };
    }
    answer
}

fn wrong() -> u32 {
    let text = fs::read_to_string(home::file("wrong-pins")).unwrap_or_default();
    text.parse().unwrap_or_default()
}

fn note(wrong: u32) {
    let _uncounted = fs::write(home::file("wrong-pins"), wrong.to_string());
}
