//! Signed lists of tools (src/crypto/tools.rs): what is signed is valid in every writing of it, and no change of what it
//! means is. What a tool means is said here once more, without the service's reader.

use std::collections::BTreeMap;

use aegis_custodian::crypto::tools::{Fault, Verdict, digests};
use proptest::{collection, prelude::*, sample::Index};
use serde_json::{Value, json};
use unicode_normalization::UnicodeNormalization;

use crate::{
    config,
    given::{bytes, text},
    toolbox::{judge, judge_as, now, resign, signed, usual},
    tree::{Tree, object, tree},
};

/// What a value means: keys in no order, texts in NFC, numbers as doubles.
#[derive(Clone, Debug, PartialEq)]
enum Meaning {
    Plain(String),
    Number(f64),
    Text(String),
    List(Vec<Meaning>),
    Object(BTreeMap<String, Meaning>),
}

fn meaning(tree: &Tree) -> Meaning {
    match tree {
        Tree::Plain(plain) => match plain.parse::<f64>() {
            Ok(number) => Meaning::Number(number),
            Err(_) => Meaning::Plain(plain.clone()),
        },
        Tree::Text(text) => Meaning::Text(text.nfc().collect()),
        Tree::List(items) => Meaning::List(items.iter().map(meaning).collect()),
        Tree::Object(pairs) => {
            let pair = |(key, value): &(String, Tree)| (key.nfc().collect(), meaning(value));
            Meaning::Object(pairs.iter().map(pair).collect())
        }
    }
}

/// Whether an integer in it is beyond ±(2^53 - 1), as it is written or in its canonical form.
fn is_beyond(tree: &Tree) -> bool {
    match tree {
        Tree::Plain(plain) => plain.parse::<f64>().is_ok_and(|number| {
            let written = !plain.contains(['.', 'e', 'E']);
            number.abs() >= 2_f64.powi(53) && (written || number.abs() < 1e21)
        }),
        Tree::Text(_) => false,
        Tree::List(items) => items.iter().any(is_beyond),
        Tree::Object(pairs) => pairs.iter().any(|(_, value)| is_beyond(value)),
    }
}

/// The same, written as differently as can be.
fn otherwise(tree: &Tree) -> Tree {
    let apart = |text: &str| text.nfd().collect();
    match tree {
        Tree::Plain(plain) if plain.parse::<f64>().is_err() => tree.clone(),
        Tree::Plain(number) if number.contains(['e', 'E', '.']) => {
            Tree::Plain(format!("{:e}", number.parse::<f64>().unwrap()))
        }
        Tree::Plain(number) => Tree::Plain(format!("{number}.000e0")),
        Tree::Text(text) => Tree::Text(apart(text)),
        Tree::List(items) => Tree::List(items.iter().map(otherwise).collect()),
        Tree::Object(pairs) => {
            let pair = |(key, value): &(String, Tree)| (apart(key), otherwise(value));
            Tree::Object(pairs.iter().rev().map(pair).collect())
        }
    }
}

/// Every value in it, itself first.
fn places(tree: &mut Tree) -> usize {
    1 + match tree {
        Tree::Plain(_) | Tree::Text(_) => 0,
        Tree::List(items) => items.iter_mut().map(places).sum(),
        Tree::Object(pairs) => pairs.iter_mut().map(|(_, value)| places(value)).sum(),
    }
}

/// Puts `other` in the place of that number.
fn put(tree: &mut Tree, number: &mut usize, other: &Tree) {
    if *number == 0 {
        *tree = other.clone();
        *number = usize::MAX;
        return;
    }
    *number = number.wrapping_sub(1);
    match tree {
        Tree::Plain(_) | Tree::Text(_) => {}
        Tree::List(items) => items.iter_mut().for_each(|item| put(item, number, other)),
        Tree::Object(pairs) => pairs
            .iter_mut()
            .for_each(|(_, value)| put(value, number, other)),
    }
}

/// Tools with names of their own and anything else; integers may be beyond.
fn any_tools() -> impl Strategy<Value = Vec<Tree>> {
    collection::vec(object(), 0..5)
        .prop_map(|tools| tools.into_iter().enumerate().map(named).collect())
}

fn named((number, tool): (usize, Tree)) -> Tree {
    let Tree::Object(mut pairs) = tool else {
        unreachable!()
    };
    pairs.retain(|(key, _)| key != "name");
    let at = pairs.len() / 2;
    pairs.insert(
        at,
        ("name".to_owned(), Tree::Text(format!("t\u{e9}{number}"))),
    );
    Tree::Object(pairs)
}

