//! A token like a CloudHSM (SDK 5): it chooses the IV of AES-GCM itself and writes it into the caller's buffer of 12
//! zero bytes, knows no Ed25519, and holds keys only, no data objects.
//!
//! Others hold data objects and take liberties: `own-iv` takes any IV and puts its own in its place, `zero-iv` seals with
//! the zero IV that it was given, `same-iv` chooses the same IV each time, and `counting-iv` counts, from 1 again after
//! each such line.

use std::slice;

use cryptoki_sys::{
    CK_ATTRIBUTE, CK_FUNCTION_LIST, CK_GCM_PARAMS, CK_MECHANISM, CK_MECHANISM_INFO,
    CK_MECHANISM_TYPE, CK_OBJECT_CLASS, CK_OBJECT_HANDLE, CK_RV, CK_SESSION_HANDLE, CK_SLOT_ID,
    CK_ULONG, CKA_CLASS, CKM_AES_GCM, CKM_EC_EDWARDS_KEY_PAIR_GEN, CKM_EDDSA, CKO_DATA,
    CKR_ATTRIBUTE_VALUE_INVALID, CKR_FUNCTION_NOT_SUPPORTED, CKR_MECHANISM_INVALID,
    CKR_MECHANISM_PARAM_INVALID, CKR_OK,
};

use crate::control;

const IV_BYTES: CK_ULONG = 12;
const ED25519: [CK_MECHANISM_TYPE; 2] = [CKM_EC_EDWARDS_KEY_PAIR_GEN, CKM_EDDSA];

/// C_EncryptInit.
///
/// # Safety
/// As the standard has it.
pub(crate) unsafe fn encrypt(
    real: &CK_FUNCTION_LIST,
    session: CK_SESSION_HANDLE,
    mechanism: *mut CK_MECHANISM,
    key: CK_OBJECT_HANDLE,
) -> CK_RV {
    let Some(init) = real.C_EncryptInit else {
        return CKR_FUNCTION_NOT_SUPPORTED;
    };
    // SAFETY: the caller's mechanism, whose parameter is that of its kind.
    let refused = unsafe { put_iv(real, session, mechanism) };
    // SAFETY: the caller's arguments.
    refused.unwrap_or_else(|| unsafe { init(session, mechanism, key) })
}

/// Puts an IV of the token's own where the caller put zeros; answers why not.
///
/// # Safety
/// As the standard has it.
unsafe fn put_iv(
    real: &CK_FUNCTION_LIST,
    session: CK_SESSION_HANDLE,
    mechanism: *mut CK_MECHANISM,
) -> Option<CK_RV> {
    // SAFETY: the caller's pointer, tested for null.
    let mechanism = unsafe { mechanism.as_ref() }?;
    if !is_on() || mechanism.mechanism != CKM_AES_GCM {
        return None;
    }
    // SAFETY: CKM_AES_GCM's parameter is of that type.
    let gcm = unsafe { mechanism.pParameter.cast::<CK_GCM_PARAMS>().as_ref() };
    let gcm = gcm.filter(|gcm| !gcm.pIv.is_null() && gcm.ulIvLen == IV_BYTES);
    let Some(gcm) = gcm else {
        return Some(CKR_MECHANISM_PARAM_INVALID);
    };
    // SAFETY: the caller says that so many bytes are there, and that they may be written to.
    let iv = unsafe { slice::from_raw_parts_mut(gcm.pIv, gcm.ulIvLen as usize) };
    if iv.iter().any(|byte| *byte != 0) && !control::says("own-iv") {
        return Some(CKR_MECHANISM_PARAM_INVALID);
    }
    if control::says("zero-iv") {
        return None;
    }
    if control::says("same-iv") {
        iv.fill(0x5a);
        return None;
    }
    if let Some(turn) = control::turn("counting-iv") {
        for (place, byte) in iv.iter_mut().zip(turn.to_le_bytes()) {
            *place = byte;
        }
        return None;
    }
    let random = real.C_GenerateRandom?;
    // SAFETY: as many bytes as `iv` has.
    let answer = unsafe { random(session, iv.as_mut_ptr(), IV_BYTES) };
    (answer != CKR_OK).then_some(answer)
}

/// C_SignInit.
///
/// # Safety
/// As the standard has it.
pub(crate) unsafe fn sign(
    real: &CK_FUNCTION_LIST,
    session: CK_SESSION_HANDLE,
    mechanism: *mut CK_MECHANISM,
    key: CK_OBJECT_HANDLE,
) -> CK_RV {
    // SAFETY: the caller's arguments.
    match (real.C_SignInit, unsafe { lacks(mechanism) }) {
        (_, true) => CKR_MECHANISM_INVALID,
        // SAFETY: the caller's arguments.
        (Some(init), false) => unsafe { init(session, mechanism, key) },
        (None, false) => CKR_FUNCTION_NOT_SUPPORTED,
    }
}

