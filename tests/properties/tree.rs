//! JSON as it was written: objects keep every key, doubled ones too. The tests' own reading, beside the service's.

use std::fmt;

use proptest::{collection, prelude::*};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use unicode_normalization::UnicodeNormalization;

use crate::given::text;

#[derive(Clone, Debug)]
pub enum Tree {
    /// A number, a literal: as its text.
    Plain(String),
    Text(String),
    List(Vec<Tree>),
    Object(Vec<(String, Tree)>),
}

impl Tree {
    pub fn write(&self) -> String {
        let json = |text: &str| serde_json::to_string(text).unwrap();
        match self {
            Self::Plain(text) => text.clone(),
            Self::Text(text) => json(text),
            Self::List(items) => {
                let items: Vec<_> = items.iter().map(Self::write).collect();
                format!("[{}]", items.join(" , "))
            }
            Self::Object(pairs) => {
                let pair =
                    |(key, value): &(String, Self)| format!("{}:{}", json(key), value.write());
                let pairs: Vec<_> = pairs.iter().map(pair).collect();
                format!("{{ {} }}", pairs.join(",\n"))
            }
        }
    }

    /// Whether some object has two keys that are the same after NFC.
    pub fn doubled(&self) -> bool {
        match self {
            Self::Plain(_) | Self::Text(_) => false,
            Self::List(items) => items.iter().any(Self::doubled),
            Self::Object(pairs) => {
                let mut keys: Vec<String> =
                    pairs.iter().map(|(key, _)| key.nfc().collect()).collect();
                keys.sort_unstable();
                keys.windows(2).any(|two| two[0] == two[1])
                    || pairs.iter().any(|(_, value)| value.doubled())
            }
        }
    }

    /// Leaves the first of those keys that are the same.
    pub fn distinct(self) -> Self {
        match self {
            Self::List(items) => Self::List(items.into_iter().map(Self::distinct).collect()),
            Self::Object(pairs) => {
                let mut seen = std::collections::HashSet::new();
                let fresh = |(key, _): &(String, Self)| seen.insert(key.nfc().collect::<String>());
                let pairs = pairs.into_iter().filter(fresh);
                Self::Object(pairs.map(|(key, value)| (key, value.distinct())).collect())
            }
            plain @ (Self::Plain(_) | Self::Text(_)) => plain,
        }
    }

    /// Every object in it that has a key.
    pub fn objects(&mut self) -> Vec<&mut Vec<(String, Self)>> {
        match self {
            Self::Plain(_) | Self::Text(_) => Vec::new(),
            Self::List(items) => items.iter_mut().flat_map(Self::objects).collect(),
            Self::Object(pairs) if pairs.is_empty() => Vec::new(),
            Self::Object(pairs) => {
                // The object itself can be taken only if nothing in it is: deeper ones come first in turn.
                let deep = pairs.iter().any(|(_, value)| value.has_object());
                match deep && pairs.len() % 2 == 0 {
                    true => pairs
                        .iter_mut()
                        .flat_map(|(_, value)| value.objects())
                        .collect(),
                    false => vec![pairs],
                }
            }
        }
    }

    fn has_object(&self) -> bool {
        match self {
            Self::Plain(_) | Self::Text(_) => false,
            Self::List(items) => items.iter().any(Self::has_object),
            Self::Object(pairs) => !pairs.is_empty(),
        }
    }
}

pub fn tree() -> impl Strategy<Value = Tree> {
    let number = "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,5})?([eE][+-]?[0-9]{1,2})?";
    let leaf = prop_oneof![
        Just(Tree::Plain("null".to_owned())),
        Just(Tree::Plain("true".to_owned())),
        number.prop_map(Tree::Plain),
        text(5).prop_map(Tree::Text),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        prop_oneof![
            collection::vec(inner.clone(), 0..5).prop_map(Tree::List),
            collection::vec((text(3), inner), 0..5).prop_map(Tree::Object),
        ]
    })
}

/// An object, as every body is.
pub fn object() -> impl Strategy<Value = Tree> {
    collection::vec((text(3), tree()), 0..5).prop_map(|pairs| Tree::Object(pairs).distinct())
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Reading)
    }
}

struct Reading;

impl<'de> Visitor<'de> for Reading {
    type Value = Tree;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Plain(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Plain(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Plain(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
        Ok(Tree::Plain(value.to_string()))
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Plain("null".to_owned()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Tree, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Tree::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(Tree::Object(pairs))
    }
}
