//! Members of an object's text, at any depth: found with the text of their values, and given other values while all
//! else stays to the byte.

use std::{fmt, ops::Range};

use serde::{
    Deserialize,
    de::{Deserializer, Error as _, MapAccess, Unexpected, Visitor},
};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::{check, malformed, normal};
use crate::error::Error;

/// The text of a JSON object as it came, wiped on drop. It has passed the checks of [`super::read`].
pub struct ObjectText(Zeroizing<String>);

/// A member that was looked for.
#[derive(Debug)]
pub struct Member<'a> {
    /// Its name, in Unicode NFC.
    pub name: String,
    /// The text of its value.
    pub value: &'a str,
    /// Where it is (RFC 6901).
    pub pointer: String,
    at: Range<usize>,
}

impl ObjectText {
    /// Reads an object and nothing else.
    ///
    /// # Errors
    /// [`Error::Malformed`] says where and what was expected.
    pub fn read(text: &[u8]) -> Result<Self, Error> {
        check(text)?;
        serde_json::from_slice(text).map_err(|error| malformed(&error))
    }

    /// The text.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The members that `wanted` takes by name and value, in their order; what is within one is not looked at.
    ///
    /// Each level is read on its own, so the cost is the text's length times its depth, which is 128 at most.
    ///
    /// # Errors
    /// [`Error::Malformed`], which cannot be after [`ObjectText::read`].
    pub fn members(
        &self,
        wanted: impl FnMut(&str, &str) -> bool,
    ) -> Result<Vec<Member<'_>>, Error> {
        let mut search = Search {
            text: &self.0,
            wanted,
            path: String::new(),
            found: Vec::new(),
        };
        search.object(&self.0)?;
        Ok(search.found)
    }

    /// The same text with other values in the places of some members, given in their order.
    ///
    /// # Errors
    /// [`Error::Malformed`] if no sound object comes of it; [`Error::Internal`] if they are not members of this text in
    /// their order.
    pub fn with<'a>(
        &self,
        values: impl Iterator<Item = (&'a Member<'a>, &'a str)> + Clone,
    ) -> Result<Self, Error> {
        const NOT_OF_THIS: Error = Error::Internal {
            what: "putting values into an event",
            source: None,
        };
        let more: usize = values.clone().map(|(_, value)| value.len()).sum();
        // Room for all of it at once: a text that grows leaves copies behind that nobody wipes.
        let room = self.0.len().saturating_add(more);
        let mut text = Zeroizing::new(String::with_capacity(room));
        let mut from = 0;
        for (member, value) in values {
            text.push_str(self.0.get(from..member.at.start).ok_or(NOT_OF_THIS)?);
            text.push_str(value);
            from = member.at.end;
        }
        text.push_str(self.0.get(from..).ok_or(NOT_OF_THIS)?);
        check(text.as_bytes())?;
        Ok(Self(text))
    }
}

impl fmt::Debug for ObjectText {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("ObjectText")
    }
}

/// Of a text that was checked as a whole.
impl<'de> Deserialize<'de> for ObjectText {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text: Box<str> = Box::<RawValue>::deserialize(from)?.into();
        let text = Zeroizing::new(String::from(text));
        if text.starts_with('{') {
            return Ok(Self(text));
        }
        Err(D::Error::invalid_type(
            Unexpected::Other("value"),
            &"an object",
        ))
    }
}

struct Search<'a, W> {
    text: &'a str,
    wanted: W,
    path: String,
    found: Vec<Member<'a>>,
}

impl<'a, W: FnMut(&str, &str) -> bool> Search<'a, W> {
    fn object(&mut self, text: &'a str) -> Result<(), Error> {
        let Entries(entries) = parse(text)?;
        let length = self.path.len();
        for (name, value) in entries {
            let name = normal(name);
            self.path.push('/');
            self.path
                .push_str(&name.replace('~', "~0").replace('/', "~1"));
            if (self.wanted)(&name, value.get()) {
                self.take(name, value.get());
            } else {
                self.value(value.get())?;
            }
            self.path.truncate(length);
        }
        Ok(())
    }