/// Such that can be signed: at least one.
fn tools() -> impl Strategy<Value = Vec<Tree>> {
    let fine = |tools: &Vec<Tree>| !tools.is_empty() && !tools.iter().any(is_beyond);
    any_tools().prop_filter("an integer beyond", fine)
}

fn written(tools: &[Tree]) -> String {
    Tree::List(tools.to_vec()).write()
}

/// Judges other tools by the manifest of the signed ones.
fn beside(signed: &str, from: &[Tree], to: &[Tree]) -> Verdict {
    judge_as(&signed.replacen(&written(from), &written(to), 1), &now())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_list_can_be_signed_exactly_if_a_double_carries_every_integer(tools in any_tools()) {
        let digests = digests(&written(&tools));
        prop_assert_eq!(digests.is_ok(), !tools.iter().any(is_beyond), "{:?}", digests);
    }

    #[test]
    fn a_signed_list_is_valid_in_every_writing(tools in tools()) {
        let list = signed(&written(&tools));
        prop_assert_eq!(judge_as(&list, &now()).error, None);
        let mut other: Vec<_> = tools.iter().map(otherwise).collect();
        other.reverse();
        prop_assert_eq!(beside(&list, &tools, &other).error, None, "{}", written(&other));
    }

    #[test]
    fn a_change_of_one_value_is_noticed_exactly_if_it_means_something(
        tools in tools(),
        which in any::<Index>(),
        place in any::<Index>(),
        value in tree().prop_map(Tree::distinct),
    ) {
        let list = signed(&written(&tools));
        let which = which.index(tools.len());
        let mut other = tools.clone();
        let number = place.index(places(&mut other[which]));
        put(&mut other[which], &mut number.clone(), &value);
        let same = meaning(&tools[which]) == meaning(&other[which]) && !is_beyond(&other[which]);
        let verdict = beside(&list, &tools, &other);
        prop_assert_eq!(verdict.valid, same, "{}", written(&other));
        let name = format!("t\u{e9}{which}");
        let said = verdict.changed.contains(&name) || verdict.missing.contains(&name);
        let malformed = verdict.error == Some(Fault::ToolsMalformed);
        prop_assert!(same || malformed || said, "{:?}", verdict);
    }

    #[test]
    fn a_member_taken_out_or_put_in_is_noticed(tools in tools(), which in any::<Index>(), key in text(6)) {
        let list = signed(&written(&tools));
        let which = which.index(tools.len());
        let mut other = tools.clone();
        let Tree::Object(pairs) = &mut other[which] else { unreachable!() };
        let normal: String = key.nfc().collect();
        let is = |(known, _): &(String, Tree)| known.nfc().collect::<String>() == normal;
        match pairs.iter().position(is) {
            Some(at) => drop(pairs.remove(at)),
            None => pairs.push((key, Tree::Plain("null".to_owned()))),
        }
        prop_assert!(!beside(&list, &tools, &other).valid);
    }

    #[test]
    fn no_bytes_are_a_signed_list_or_make_the_verifier_panic(bytes in bytes(400)) {
        let text = String::from_utf8_lossy(&bytes);
        prop_assert!(!judge_as(&text, &now()).valid);
        let meta = format!("{{\"tools\":[],\"_meta\":{text}}}");
        prop_assert!(!judge_as(&meta, &now()).valid);
        let _either = digests(&text);
    }

    #[test]
    fn no_json_in_the_place_of_a_part_is_believed(value in tree(), part in 0..5_usize) {
        let Ok(value) = serde_json::from_str::<Value>(&value.write()) else { return Ok(()) };
        let mut result = usual();
        let place = ["/_meta", "/_meta/aegis-custodian~1amtss", "/_meta/aegis-custodian~1amtss/manifest",
            "/_meta/aegis-custodian~1amtss/manifest/tools", "/_meta/aegis-custodian~1amtss/keyid"][part];
        *result.pointer_mut(place).unwrap() = value;
        prop_assert!(!judge(&result).valid);
        if (2..4).contains(&part) {
            resign(&mut result);
            prop_assert!(!judge(&result).valid);
        }
    }
}

#[test]
fn the_tests_own_meaning_tells_what_it_must() {
    let tree = |value: Value| serde_json::from_value::<Tree>(value).unwrap();
    assert_eq!(
        meaning(&tree(json!({"a": 1, "b": 2.5}))),
        meaning(&tree(json!({"b": 2.5, "a": 1})))
    );
    assert_ne!(meaning(&tree(json!([1, 2]))), meaning(&tree(json!([2, 1]))));
}
