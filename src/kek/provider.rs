//! Who can hold a KEK: the providers that are here, and for each other one why it is not and what to take instead.
//!
//! `server::key_holder` opens them; how to add one is in `docs/decisions/0013-what-a-build-leaves-out.md`.

/// A kind of key holder.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Provider {
    /// AWS KMS.
    AwsKms,
    /// A token behind a vendor's PKCS#11 library.
    Pkcs11,
    /// A file: `custodian dev` and tests only.
    Software,
    /// A YubiHSM 2.
    Yubihsm,
}

impl Provider {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Pkcs11, Self::Software, Self::Yubihsm, Self::AwsKms];

    /// The name in configuration and answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AwsKms => "aws-kms",
            Self::Pkcs11 => "pkcs11",
            Self::Software => "software",
            Self::Yubihsm => "yubihsm",
        }
    }

    /// Why no KEK can be there; `None` if one can.
    #[must_use]
    pub const fn missing(self) -> Option<&'static str> {
        match self {
            Self::Pkcs11 | Self::Software => None,
            Self::AwsKms => {
                Some("AWS KMS is not in this version: take pkcs11 with the library of AWS CloudHSM")
            }
            Self::Yubihsm => Some(
                "a YubiHSM 2 has no AES-GCM, by its PKCS#11 library neither, and its own way to wrap is not in this \
                 version: take pkcs11 with a token that has CKM_AES_GCM",
            ),
        }
    }
}
