//! Ed25519 (RFC 8032), verified strictly, over the `ed25519-dalek` crate, which wipes its keys.
//!
//! A signature has one text only and a key has one text only: small order, mixed order and every encoding but the
//! canonical one are refused.

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};

use crate::error::Error;

/// Bytes of a public key (RFC 8032 section 5.1.5).
pub const PUBLIC_KEY_BYTES: usize = 32;

/// Bytes of a signature (RFC 8032 section 5.1.6).
pub const SIGNATURE_BYTES: usize = 64;

const BAD: Error =
    Error::BadSignature("the Ed25519 signature is not by this key over this message");

/// The public key of a seed.
#[must_use]
pub fn public_key(seed: &[u8; 32]) -> [u8; PUBLIC_KEY_BYTES] {
    SigningKey::from_bytes(seed).verifying_key().to_bytes()
}

/// Signs; the same message gives the same signature.
#[must_use]
pub fn sign(seed: &[u8; 32], message: &[u8]) -> [u8; SIGNATURE_BYTES] {
    SigningKey::from_bytes(seed).sign(message).to_bytes()
}

/// Verifies strictly: no point of small order, one encoding of key, R and s each.
///
/// # Errors
/// [`Error::BadSignature`] if it is not by the key over the message.
pub fn verify(
    public_key: &[u8; PUBLIC_KEY_BYTES],
    message: &[u8],
    signature: &[u8; SIGNATURE_BYTES],
) -> Result<(), Error> {
    let key = canonical(public_key).map_err(|_| BAD)?;
    let signature = Signature::from_bytes(signature);
    key.verify_strict(message, &signature).map_err(|_| BAD)
}

/// Checks a key that is to be trusted from now on.
///
/// Mixed order is refused too: with such a point added, one secret could come back as eight keys.
///
/// # Errors
/// [`Error::Invalid`] says what is wrong with it.
pub fn check_key(public_key: &[u8; PUBLIC_KEY_BYTES]) -> Result<(), Error> {
    let key = canonical(public_key)?;
    if key.is_weak() {
        return Err(Error::Invalid(
            "the Ed25519 key is of small order, so that anyone can sign for it: make a new one",
        ));
    }
    if !key.to_edwards().is_torsion_free() {
        return Err(Error::Invalid(
            "the Ed25519 key is of mixed order, which no key made as RFC 8032 says is: make a new one",
        ));
    }
    Ok(())
}

fn canonical(public_key: &[u8; PUBLIC_KEY_BYTES]) -> Result<VerifyingKey, Error> {
    let key = VerifyingKey::from_bytes(public_key).map_err(|_| {
        Error::Invalid("the Ed25519 key is not a point on the curve (RFC 8032 section 5.1.3)")
    })?;
    if key.to_edwards().compress().as_bytes() != public_key {
        return Err(Error::Invalid(
            "the Ed25519 key is not canonically encoded (RFC 8032 section 5.1.2)",
        ));
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::{check_key, public_key, sign, verify};

    /// The order of the base point, little-endian (RFC 8032 section 5.1).
    const ORDER: &str = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";

    fn key(text: &str) -> [u8; 32] {
        hex::decode(text).unwrap().try_into().unwrap()
    }

    fn complaint(text: &str) -> String {
        check_key(&key(text)).unwrap_err().to_string()
    }

    #[test]
    fn test_2_of_rfc_8032_section_7_1_comes_out() {
        let seed = key("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
        let public = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
        let wanted = "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
                      085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";
        assert_eq!(hex::encode(public_key(&seed)), public);
        assert_eq!(hex::encode(sign(&seed, &[0x72])), wanted);
        assert!(verify(&key(public), &[0x72], &sign(&seed, &[0x72])).is_ok());
        assert!(check_key(&key(public)).is_ok());
    }

    #[test]
    fn a_flipped_bit_anywhere_in_key_message_or_signature_is_refused() {
        let seed = [7; 32];
        let (public, signature) = (public_key(&seed), sign(&seed, b"message"));
        assert!(verify(&public, b"message", &signature).is_ok());
        assert!(verify(&public, b"messagE", &signature).is_err());
        for bit in 0..512 {
            let mut other = signature;
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(verify(&public, b"message", &other).is_err(), "bit {bit}");
        }
        for bit in 0..256 {
            let mut other = public;
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(verify(&other, b"message", &signature).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn an_s_beyond_the_order_is_refused() {
        let seed = [7; 32];
        let mut signature = sign(&seed, b"message");
        let mut carry = 0;
        for (byte, more) in signature[32..].iter_mut().zip(key(ORDER)) {
            let sum = u16::from(*byte) + u16::from(more) + carry;
            [*byte, _] = sum.to_le_bytes();
            carry = sum >> 8;
        }
        assert!(verify(&public_key(&seed), b"message", &signature).is_err());
    }

    // All eight points of small order, and the other encodings of those that have one.
    #[test]
    fn keys_of_small_order_are_refused_in_every_encoding() {
        for point in [
            "0100000000000000000000000000000000000000000000000000000000000000",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "0000000000000000000000000000000000000000000000000000000000000000",
            "0000000000000000000000000000000000000000000000000000000000000080",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        ] {
            assert!(complaint(point).contains("small order"), "{point}");
        }
        for point in [
            "0100000000000000000000000000000000000000000000000000000000000080",
            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        ] {
            assert!(complaint(point).contains("canonical"), "{point}");
        }
    }

    #[test]
    fn a_key_for_which_anyone_can_sign_verifies_nothing() {
        // The neutral element: R = s·B verifies over any message by the equation alone.
        let mut neutral = [0; 32];
        neutral[0] = 1;
        let mut signature = [0; 64];
        signature[0] = 1;
        assert!(verify(&neutral, b"anything", &signature).is_err());
    }

    #[test]
    fn a_key_off_the_curve_a_y_beyond_the_field_and_a_mixed_order_are_refused() {
        let two = "0200000000000000000000000000000000000000000000000000000000000000";
        assert!(complaint(two).contains("not a point"));
        // y = 3 is on the curve; so is p + 3, another text of the same point.
        let beyond = "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f";
        assert!(complaint(beyond).contains("canonical"));
        // Points on the curve of small y are hardly ever of prime order: one in eight is.
        let three = "0300000000000000000000000000000000000000000000000000000000000000";
        assert!(complaint(three).contains("mixed order"));
    }
}
