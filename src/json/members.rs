//! Members of an object's text, at any depth: found with the text of their values, and given other values while all
//! else stays to the byte.
//!
//! `jiter` walks: unlike `serde_json` it says where in the text it is, so that one pass does.

use std::{fmt, ops::Range, sync::Arc};

use jiter::{Jiter, JiterError, Peek};
use serde::{
    Deserialize,
    de::{Deserializer, Error as _, Unexpected},
};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::{check, malformed, normal};
use crate::error::{Error, Source};

/// The text of a JSON object as it came, wiped on drop. It has passed the checks of [`super::read`].
pub struct ObjectText(Zeroizing<String>);

/// A member that was looked for; its value is as secret as the event.
pub struct Member<'a> {
    /// Its name, in Unicode NFC.
    pub name: String,
    /// The text of its value.
    pub value: &'a str,
    within: Option<Arc<Place>>,
    at: Range<usize>,
}

/// Where an object or a list is, which many members share.
struct Place {
    within: Option<Arc<Place>>,
    step: Step,
}

enum Step {
    Item(usize),
    Member(String),
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

    /// The members that `wanted` takes by name and, of a value that is no object and no list, by the value's text; in
    /// their order. What is within one is not looked at.
    ///
    /// # Errors
    /// [`Error::TooLarge`] if there are more than `most`.
    pub fn members(
        &self,
        most: usize,
        wanted: impl Fn(&str, Option<&str>) -> bool,
    ) -> Result<Vec<Member<'_>>, Error> {
        let mut search = Search {
            text: &self.0,
            json: Jiter::new(self.0.as_bytes()),
            most,
            wanted,
            found: Vec::new(),
        };
        let first = search.json.peek().map_err(lost)?;
        search.value(first, &None)?;
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

impl Member<'_> {
    /// Where it is (RFC 6901).
    #[must_use]
    pub fn pointer(&self) -> String {
        let mut steps = vec![escaped(&self.name)];
        let mut within = self.within.as_deref();
        while let Some(place) = within {
            steps.push(match &place.step {
                Step::Item(at) => at.to_string(),
                Step::Member(name) => escaped(name),
            });
            within = place.within.as_deref();
        }
        steps.iter().rev().flat_map(|step| ["/", step]).collect()
    }
}

fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

impl fmt::Debug for ObjectText {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("ObjectText")
    }
}

impl fmt::Debug for Member<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Member")
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
        let value = Unexpected::Other("value");
        Err(D::Error::invalid_type(value, &"an object"))
    }
}

struct Search<'a, W> {
    text: &'a str,
    json: Jiter<'a>,
    most: usize,
    wanted: W,
    found: Vec<Member<'a>>,
}

/// As deep as the text is nested, which is 127 at most.
impl<'a, W: Fn(&str, Option<&str>) -> bool> Search<'a, W> {
    fn value(&mut self, next: Peek, place: &Option<Arc<Place>>) -> Result<(), Error> {
        match next {
            Peek::Object => self.object(place),
            Peek::Array => self.list(place),
            _ => self.json.known_skip(next).map_err(lost),
        }
    }

    fn list(&mut self, place: &Option<Arc<Place>>) -> Result<(), Error> {
        let mut at = 0;
        let mut next = self.json.known_array().map_err(lost)?;
        while let Some(value) = next {
            let inner = if is_container(value) {
                below(place, Step::Item(at))
            } else {
                None
            };
            self.value(value, &inner)?;
            at += 1;
            next = self.json.array_step().map_err(lost)?;
        }
        Ok(())
    }

    fn object(&mut self, place: &Option<Arc<Place>>) -> Result<(), Error> {
        let mut next = self.json.known_object().map_err(lost)?.map(str::to_owned);
        while let Some(name) = next {
            self.member(normal(name), place)?;
            next = self.json.next_key().map_err(lost)?.map(str::to_owned);
        }
        Ok(())
    }

    fn member(&mut self, name: String, place: &Option<Arc<Place>>) -> Result<(), Error> {
        let value = self.json.peek().map_err(lost)?;
        let start = self.json.current_index();
        let container = is_container(value);
        if container && !(self.wanted)(&name, None) {
            return self.value(value, &below(place, Step::Member(name)));
        }
        self.json.known_skip(value).map_err(lost)?;
        let at = start..self.json.current_index();
        let value = self.text.get(at.clone()).ok_or(NOT_OF_THIS)?;
        if container || (self.wanted)(&name, Some(value)) {
            self.take(name, value, place, at)?;
        }
        Ok(())
    }

