//! What chance makes: names, versions, texts that Unicode can write in two ways, contexts.

use aegis_custodian::{
    crypto::canonical::Context,
    id::{DekName, DekVersion, KekVersion},
};
use proptest::{collection, prelude::*, sample};
use unicode_normalization::UnicodeNormalization;

pub fn dek_name() -> impl Strategy<Value = DekName> {
    "[a-z0-9][a-z0-9-]{0,62}".prop_map(|text| text.parse().unwrap())
}

pub fn dek_version() -> impl Strategy<Value = DekVersion> {
    "dek-v[1-9][0-9]{0,8}-[0-9]{8}".prop_map(|text| text.parse().unwrap())
}

pub fn kek_version() -> impl Strategy<Value = KekVersion> {
    "kek-v[1-9][0-9]{0,8}-[0-9]{8}".prop_map(|text| text.parse().unwrap())
}

pub fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    collection::vec(any::<u8>(), 0..=most)
}

/// Characters that canonical JSON must escape, order by UTF-16 or put into NFC, and any other.
fn character() -> impl Strategy<Value = char> {
    let hard = "\"\\/\0\u{7}\u{8}\t\n\u{c}\r\u{1f}\u{7f}é\u{301}e\u{212b}\u{3a9}\u{2126}\u{1f600}\u{fb03}\u{ffff}\u{ac00}\u{1100}\u{1161}\u{323}\u{307}s";
    let hard: Vec<char> = hard.chars().collect();
    prop_oneof![3 => sample::select(hard), 1 => any::<char>(), 2 => proptest::char::range('a', 'e')]
}

pub fn text(most: usize) -> impl Strategy<Value = String> {
    collection::vec(character(), 0..=most).prop_map(|chars| chars.into_iter().collect())
}

/// A context within the limits whose keys may be equal after NFC.
pub fn context() -> impl Strategy<Value = Context> {
    collection::btree_map(text(6), text(12), 0..=8)
}

/// What a context says, whichever way its texts are written; `None` if two keys are the same.
pub fn meaning(context: &Context) -> Option<Context> {
    let pairs = context.iter();
    let meant: Context = pairs
        .map(|(key, value)| (key.nfc().collect(), value.nfc().collect()))
        .collect();
    (meant.len() == context.len()).then_some(meant)
}

/// The same, with every text taken apart.
pub fn taken_apart(context: &Context) -> Context {
    let pairs = context.iter();
    pairs
        .map(|(key, value)| (key.nfd().collect(), value.nfd().collect()))
        .collect()
}
