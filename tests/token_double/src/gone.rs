//! A token that was pulled out: no slot shows it, and its sessions are closed.

use std::ptr;

use cryptoki_sys::{
    CK_BBOOL, CK_FUNCTION_LIST, CK_RV, CK_SLOT_ID, CK_TRUE, CK_ULONG, CKR_FUNCTION_NOT_SUPPORTED,
    CKR_OK,
};

use crate::control;

/// What the library itself answers; everything else is CKR_DEVICE_REMOVED.
pub(crate) const STILL_ANSWER: [&str; 4] =
    ["C_Finalize", "C_GetInfo", "C_GetSlotList", "C_Initialize"];

const MOST_SLOTS: usize = 1024;

/// C_GetSlotList.
///
/// # Safety
/// As the standard has it.
pub(crate) unsafe fn list_slots(
    real: &CK_FUNCTION_LIST,
    present: CK_BBOOL,
    slots: *mut CK_SLOT_ID,
    count: *mut CK_ULONG,
) -> CK_RV {
    let Some(list) = real.C_GetSlotList else {
        return CKR_FUNCTION_NOT_SUPPORTED;
    };
    if !control::says("gone") {
        // SAFETY: the caller's arguments.
        return unsafe { list(present, slots, count) };
    }
    if !count.is_null() {
        // SAFETY: the caller's pointer, seen not to be null.
        unsafe { *count = 0 };
    }
    CKR_OK
}

/// C_CloseAllSessions of every slot, as another user of the library would; the last one to go logs out.
pub(crate) fn close_sessions(real: &CK_FUNCTION_LIST) {
    let (Some(list), Some(close)) = (real.C_GetSlotList, real.C_CloseAllSessions) else {
        return;
    };
    let mut slots: [CK_SLOT_ID; MOST_SLOTS] = [0; MOST_SLOTS];
    let mut count = MOST_SLOTS as CK_ULONG;
    // SAFETY: `count` says how many fit.
    let answer = unsafe { list(CK_TRUE, slots.as_mut_ptr(), ptr::from_mut(&mut count)) };
    let found = if answer == CKR_OK { count as usize } else { 0 };
    for slot in slots.iter().take(found) {
        // SAFETY: a number is all that it takes.
        let _none_open = unsafe { close(*slot) };
    }
}
