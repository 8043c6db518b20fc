//! BIP-340 (Schnorr over secp256k1, x-only keys), over the `k256` crate, which wipes its keys.

use k256::schnorr::{Signature, SigningKey, VerifyingKey};

use super::aes_gcm::random;
use crate::error::Error;

/// Bytes of an x-only public key.
pub const PUBLIC_KEY_BYTES: usize = 32;

/// Bytes of a signature.
pub const SIGNATURE_BYTES: usize = 64;

const BAD: Error =
    Error::BadSignature("the BIP-340 signature is not by this key over this message");

/// The x-only public key of a secret key.
///
/// # Errors
/// [`Error::Invalid`] if the secret key is zero or not below the group's order.
pub fn public_key(secret: &[u8; 32]) -> Result<[u8; PUBLIC_KEY_BYTES], Error> {
    Ok(signing_key(secret)?.verifying_key().to_bytes().into())
}

/// Signs with fresh auxiliary randomness, as the BIP recommends; each signature is another.
///
/// # Errors
/// [`Error::Invalid`] if the secret key is none, [`Error::Internal`] if the system gives no random bytes.
pub fn sign(secret: &[u8; 32], message: &[u8]) -> Result<[u8; SIGNATURE_BYTES], Error> {
    let mut auxiliary = [0; 32];
    random(&mut auxiliary)?;
    sign_with(secret, message, &auxiliary)
}

/// Signs with auxiliary randomness that the caller answers for.
///
/// # Errors
/// [`Error::Invalid`] if the secret key is none.
pub fn sign_with(
    secret: &[u8; 32],
    message: &[u8],
    auxiliary: &[u8; 32],
) -> Result<[u8; SIGNATURE_BYTES], Error> {
    let signature = signing_key(secret)?.sign_raw(message, auxiliary);
    let signature = signature.map_err(|_| Error::internal("signing by BIP-340"))?;
    Ok(signature.to_bytes())
}

/// Verifies over a message of any length.
///
/// # Errors
/// [`Error::BadSignature`] if it is not by the key over the message.
pub fn verify(
    public_key: &[u8; PUBLIC_KEY_BYTES],
    message: &[u8],
    signature: &[u8; SIGNATURE_BYTES],
) -> Result<(), Error> {
    let key = VerifyingKey::from_slice(public_key).map_err(|_| BAD)?;
    let signature = Signature::from_bytes(signature).map_err(|_| BAD)?;
    key.verify_raw(message, &signature).map_err(|_| BAD)
}

/// Checks a key that is to be trusted from now on.
///
/// # Errors
/// [`Error::Invalid`] if no point of the curve has this x.
pub fn check_key(public_key: &[u8; PUBLIC_KEY_BYTES]) -> Result<(), Error> {
    let key = VerifyingKey::from_slice(public_key);
    key.map(drop).map_err(|_| {
        Error::Invalid("the BIP-340 key is not the x coordinate of a point on secp256k1")
    })
}

fn signing_key(secret: &[u8; 32]) -> Result<SigningKey, Error> {
    SigningKey::from_slice(secret).map_err(|_| {
        Error::Invalid("the secp256k1 secret key is zero or not below the order: make a new one")
    })
}

#[cfg(test)]
mod tests {
    use super::{check_key, public_key, sign, verify};

    /// The group's order (SEC 2 section 2.4.1).
    const ORDER: &str = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";

    #[test]
    fn a_flipped_bit_anywhere_in_key_message_or_signature_is_refused() {
        let secret = [7; 32];
        let public = public_key(&secret).unwrap();
        let signature = sign(&secret, b"message").unwrap();
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
    fn a_secret_key_is_neither_zero_nor_the_order() {
        assert!(public_key(&[0; 32]).is_err());
        let order = hex::decode(ORDER).unwrap();
        assert!(public_key(&order.try_into().unwrap()).is_err());
    }

    #[test]
    fn a_key_off_the_curve_or_beyond_the_field_is_refused() {
        assert!(check_key(&public_key(&[7; 32]).unwrap()).is_ok());
        // No point has x = 5; 2^256 - 1 is beyond the field.
        let mut five = [0; 32];
        five[31] = 5;
        assert!(check_key(&five).is_err());
        assert!(check_key(&[0xff; 32]).is_err());
        assert!(check_key(&[0; 32]).is_err());
    }
}
