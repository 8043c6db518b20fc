//! One context, one sequence of bytes (src/crypto/canonical.rs; RFC 8785 after NFC): the AAD stands on it.

use aegis_custodian::{
    crypto::canonical::{CONTEXT_BYTES, CONTEXT_KEYS, Context, context},
    error::Error,
    json,
};
use proptest::{collection, prelude::*};

use crate::{
    config,
    given::{self, meaning, taken_apart, text},
    tree::Tree,
};

fn canonical(given: &Context) -> Option<Vec<u8>> {
    context(Some(given.clone())).ok()
}

/// The keys and values in the order in which they stand there.
fn pairs(bytes: &[u8]) -> Vec<(String, String)> {
    let Tree::Object(pairs) = serde_json::from_slice(bytes).unwrap() else {
        panic!("a context is an object");
    };
    let plain = |(key, value)| {
        let Tree::Text(value) = value else {
            panic!("{value:?}")
        };
        (key, value)
    };
    pairs.into_iter().map(plain).collect()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_bytes_say_what_the_context_says_ordered_by_utf16(given in given::context()) {
        let Some(bytes) = canonical(&given) else {
            prop_assert!(meaning(&given).is_none(), "refused: {:?}", given);
            return Ok(());
        };
        let said = pairs(&bytes);
        let utf16: Vec<Vec<u16>> = said.iter().map(|(key, _)| key.encode_utf16().collect()).collect();
        prop_assert!(utf16.windows(2).all(|two| two[0] < two[1]));
        prop_assert_eq!(Some(said.into_iter().collect::<Context>()), meaning(&given));
        prop_assert!(!bytes.windows(2).any(|two| two == b": " || two == b", ") || given.iter().any(|(key, value)| key.contains(' ') || value.contains(' ')));
    }

    #[test]
    fn the_order_of_keys_and_the_way_texts_are_written_do_not_matter(
        given in given::context(), shuffle in any::<prop::sample::Index>(),
    ) {
        prop_assume!(meaning(&given).is_some());
        let bytes = canonical(&given);
        prop_assert_eq!(&canonical(&taken_apart(&given)), &bytes);
        let mut shuffled: Vec<_> = given.iter().map(|(key, value)| (key.clone(), Tree::Text(value.clone()))).collect();
        if !shuffled.is_empty() {
            let by = shuffle.index(shuffled.len());
            shuffled.rotate_left(by);
        }
        shuffled.reverse();
        let read = json::read::<Context>(Tree::Object(shuffled).write().as_bytes()).unwrap();
        prop_assert_eq!(canonical(&read), bytes);
    }

    #[test]
    fn contexts_that_say_different_things_have_different_bytes(one in given::context(), other in given::context()) {
        let (Some(one), Some(other)) = (meaning(&one), meaning(&other)) else { return Ok(()) };
        prop_assert_eq!(canonical(&one) == canonical(&other), one == other);
    }

    #[test]
    fn a_change_of_one_text_changes_the_bytes(
        given in given::context(), which in any::<prop::sample::Index>(), of_key in any::<bool>(), new in text(4),
    ) {
        prop_assume!(!given.is_empty() && meaning(&given).is_some());
        let (key, value) = given.iter().nth(which.index(given.len())).unwrap();
        let mut changed = given.clone();
        changed.remove(key);
        match of_key {
            true => changed.insert(new, value.clone()),
            false => changed.insert(key.clone(), new),
        };
        prop_assume!(meaning(&changed) != meaning(&given));
        prop_assert_ne!(canonical(&changed), canonical(&given));
    }

    #[test]
    fn the_limits_are_32_keys_and_4096_canonical_bytes(
        given in collection::btree_map(text(8), prop_oneof![text(20), "[a-z]{0,1400}", "\u{0}{0,300}"], 0..=36),
    ) {
        prop_assume!(meaning(&given).is_some());
        let length = serde_json::to_string(&meaning(&given)).unwrap().len();
        let fits = given.len() <= CONTEXT_KEYS && length <= CONTEXT_BYTES;
        match context(Some(given)) {
            Ok(bytes) => { prop_assert!(fits); prop_assert_eq!(bytes.len(), length) }
            Err(error) => { prop_assert!(!fits); prop_assert!(matches!(error, Error::TooLarge(_))) }
        }
    }
}
