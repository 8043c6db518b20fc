//! HMAC-SHA-256 (RFC 2104, FIPS 198-1), over the `hmac` crate.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// Bytes of a tag.
pub const TAG_BYTES: usize = 32;

/// The tag over the parts, one after the other: whoever splits them elsewhere gets the same.
pub fn tag<'a>(key: &[u8; 32], parts: impl IntoIterator<Item = &'a [u8]>) -> [u8; TAG_BYTES] {
    over(key, parts).finalize().into_bytes().into()
}

/// Whether `tag` is the one over the parts; takes the same time whatever differs.
pub fn is_tag<'a>(key: &[u8; 32], parts: impl IntoIterator<Item = &'a [u8]>, tag: &[u8]) -> bool {
    over(key, parts).verify_slice(tag).is_ok()
}

fn over<'a>(key: &[u8; 32], parts: impl IntoIterator<Item = &'a [u8]>) -> Hmac<Sha256> {
    // RFC 2104 section 2: a key shorter than a block is filled up with zeros.
    let mut block = Zeroizing::new([0; 64]);
    block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    let mut mac = Hmac::<Sha256>::new((&*block).into());
    parts.into_iter().for_each(|part| mac.update(part));
    mac
}

#[cfg(test)]
mod tests {
    use super::{is_tag, tag};

    #[test]
    fn test_case_6_of_rfc_4231_section_4_7_comes_out_with_its_key_hashed() {
        use sha2::{Digest, Sha256};
        // A key longer than a block is hashed first (RFC 2104 section 2): that gives the 32 bytes.
        let key: [u8; 32] = Sha256::digest([0xaa; 131]).into();
        let data = b"Test Using Larger Than Block-Size Key - Hash Key First";
        let wanted = "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54";
        assert_eq!(hex::encode(tag(&key, [data.as_slice()])), wanted);
        let (left, right) = data.split_at(7);
        assert!(is_tag(&key, [left, right], &hex::decode(wanted).unwrap()));
    }

    #[test]
    fn another_key_another_part_or_a_cut_tag_does_not_verify() {
        let whole = tag(&[1; 32], [b"part".as_slice()]);
        assert!(is_tag(&[1; 32], [b"part".as_slice()], &whole));
        assert!(!is_tag(&[2; 32], [b"part".as_slice()], &whole));
        assert!(!is_tag(&[1; 32], [b"parT".as_slice()], &whole));
        assert!(!is_tag(&[1; 32], [b"part".as_slice()], &whole[..31]));
        assert!(!is_tag(&[1; 32], [b"part".as_slice()], &[]));
    }
}