/// C_GenerateKeyPair.
///
/// # Safety
/// As the standard has it.
#[expect(clippy::too_many_arguments, reason = "the standard's")]
pub(crate) unsafe fn make_pair(
    real: &CK_FUNCTION_LIST,
    session: CK_SESSION_HANDLE,
    mechanism: *mut CK_MECHANISM,
    public: *mut CK_ATTRIBUTE,
    publics: CK_ULONG,
    private: *mut CK_ATTRIBUTE,
    privates: CK_ULONG,
    public_key: *mut CK_OBJECT_HANDLE,
    private_key: *mut CK_OBJECT_HANDLE,
) -> CK_RV {
    // SAFETY: the caller's arguments.
    match (real.C_GenerateKeyPair, unsafe { lacks(mechanism) }) {
        (_, true) => CKR_MECHANISM_INVALID,
        // SAFETY: the caller's arguments.
        (Some(make), false) => unsafe {
            make(
                session,
                mechanism,
                public,
                publics,
                private,
                privates,
                public_key,
                private_key,
            )
        },
        (None, false) => CKR_FUNCTION_NOT_SUPPORTED,
    }
}

/// C_CreateObject.
///
/// # Safety
/// As the standard has it.
pub(crate) unsafe fn create(
    real: &CK_FUNCTION_LIST,
    session: CK_SESSION_HANDLE,
    template: *mut CK_ATTRIBUTE,
    count: CK_ULONG,
    object: *mut CK_OBJECT_HANDLE,
) -> CK_RV {
    // SAFETY: the caller's template.
    match (real.C_CreateObject, unsafe { is_data(template, count) }) {
        (_, true) => CKR_ATTRIBUTE_VALUE_INVALID,
        // SAFETY: the caller's arguments.
        (Some(create), false) => unsafe { create(session, template, count, object) },
        (None, false) => CKR_FUNCTION_NOT_SUPPORTED,
    }
}

/// C_FindObjectsInit.
///
/// # Safety
/// As the standard has it.
pub(crate) unsafe fn find(
    real: &CK_FUNCTION_LIST,
    session: CK_SESSION_HANDLE,
    template: *mut CK_ATTRIBUTE,
    count: CK_ULONG,
) -> CK_RV {
    // SAFETY: the caller's template.
    match (real.C_FindObjectsInit, unsafe { is_data(template, count) }) {
        (_, true) => CKR_ATTRIBUTE_VALUE_INVALID,
        // SAFETY: the caller's arguments.
        (Some(find), false) => unsafe { find(session, template, count) },
        (None, false) => CKR_FUNCTION_NOT_SUPPORTED,
    }
}

/// C_GetMechanismInfo.
///
/// # Safety
/// As the standard has it.
pub(crate) unsafe fn describe(
    real: &CK_FUNCTION_LIST,
    slot: CK_SLOT_ID,
    kind: CK_MECHANISM_TYPE,
    info: *mut CK_MECHANISM_INFO,
) -> CK_RV {
    match real.C_GetMechanismInfo {
        Some(_) if is_on() && ED25519.contains(&kind) => CKR_MECHANISM_INVALID,
        // SAFETY: the caller's arguments.
        Some(describe) => unsafe { describe(slot, kind, info) },
        None => CKR_FUNCTION_NOT_SUPPORTED,
    }
}

/// C_GetMechanismList: what is not there is put out of the list that SoftHSM gave.
///
/// # Safety
/// As the standard has it.
pub(crate) unsafe fn list(
    real: &CK_FUNCTION_LIST,
    slot: CK_SLOT_ID,
    kinds: *mut CK_MECHANISM_TYPE,
    count: *mut CK_ULONG,
) -> CK_RV {
    let Some(list) = real.C_GetMechanismList else {
        return CKR_FUNCTION_NOT_SUPPORTED;
    };
    // SAFETY: the caller's arguments.
    let answer = unsafe { list(slot, kinds, count) };
    if answer != CKR_OK || kinds.is_null() || !is_on() {
        return answer;
    }
    // SAFETY: SoftHSM has just written so many there.
    let found = unsafe { slice::from_raw_parts_mut(kinds, *count as usize) };
    let mut kept: Vec<CK_MECHANISM_TYPE> = found.to_vec();
    kept.retain(|kind| !ED25519.contains(kind));
    for (place, kind) in found.iter_mut().zip(&kept) {
        *place = *kind;
    }
    // SAFETY: SoftHSM has just read it.
    unsafe { *count = kept.len() as CK_ULONG };
    answer
}

/// # Safety
/// `mechanism` is null or valid.
unsafe fn lacks(mechanism: *mut CK_MECHANISM) -> bool {
    // SAFETY: as this function asks.
    let mechanism = unsafe { mechanism.as_ref() };
    is_on() && mechanism.is_some_and(|mechanism| ED25519.contains(&mechanism.mechanism))
}

/// # Safety
/// So many valid attributes are at `template`.
unsafe fn is_data(template: *mut CK_ATTRIBUTE, count: CK_ULONG) -> bool {
    if !control::says("cloudhsm") || template.is_null() {
        return false;
    }
    // SAFETY: as this function asks.
    let template = unsafe { slice::from_raw_parts(template, count as usize) };
    template.iter().any(|one| {
        // SAFETY: the value of a CKA_CLASS is of that type.
        let class = || unsafe { one.pValue.cast::<CK_OBJECT_CLASS>().read_unaligned() };
        one.type_ == CKA_CLASS && !one.pValue.is_null() && class() == CKO_DATA
    })
}

fn is_on() -> bool {
    ["cloudhsm", "counting-iv", "own-iv", "same-iv", "zero-iv"]
        .into_iter()
        .any(control::says)
}
