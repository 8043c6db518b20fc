//! Blobs: any text is a whole blob in its one canonical form, or it is refused.

use aegis_custodian::crypto::blob::{DekBlob, KekBlob};
use base64ct::{Base64UrlUnpadded, Encoding};

/// Reads a text as a blob and writes it again; `None` if it is refused.
type Again = fn(&str) -> Option<String>;

/// Every reader of blobs there is. A new one is one more line here.
const READERS: [Again; 2] = [
    |text| Some(KekBlob::decode(text).ok()?.encode().unwrap()),
    |text| Some(DekBlob::decode(text).ok()?.encode()),
];

/// A head of each kind, so that bytes are tried as its body too. A new kind is one more line here, and a few seeds.
const HEADS: [&str; 3] = [
    "cst1:kek:kek-v1-20261123:",
    "cst1:dek:telemetry/dek-v1-20261123:",
    "cst1:hpke:telemetry/dek-v1-20261123:",
];

pub fn check(input: &[u8]) {
    if let Ok(text) = std::str::from_utf8(input) {
        canonical(text);
    }
    let body = Base64UrlUnpadded::encode_string(input);
    for head in HEADS {
        canonical(&[head, &body].concat());
    }
}

/// Whoever takes a text gives the same text back, and nobody else takes it.
fn canonical(text: &str) {
    let taken: Vec<_> = READERS.iter().filter_map(|again| again(text)).collect();
    assert!(taken.len() < 2, "two readers take {text}");
    for again in taken {
        assert_eq!(again, text, "a blob has two forms");
    }
}