    fn list(&mut self, text: &'a str) -> Result<(), Error> {
        let length = self.path.len();
        for (at, value) in parse::<Vec<&RawValue>>(text)?.into_iter().enumerate() {
            self.path.push('/');
            self.path.push_str(&at.to_string());
            self.value(value.get())?;
            self.path.truncate(length);
        }
        Ok(())
    }

    fn value(&mut self, text: &'a str) -> Result<(), Error> {
        match text.as_bytes().first() {
            Some(b'{') => self.object(text),
            Some(b'[') => self.list(text),
            _ => Ok(()),
        }
    }

    fn take(&mut self, name: String, value: &'a str) {
        // A part of the text, so its place is the distance between the two.
        let start = (value.as_ptr() as usize).wrapping_sub(self.text.as_ptr() as usize);
        self.found.push(Member {
            name,
            value,
            pointer: self.path.clone(),
            at: start..start.saturating_add(value.len()),
        });
    }
}

fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|error| malformed(&error))
}

/// The members of one object.
struct Entries<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(EntriesVisitor).map(Self)
    }
}

struct EntriesVisitor;

impl<'de> Visitor<'de> for EntriesVisitor {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::ObjectText;

    fn read(text: &str) -> ObjectText {
        ObjectText::read(text.as_bytes()).unwrap()
    }

    #[test]
    fn members_are_found_at_any_depth_and_nothing_within_them() {
        let text = read(r#" {"a":1, "b":[{"a":[2]}, {"x~/y":{"\u0061" : {"a":3}}}], "A":4} "#);
        let found = text.members(|name, _| name == "a").unwrap();
        let found: Vec<_> = found
            .iter()
            .map(|member| (&*member.pointer, member.value))
            .collect();
        let wanted = [
            ("/a", "1"),
            ("/b/0/a", "[2]"),
            ("/b/1/x~0~1y/a", r#"{"a":3}"#),
        ];
        assert_eq!(found, wanted);
    }

    #[test]
    fn all_but_the_values_stays_to_the_byte() {
        let text =
            read("{\"a\" : 1.0 ,\t\"n\":12345678901234567890,\"b\":[{ \"a\":\"\\u00e9\" }]}");
        let found = text.members(|name, _| name == "a").unwrap();
        let values = found.iter().zip(["null", "[\"x\"]"]);
        let with = text.with(values).unwrap();
        let wanted = "{\"a\" : null ,\t\"n\":12345678901234567890,\"b\":[{ \"a\":[\"x\"] }]}";
        assert_eq!(with.expose(), wanted);
        let same = found.iter().map(|member| (member, member.value));
        assert_eq!(text.with(same).unwrap().expose(), text.expose());
    }

    #[test]
    fn members_of_another_text_are_refused() {
        let (long, short) = (read(r#"{"b":{"a":1}}"#), read("{}"));
        let found = long.members(|name, _| name == "a").unwrap();
        assert!(
            short
                .with(found.iter().map(|member| (member, "2")))
                .is_err()
        );
    }

    #[test]
    fn values_that_make_no_sound_object_are_refused() {
        let text = read(r#"{"a":1}"#);
        let found = text.members(|name, _| name == "a").unwrap();
        let deep = format!("{}{}", "[".repeat(127), "]".repeat(127));
        for value in ["", "1,2", r#"1,"a":2"#, "1}", &deep] {
            let with = text.with(found.iter().map(|member| (member, value)));
            assert!(with.is_err(), "{value}");
        }
    }

    #[test]
    fn what_is_no_object_or_has_a_key_twice_is_refused() {
        for text in ["[]", "1", "\"{}\"", "{} {}", r#"{"a":1,"a":2}"#, ""] {
            assert!(ObjectText::read(text.as_bytes()).is_err(), "{text}");
        }
        let deep = "{\"a\":".repeat(200);
        assert!(ObjectText::read(deep.as_bytes()).is_err());
    }

    #[test]
    fn no_key_makes_a_text_be_read_as_json() {
        let text = read(r#"{"$serde_json::private::RawValue":"{\"a\":1}","b":{"a":2}}"#);
        let found = text.members(|name, _| name == "a").unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].pointer, "/b/a");
    }

    #[test]
    fn an_object_says_nothing_in_debug() {
        assert_eq!(format!("{:?}", read(r#"{"a":"secret"}"#)), "ObjectText");
    }
}
