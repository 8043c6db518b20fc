//! Any JSON value, as it stands: for what is compared with its own canonical form.
//!
//! `serde_json::Value` is not this: it has a secret key whose text it reads as JSON anew, as deep as it likes.

use std::fmt;

use serde::{
    Deserialize, Serialize, Serializer,
    de::{Deserializer, MapAccess, SeqAccess, Visitor},
};

use super::{malformed, normal};
use crate::error::Error;

/// A value whose texts are in Unicode NFC; keys may stand twice.
#[derive(Debug)]
pub enum Tree {
    /// `true` or `false`.
    Bool(bool),
    /// A list.
    List(Vec<Tree>),
    /// `null`.
    Null,
    /// A number, as RFC 8785 has them all.
    Number(f64),
    /// An object.
    Object(Vec<(String, Tree)>),
    /// A text.
    Text(String),
}

impl Tree {
    /// Reads any JSON.
    ///
    /// # Errors
    /// [`Error::Malformed`] says where and what was expected.
    pub fn read(text: &[u8]) -> Result<Self, Error> {
        serde_json::from_slice(text).map_err(|error| malformed(&error))
    }
}

impl Serialize for Tree {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Bool(value) => to.serialize_bool(*value),
            Self::List(items) => to.collect_seq(items),
            Self::Null => to.serialize_unit(),
            Self::Number(value) => to.serialize_f64(*value),
            Self::Object(pairs) => to.collect_map(pairs.iter().map(|(key, value)| (key, value))),
            Self::Text(text) => to.serialize_str(text),
        }
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Tree;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Number(value as f64))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
        Ok(Tree::Number(value))
    }

    fn visit_str<E>(self, text: &str) -> Result<Tree, E> {
        Ok(Tree::Text(normal(text.to_owned())))
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
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
        while let Some((key, value)) = map.next_entry::<String, Tree>()? {
            pairs.push((normal(key), value));
        }
        Ok(Tree::Object(pairs))
    }
}

#[cfg(test)]
mod tests {
    use super::Tree;

    #[test]
    fn no_key_makes_a_text_be_read_as_json() {
        let text = r#"{"$serde_json::private::RawValue":"[1]"}"#;
        let tree = Tree::read(text.as_bytes()).unwrap();
        assert_eq!(serde_json::to_string(&tree).unwrap(), text);
    }

    #[test]
    fn keys_that_stand_twice_and_all_kinds_of_values_come_through() {
        let text = r#"{"a":1.0,"a":[null,true,"x"],"b":{"c":-2.5}}"#;
        let tree = Tree::read(text.as_bytes()).unwrap();
        assert_eq!(serde_json::to_string(&tree).unwrap(), text);
        assert!(Tree::read(b"{} x").is_err());
        assert!(Tree::read("[".repeat(5_000).as_bytes()).is_err());
    }
}
