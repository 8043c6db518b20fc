//! Owns the table of functions: each counts its call, obeys the control file and passes on, to SoftHSM or `by` a
//! function of ours that does so in its own way.

#![expect(
    non_snake_case,
    reason = "the names are the standard's (PKCS#11 v2.40 section 5)"
)]

use std::ffi::c_void;

use cryptoki_sys::*;

use crate::{cloudhsm, control, gone, locking};

type Anything = *mut c_void;
type Attributes = *mut CK_ATTRIBUTE;
type Bytes = *mut CK_BYTE;
type Count = CK_ULONG;
type CountOut = *mut CK_ULONG;
type Flags = CK_FLAGS;
type Mechanism = *mut CK_MECHANISM;
type Object = CK_OBJECT_HANDLE;
type ObjectOut = *mut CK_OBJECT_HANDLE;
type Session = CK_SESSION_HANDLE;
type Slot = CK_SLOT_ID;
type SlotOut = *mut CK_SLOT_ID;
type User = CK_USER_TYPE;

macro_rules! functions {
    ($($name:ident($($arg:ident: $kind:ty),*) $(by $own:path)?;)*) => {
        $(
            unsafe extern "C" fn $name($($arg: $kind),*) -> CK_RV {
                control::pass(stringify!($name), |real| {
                    functions!(@pass real, $name, ($($arg),*) $(, $own)?)
                })
            }
        )*

        /// What C_GetFunctionList gives.
        pub(crate) static TABLE: CK_FUNCTION_LIST = CK_FUNCTION_LIST {
            version: CK_VERSION { major: 2, minor: 40 },
            C_GetFunctionList: Some(crate::C_GetFunctionList),
            $($name: Some($name),)*
        };
    };
    (@pass $real:ident, $name:ident, ($($arg:ident),*)) => {
        match $real.$name {
            // SAFETY: the caller's arguments, passed on as they are.
            Some(function) => unsafe { function($($arg),*) },
            None => CKR_FUNCTION_NOT_SUPPORTED,
        }
    };
    (@pass $real:ident, $name:ident, ($($arg:ident),*), $own:path) => {
        // SAFETY: the caller's arguments, passed on as they are.
        unsafe { $own($real, $($arg),*) }
    };
}