    fn take(
        &mut self,
        name: String,
        value: &'a str,
        place: &Option<Arc<Place>>,
        at: Range<usize>,
    ) -> Result<(), Error> {
        if self.found.len() == self.most {
            return Err(Error::TooLarge(
                "too many values to encrypt or decrypt at once; send several requests",
            ));
        }
        self.found.push(Member {
            name,
            value,
            within: place.clone(),
            at,
        });
        Ok(())
    }
}

fn is_container(value: Peek) -> bool {
    matches!(value, Peek::Object | Peek::Array)
}

fn below(place: &Option<Arc<Place>>, step: Step) -> Option<Arc<Place>> {
    let within = place.clone();
    Some(Arc::new(Place { within, step }))
}

/// The text was sound before.
fn lost(error: JiterError) -> Error {
    Error::Internal {
        what: "looking for the members of a text",
        source: Some(Source::from(error.to_string())),
    }
}

const NOT_OF_THIS: Error = Error::Internal {
    what: "putting values into an event",
    source: None,
};

#[cfg(test)]
mod tests {
    use super::{Error, Member, ObjectText};

    fn read(text: &str) -> ObjectText {
        ObjectText::read(text.as_bytes()).unwrap()
    }

    fn members(text: &ObjectText) -> Result<Vec<Member<'_>>, Error> {
        text.members(9, |name, _| name == "a")
    }

    #[test]
    fn members_are_found_at_any_depth_and_nothing_within_them() {
        let text = read(r#" {"a":1, "b":[{"a":[2]}, {"x~/y":{"\u0061" : {"a":3}}}], "A":4} "#);
        let found = members(&text).unwrap();
        let found: Vec<_> = found
            .iter()
            .map(|member| (member.pointer(), member.value))
            .collect();
        let wanted = [
            ("/a", "1"),
            ("/b/0/a", "[2]"),
            ("/b/1/x~0~1y/a", r#"{"a":3}"#),
        ]
        .map(|(pointer, value)| (pointer.to_owned(), value));
        assert_eq!(found, wanted);
    }

    #[test]
    fn all_but_the_values_stays_to_the_byte() {
        let text =
            read("{\"a\" : 1.0 ,\t\"n\":12345678901234567890,\"b\":[{ \"a\":\"\\u00e9\" }]}");
        let found = members(&text).unwrap();
        let values = found.iter().zip(["null", "[\"x\"]"]);
        let with = text.with(values).unwrap();
        let wanted = "{\"a\" : null ,\t\"n\":12345678901234567890,\"b\":[{ \"a\":[\"x\"] }]}";
        assert_eq!(with.expose(), wanted);
        let same = found.iter().map(|member| (member, member.value));
        assert_eq!(text.with(same).unwrap().expose(), text.expose());
    }

    #[test]
    fn a_member_may_be_wanted_for_its_value() {
        let text = read(r#"{"a":{"b":"x"},"c":["x","y"],"d":"x","e":"xx","f":1}"#);
        let wanted = |_: &str, value: Option<&str>| value == Some("\"x\"");
        let found = text.members(9, wanted).unwrap();
        let found: Vec<_> = found.iter().map(Member::pointer).collect();
        assert_eq!(found, ["/a/b", "/d"]);
    }

    #[test]
    fn of_more_members_than_are_allowed_none_is_answered() {
        let text = read(r#"{"x":[{"a":1},{"a":2},{"a":3}]}"#);
        let any = |name: &str, _: Option<&str>| name == "a";
        assert_eq!(text.members(3, any).unwrap().len(), 3);
        assert!(matches!(text.members(2, any), Err(Error::TooLarge(_))));
    }

    #[test]
    fn members_of_another_text_are_refused() {
        let (long, short) = (read(r#"{"b":{"a":1}}"#), read("{}"));
        let found = members(&long).unwrap();
        assert!(
            short
                .with(found.iter().map(|member| (member, "2")))
                .is_err()
        );
    }

    #[test]
    fn values_that_make_no_sound_object_are_refused() {
        let text = read(r#"{"a":1}"#);
        let found = members(&text).unwrap();
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
        let found = members(&text).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].pointer(), "/b/a");
    }

    #[test]
    fn an_object_and_its_members_say_nothing_in_debug() {
        let text = read(r#"{"a":"secret"}"#);
        assert_eq!(format!("{text:?}"), "ObjectText");
        assert_eq!(format!("{:?}", members(&text).unwrap()), "[Member]");
    }
}
