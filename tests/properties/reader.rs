//! The reader of untrusted JSON (src/json.rs): no key twice, anywhere, however it is written; nothing else refused.

use aegis_custodian::json;
use proptest::prelude::*;
use serde_json::Value;
use unicode_normalization::UnicodeNormalization;

use crate::{
    config,
    tree::{Tree, object, tree},
};

fn accepts(text: &[u8]) -> bool {
    json::read::<Value>(text).is_ok()
}

/// The same key, written otherwise: as it is, in escapes, taken apart.
fn written(key: &str, how: u8) -> String {
    let escaped = |key: &str| {
        key.encode_utf16()
            .map(|unit| format!("\\u{unit:04x}"))
            .collect::<String>()
    };
    match how % 3 {
        0 => serde_json::to_string(key).unwrap(),
        1 => format!("\"{}\"", escaped(key)),
        _ => serde_json::to_string(&key.nfd().collect::<String>()).unwrap(),
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn an_object_without_a_doubled_key_is_read_as_it_was_written(tree in object()) {
        let text = tree.write();
        let read = json::read::<Value>(text.as_bytes());
        let other: Result<Value, _> = serde_json::from_str(&text);
        prop_assert_eq!(read.ok(), other.ok(), "{}", text);
    }

    #[test]
    fn a_key_doubled_anywhere_is_refused(
        mut tree in object(), which in any::<prop::sample::Index>(), how in any::<u8>(), at_end in any::<bool>(),
    ) {
        let marker = "\u{0}doubled here\u{0}";
        let key = {
            let mut objects = tree.objects();
            prop_assume!(!objects.is_empty());
            let at = which.index(objects.len());
            let pairs = &mut objects[at];
            let key = pairs[which.index(pairs.len())].0.clone();
            let place = if at_end { pairs.len() } else { 0 };
            pairs.insert(place, (marker.to_owned(), Tree::Plain("1".to_owned())));
            key
        };
        let marker = serde_json::to_string(marker).unwrap();
        let text = tree.write();
        prop_assert!(accepts(text.as_bytes()));
        let doubled = text.replacen(&marker, &written(&key, how), 1);
        prop_assert!(!accepts(doubled.as_bytes()), "{}", doubled);
    }

    #[test]
    fn damaged_text_is_read_just_as_another_reader_reads_it(
        tree in tree(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>(),
    ) {
        let mut text = tree.write().into_bytes();
        let at = at.index(text.len());
        if cut { text.remove(at); } else { text[at] = byte; }
        let fine = match serde_json::from_slice::<Tree>(&text) {
            Ok(tree) => matches!(tree, Tree::Object(_)) && !tree.doubled(),
            Err(_) => false,
        };
        prop_assert_eq!(accepts(&text), fine, "{}", String::from_utf8_lossy(&text));
    }

    #[test]
    fn no_bytes_at_all_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let fine = serde_json::from_slice::<Tree>(&bytes).is_ok_and(|tree| matches!(tree, Tree::Object(_)) && !tree.doubled());
        prop_assert_eq!(accepts(&bytes), fine);
    }
}