functions! {
    C_Initialize(a: Anything);
    C_Finalize(a: Anything);
    C_GetInfo(a: *mut CK_INFO);
    C_GetSlotList(a: CK_BBOOL, b: SlotOut, c: CountOut) by gone::list_slots;
    C_GetSlotInfo(a: Slot, b: *mut CK_SLOT_INFO);
    C_GetTokenInfo(a: Slot, b: *mut CK_TOKEN_INFO) by locking::describe;
    C_GetMechanismList(a: Slot, b: *mut CK_MECHANISM_TYPE, c: CountOut) by cloudhsm::list;
    C_GetMechanismInfo(a: Slot, b: CK_MECHANISM_TYPE, c: *mut CK_MECHANISM_INFO) by cloudhsm::describe;
    C_InitToken(a: Slot, b: Bytes, c: Count, d: Bytes);
    C_InitPIN(a: Session, b: Bytes, c: Count);
    C_SetPIN(a: Session, b: Bytes, c: Count, d: Bytes, e: Count);
    C_OpenSession(a: Slot, b: Flags, c: Anything, d: CK_NOTIFY, e: *mut CK_SESSION_HANDLE);
    C_CloseSession(a: Session);
    C_CloseAllSessions(a: Slot);
    C_GetSessionInfo(a: Session, b: *mut CK_SESSION_INFO);
    C_GetOperationState(a: Session, b: Bytes, c: CountOut);
    C_SetOperationState(a: Session, b: Bytes, c: Count, d: Object, e: Object);
    C_Login(a: Session, b: User, c: Bytes, d: Count) by locking::login;
    C_Logout(a: Session);
    C_CreateObject(a: Session, b: Attributes, c: Count, d: ObjectOut) by cloudhsm::create;
    C_CopyObject(a: Session, b: Object, c: Attributes, d: Count, e: ObjectOut);
    C_DestroyObject(a: Session, b: Object);
    C_GetObjectSize(a: Session, b: Object, c: CountOut);
    C_GetAttributeValue(a: Session, b: Object, c: Attributes, d: Count);
    C_SetAttributeValue(a: Session, b: Object, c: Attributes, d: Count);
    C_FindObjectsInit(a: Session, b: Attributes, c: Count) by cloudhsm::find;
    C_FindObjects(a: Session, b: ObjectOut, c: Count, d: CountOut);
    C_FindObjectsFinal(a: Session);
    C_EncryptInit(a: Session, b: Mechanism, c: Object) by cloudhsm::encrypt;
    C_Encrypt(a: Session, b: Bytes, c: Count, d: Bytes, e: CountOut);
    C_EncryptUpdate(a: Session, b: Bytes, c: Count, d: Bytes, e: CountOut);
    C_EncryptFinal(a: Session, b: Bytes, c: CountOut);
    C_DecryptInit(a: Session, b: Mechanism, c: Object);
    C_Decrypt(a: Session, b: Bytes, c: Count, d: Bytes, e: CountOut);
    C_DecryptUpdate(a: Session, b: Bytes, c: Count, d: Bytes, e: CountOut);
    C_DecryptFinal(a: Session, b: Bytes, c: CountOut);
    C_DigestInit(a: Session, b: Mechanism);
    C_Digest(a: Session, b: Bytes, c: Count, d: Bytes, e: CountOut);
    C_DigestUpdate(a: Session, b: Bytes, c: Count);
    C_DigestKey(a: Session, b: Object);
    C_DigestFinal(a: Session, b: Bytes, c: CountOut);
    C_SignInit(a: Session, b: Mechanism, c: Object) by cloudhsm::sign;
    C_Sign(a: Session, b: Bytes, c: Count, d: Bytes, e: CountOut);
    C_SignUpdate(a: Session, b: Bytes, c: Count);
    C_SignFinal(a: Session, b: Bytes, c: CountOut);
    C_SignRecoverInit(a: Session, b: Mechanism, c: Object);
    C_SignRecover(a: Session, b: Bytes, c: Count, d: Bytes, e: CountOut);
    C_VerifyInit(a: Session, b: Mechanism, c: Object);
    C_Verify(a: Session, b: Bytes, c: Count, d: Bytes, e: Count);
    C_VerifyUpdate(a: Session, b: Bytes, c: Count);
    C_VerifyFinal(a: Session, b: Bytes, c: Count);
    C_VerifyRecoverInit(a: Session, b: Mechanism, c: Object);
    C_VerifyRecover(a: Session, b: Bytes, c: Count, d: Bytes, e: CountOut);
    C_DigestEncryptUpdate(a: Session, b: Bytes, c: Count, d: Bytes, e: CountOut);
    C_DecryptDigestUpdate(a: Session, b: Bytes, c: Count, d: Bytes, e: CountOut);
    C_SignEncryptUpdate(a: Session, b: Bytes, c: Count, d: Bytes, e: CountOut);
    C_DecryptVerifyUpdate(a: Session, b: Bytes, c: Count, d: Bytes, e: CountOut);
    C_GenerateKey(a: Session, b: Mechanism, c: Attributes, d: Count, e: ObjectOut);
    C_GenerateKeyPair(a: Session, b: Mechanism, c: Attributes, d: Count, e: Attributes, f: Count, g: ObjectOut, h: ObjectOut) by cloudhsm::make_pair;
    C_WrapKey(a: Session, b: Mechanism, c: Object, d: Object, e: Bytes, f: CountOut);
    C_UnwrapKey(a: Session, b: Mechanism, c: Object, d: Bytes, e: Count, f: Attributes, g: Count, h: ObjectOut);
    C_DeriveKey(a: Session, b: Mechanism, c: Object, d: Attributes, e: Count, f: ObjectOut);
    C_SeedRandom(a: Session, b: Bytes, c: Count);
    C_GenerateRandom(a: Session, b: Bytes, c: Count);
    C_GetFunctionStatus(a: Session);
    C_CancelFunction(a: Session);
    C_WaitForSlotEvent(a: Flags, b: SlotOut, c: Anything);
}
