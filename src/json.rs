//! Reads untrusted JSON: no duplicate keys, no keys equal after NFC, no unpaired surrogates, no unknown fields.
//!
//! A first pass walks the text and refuses what `serde_json` would let through; a second one reads the
//! type that the operation wants. Errors carry words of ours only, never the client's.

use std::{collections::HashSet, fmt, marker::PhantomData, slice};

use serde::{
    Deserialize,
    de::{
        DeserializeOwned, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor,
        value::MapAccessDeserializer,
    },
};
use unicode_normalization::{UnicodeNormalization, is_nfc};

use crate::error::Error;

mod members;
mod numbers;
mod tree;

pub use members::{Member, ObjectText};
pub use tree::Tree;

/// Reads one `T`.
///
/// # Errors
/// [`Error::Malformed`] says where and what was expected.
pub fn read<T: DeserializeOwned>(text: &[u8]) -> Result<T, Error> {
    check(text)?;
    object(text)
}

/// Reads `T` from an object only: what serde derives would take an array of its fields' values too.
#[derive(Debug)]
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
}

/// One thing, or `{"items":[…]}` of them.
#[derive(Debug)]
pub enum OneOrMany<T> {
    /// The thing itself was the body.
    One(T),
    /// The body was a batch.
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    /// All of them.
    #[must_use]
    pub fn as_slice(&self) -> &[T] {
        match self {
            Self::One(only) => slice::from_ref(only),
            Self::Many(all) => all,
        }
    }

    /// The same form with other contents; `None` if there are none for one.
    pub fn refilled<U>(&self, mut contents: Vec<U>) -> Option<OneOrMany<U>> {
        match self {
            Self::One(_) => contents.pop().map(OneOrMany::One),
            Self::Many(_) => Some(OneOrMany::Many(contents)),
        }
    }
}

/// Reads one `T` or a batch of them.
///
/// # Errors
/// [`Error::Malformed`] says where and what was expected.
pub fn read_one_or_many<T: DeserializeOwned>(text: &[u8]) -> Result<OneOrMany<T>, Error> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Batch<T> {
        items: Vec<Object<T>>,
    }
    if !check(text)?.has_items {
        return object(text).map(OneOrMany::One);
    }
    let batch = object::<Batch<T>>(text)?;
    let items = batch.items.into_iter().map(|item| item.0);
    Ok(OneOrMany::Many(items.collect()))
}

/// Whether a text is one JSON value and passes the checks of [`read`].
///
/// # Errors
/// [`Error::Malformed`] says where and what was expected.
pub fn well_formed(text: &[u8]) -> Result<(), Error> {
    check(text).map(drop)
}

/// The second pass.
fn object<T: DeserializeOwned>(text: &[u8]) -> Result<T, Error> {
    let object = serde_json::from_slice::<Object<T>>(text);
    object
        .map(|object| object.0)
        .map_err(|error| malformed(&error))
}

/// What the first pass saw of the outermost value.
#[derive(Clone, Copy, Default)]
struct Shape {
    has_items: bool,
}

fn check(text: &[u8]) -> Result<Shape, Error> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let shape = Strict.deserialize(&mut reader);
    let shape = shape.and_then(|shape| reader.end().map(|()| shape));
    shape.map_err(|error| malformed(&error))
}

