//! HMAC-SHA-256 (RFC 2104, FIPS 198-1), over the `hmac` crate.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// Bytes of a tag.
pub const TAG_BYTES: usize = 32;

/// The tag over `data`.
#[must_use]
pub fn tag(key: &[u8; 32], data: &[u8]) -> [u8; TAG_BYTES] {
    over(key, data).finalize().into_bytes().into()
}

/// Whether `tag` is the one over `data`; takes the same time whatever differs.
#[must_use]
pub fn is_tag(key: &[u8; 32], data: &[u8], tag: &[u8]) -> bool {
    over(key, data).verify_slice(tag).is_ok()
}

fn over(key: &[u8; 32], data: &[u8]) -> Hmac<Sha256> {
    // RFC 2104 section 2: a key shorter than a block is filled up with zeros.
    let mut block = Zeroizing::new([0; 64]);
    block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    let mut mac = Hmac::<Sha256>::new((&*block).into());
    mac.update(data);
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
        assert_eq!(hex::encode(tag(&key, data)), wanted);
        assert!(is_tag(&key, data, &hex::decode(wanted).unwrap()));
    }

    #[test]
    fn another_key_other_data_or_a_cut_tag_does_not_verify() {
        let whole = tag(&[1; 32], b"part");
        assert!(is_tag(&[1; 32], b"part", &whole));
        assert!(!is_tag(&[2; 32], b"part", &whole));
        assert!(!is_tag(&[1; 32], b"parT", &whole));
        assert!(!is_tag(&[1; 32], b"part", &whole[..31]));
        assert!(!is_tag(&[1; 32], b"part", &[]));
    }
}