/// Accepts any JSON value whose objects have distinct keys after NFC.
struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Shape;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Shape, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Shape;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Shape, E> {
        Ok(Shape::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<Shape, E> {
        Ok(Shape::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<Shape, E> {
        Ok(Shape::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<Shape, E> {
        Ok(Shape::default())
    }

    fn visit_str<E>(self, _: &str) -> Result<Shape, E> {
        Ok(Shape::default())
    }

    fn visit_unit<E>(self) -> Result<Shape, E> {
        Ok(Shape::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Shape, A::Error> {
        while list.next_element_seed(Strict)?.is_some() {}
        Ok(Shape::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Shape, A::Error> {
        let mut seen = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            if !seen.insert(normal(key)) {
                return Err(A::Error::custom(TWICE));
            }
            map.next_value_seed(Strict)?;
        }
        Ok(Shape {
            has_items: seen.contains("items"),
        })
    }
}

/// Said by readers of ours, and kept in the refusal.
const TWICE: &str = "each key of an object once (after Unicode NFC)";
const BEYOND: &str = "integers from -9007199254740991 to 9007199254740991: RFC 8785 carries no others, send them as texts";
const INFINITE: &str = "numbers that a 64-bit double can hold: send others as texts";
const DEEP: &str = "values nested at most 127 deep";

/// Text in Unicode NFC, in which keys and contexts are compared.
#[must_use]
pub fn normal(text: String) -> String {
    if is_nfc(&text) {
        return text;
    }
    text.nfc().collect()
}

fn malformed(error: &serde_json::Error) -> Error {
    Error::Malformed {
        expected: expected(&error.to_string()),
        line: error.line(),
        column: error.column(),
    }
}

/// Keeps of serde's message only what comes from our types; the rest may quote the client.
fn expected(message: &str) -> String {
    let ours = message
        .rsplit_once(" at line ")
        .map_or(message, |(text, _)| text);
    if [TWICE, BEYOND, INFINITE].contains(&ours) || ours.starts_with("missing field `") {
        return ours.to_owned();
    }
    match ours {
        "number out of range" => return INFINITE.to_owned(),
        "recursion limit exceeded" => return DEEP.to_owned(),
        _ => {}
    }
    if ours.ends_with(", there are no fields") {
        return "no field at all".to_owned();
    }
    match ours.rsplit_once(", expected ") {
        Some((_, wanted)) if ours.starts_with("unknown field") => {
            format!("no other field than {wanted}")
        }
        Some((_, "usize")) => "expected a whole number that is not negative".to_owned(),
        Some((_, wanted)) => format!("expected {wanted}"),
        None => "well-formed JSON in UTF-8 was expected".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{OneOrMany, read, read_one_or_many};
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Thing {
        #[allow(dead_code)]
        name: String,
    }

    fn refusal(text: &str) -> String {
        read::<Thing>(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn doubled_keys_are_refused_at_any_depth_and_after_nfc() {
        for text in [
            r#"{"name":"a","name":"b"}"#,
            r#"{"name":"a","n\u0061me":"b"}"#,
            "{\"\u{e9}\":1,\"e\u{301}\":2}",
            r#"[{"a":{"b":1,"b":2}}]"#,
        ] {
            assert!(refusal(text).contains("once"), "{text}");
        }
    }

    #[test]
    fn lone_surrogates_bad_utf8_and_trailing_bytes_are_refused() {
        assert!(read::<Thing>(br#"{"name":"\ud800"}"#).is_err());
        assert!(read::<Thing>(b"{\"name\":\"\xff\"}").is_err());
        assert!(read::<Thing>(br#"{"name":"a"} x"#).is_err());
        assert!(read::<Thing>("[".repeat(5_000).as_bytes()).is_err());
    }

    #[test]
    fn a_refusal_never_quotes_the_client() {
        for text in [
            r#"{"s3cret":1}"#,
            r#"{"name":"a","s3cret, expected x":1}"#,
            r#"{"name":{"s3cret":"s3cret"}}"#,
            r#""s3cret""#,
            "s3cret",
        ] {
            assert!(!refusal(text).contains("s3cret"), "{}", refusal(text));
        }
        assert!(refusal("{}").contains("missing field `name`"));
        assert!(refusal(r#"{"x":1}"#).contains("no other field than `name`"));
    }

    #[test]
    fn a_refusal_names_no_type_of_rust() {
        #[derive(Debug, Deserialize)]
        struct Count {
            #[expect(dead_code, reason = "it is only read")]
            bytes: usize,
        }
        for text in [r#"{"bytes":-1}"#, r#"{"bytes":1.5}"#, r#"{"bytes":"x"}"#] {
            let refusal = read::<Count>(text.as_bytes()).unwrap_err().to_string();
            assert!(refusal.contains("a whole number that is not"), "{refusal}");
        }
    }

    #[test]
    fn an_array_of_an_objects_values_is_not_that_object() {
        assert!(refusal(r#"["a"]"#).contains("expected an object"));
        assert!(read_one_or_many::<Thing>(br#"["a"]"#).is_err());
        assert!(read_one_or_many::<Thing>(br#"{"items":[["a"]]}"#).is_err());
    }

    #[test]
    fn a_refusal_of_what_has_no_fields_does_not_quote_the_client_either() {
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Nothing {}
        let refusal = read::<Nothing>(br#"{"a, expected s3cret":1}"#).unwrap_err();
        assert!(refusal.to_string().contains("no field at all"), "{refusal}");
    }

    #[test]
    fn a_body_is_one_thing_or_a_batch() {
        let one = read_one_or_many::<Thing>(br#"{"name":"a"}"#).unwrap();
        assert!(matches!(one, OneOrMany::One(_)));
        let many = read_one_or_many::<Thing>(br#"{"items":[{"name":"a"},{"name":"b"}]}"#).unwrap();
        assert!(matches!(many, OneOrMany::Many(items) if items.len() == 2));
        assert!(read_one_or_many::<Thing>(br#"{"items":[],"name":"a"}"#).is_err());
    }
}
