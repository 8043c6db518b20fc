//! Any JSON value, as it stands: for what is compared with its own canonical form, or made one.
//!
//! `serde_json::Value` is not this: it has a secret key whose text it reads as JSON anew, as deep as it likes.

use std::{collections::HashSet, fmt};

use serde::{
    Serialize, Serializer,
    de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor},
};

use super::{BEYOND, INFINITE, TWICE, malformed, normal, numbers::Numbers};
use crate::error::Error;

/// The largest integer up to which a double has them all (RFC 8785 section 3.2.2.3): 2^53 - 1.
const LARGEST_INTEGER: f64 = 9_007_199_254_740_991.0;

/// From here on the canonical form has an exponent, so that nobody takes it for an integer: 10^21.
const FIRST_WITH_EXPONENT: f64 = 1e21;

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
    /// Reads any JSON; numbers become the doubles that are nearest to them.
    ///
    /// # Errors
    /// [`Error::Malformed`] says where and what was expected.
    pub fn read(text: &[u8]) -> Result<Self, Error> {
        Self::read_as(text, Strictness::Lenient)
    }

    /// Reads JSON that has one canonical form only (RFC 8785): no key twice in an object, also after NFC, and no
    /// integer but those that a double carries exactly.
    ///
    /// An integer is a number that is written without fraction and exponent, here or in its canonical form; others are
    /// doubles, as the RFC says. So the canonical form of what is read can be read too.
    ///
    /// # Errors
    /// [`Error::Malformed`] says where and what was expected.
    pub fn exact(text: &[u8]) -> Result<Self, Error> {
        Self::read_as(text, Strictness::Exact)
    }

    /// What an object has under a key.
    #[must_use]
    pub fn member(&self, key: &str) -> Option<&Self> {
        let Self::Object(pairs) = self else {
            return None;
        };
        let mut values = pairs.iter().filter(|(name, _)| name == key);
        values.next().map(|(_, value)| value)
    }

    /// The text that it is.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Bool(_) | Self::List(_) | Self::Null | Self::Number(_) | Self::Object(_) => None,
        }
    }

    fn read_as(text: &[u8], strictness: Strictness) -> Result<Self, Error> {
        let mut numbers = Numbers::of(text);
        let mut reader = serde_json::Deserializer::from_slice(text);
        let tree = Reader {
            numbers: &mut numbers,
            strictness,
        }
        .deserialize(&mut reader);
        let tree = tree.and_then(|tree| reader.end().map(|()| tree));
        tree.map_err(|error| malformed(&error))
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

#[derive(Clone, Copy, Eq, PartialEq)]
enum Strictness {
    Exact,
    Lenient,
}

/// Reads a value while its numbers are read beside it, in the same order.
struct Reader<'n, 't> {
    numbers: &'n mut Numbers<'t>,
    strictness: Strictness,
}

impl<'t> Reader<'_, 't> {
    /// For a value within this one.
    fn within(&mut self) -> Reader<'_, 't> {
        Reader {
            numbers: self.numbers,
            strictness: self.strictness,
        }
    }

    fn number<E: serde::de::Error>(self) -> Result<Tree, E> {
        let text = self.numbers.next().unwrap_or_default();
        let value: f64 = text.parse().map_err(E::custom)?;
        if !value.is_finite() {
            return Err(E::custom(INFINITE));
        }
        let size = value.abs();
        let whole = size < FIRST_WITH_EXPONENT || !text.contains(['.', 'e', 'E']);
        if self.strictness == Strictness::Exact && whole && size > LARGEST_INTEGER {
            return Err(E::custom(BEYOND));
        }
        Ok(Tree::Number(value))
    }
}

impl<'de> DeserializeSeed<'de> for Reader<'_, '_> {
    type Value = Tree;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Tree, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_, '_> {
    type Value = Tree;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Bool(value))
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<Tree, E> {
        self.number()
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<Tree, E> {
        self.number()
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<Tree, E> {
        self.number()
    }

    fn visit_str<E>(self, text: &str) -> Result<Tree, E> {
        Ok(Tree::Text(normal(text.to_owned())))
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<Tree, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element_seed(self.within())? {
            items.push(item);
        }
        Ok(Tree::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Tree, A::Error> {
        let (mut pairs, mut seen) = (Vec::new(), HashSet::new());
        while let Some(key) = map.next_key::<String>()? {
            let key = normal(key);
            if self.strictness == Strictness::Exact && !seen.insert(key.clone()) {
                return Err(A::Error::custom(TWICE));
            }
            pairs.push((key, map.next_value_seed(self.within())?));
        }
        Ok(Tree::Object(pairs))
    }
}

#[cfg(test)]
mod tests {
    use super::Tree;
    use crate::error::Error;

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

    fn canonical(text: &str) -> Result<String, Error> {
        let tree = Tree::exact(text.as_bytes())?;
        Ok(serde_jcs::to_string(&tree).unwrap())
    }

    fn refusal(text: &str) -> String {
        canonical(text).unwrap_err().to_string()
    }

    // RFC 8785 appendix B: the bits of a double and its text.
    const APPENDIX_B: [(u64, &str); 24] = [
        (0x0000_0000_0000_0000, "0"),
        (0x8000_0000_0000_0000, "0"),
        (0x0000_0000_0000_0001, "5e-324"),
        (0x8000_0000_0000_0001, "-5e-324"),
        (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
        (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
        (0x4340_0000_0000_0000, "9007199254740992"),
        (0xc340_0000_0000_0000, "-9007199254740992"),
        (0x4430_0000_0000_0000, "295147905179352830000"),
        (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
        (0x44b5_2d02_c7e1_4af6, "1e+23"),
        (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
        (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
        (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
        (0x444b_1ae4_d6e2_ef50, "1e+21"),
        (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
        (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
        (0x41b3_de43_5555_5553, "333333333.3333332"),
        (0x41b3_de43_5555_5554, "333333333.33333325"),
        (0x41b3_de43_5555_5555, "333333333.3333333"),
        (0x41b3_de43_5555_5556, "333333333.3333334"),
        (0x41b3_de43_5555_5557, "333333333.33333343"),
        (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
        (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
    ];

    #[test]
    fn the_doubles_of_rfc_8785_appendix_b_come_out_of_every_text_that_means_them() {
        for (bits, wanted) in APPENDIX_B {
            let double = f64::from_bits(bits);
            let beyond = (9_007_199_254_740_992.0..1e21).contains(&double.abs());
            for text in [format!("{double:e}"), format!("{double:.800e}")] {
                match beyond {
                    true => assert!(refusal(&text).contains("send them as texts"), "{text}"),
                    false => assert_eq!(canonical(&text).unwrap(), wanted, "{text}"),
                }
            }
        }
        let given = "[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001,-0,-0.0,1.0]";
        let wanted = "[333333333.3333333,1e+30,4.5,0.002,1e-27,0,0,1]";
        assert_eq!(canonical(given).unwrap(), wanted);
    }

    #[test]
    fn an_integer_that_a_double_does_not_carry_is_refused_however_long_it_is() {
        for fine in ["9007199254740991", "-9007199254740991", "0", "-1"] {
            assert_eq!(canonical(fine).unwrap(), fine);
        }
        let long = "9".repeat(300);
        for beyond in [
            "9007199254740992",
            "-9007199254740992",
            "9007199254740993",
            "18446744073709551615",
            "18446744073709551616",
            "-9223372036854775809",
            &long,
        ] {
            assert!(refusal(beyond).contains("9007199254740991"), "{beyond}");
            assert!(
                refusal(&format!("[{{\"a\":[\"1\",{beyond}]}}]")).contains("send them as texts")
            );
            assert!(Tree::read(beyond.as_bytes()).is_ok());
        }
        for infinite in [
            "1e400",
            "-1e400",
            "1.7976931348623159e308",
            &"9".repeat(400),
        ] {
            assert!(refusal(infinite).contains("64-bit double"), "{infinite}");
        }
    }

    #[test]
    fn what_becomes_such_an_integer_in_its_canonical_form_is_refused_however_it_is_written() {
        for beyond in [
            "9007199254740992.0",
            "9007199254740993.0",
            "-9007199254740992e0",
            "9007199254740991.5",
            "1e20",
            "-1E+20",
            "100000000000000000000.0",
            "999999999999999900000.0",
        ] {
            assert!(refusal(beyond).contains("send them as texts"), "{beyond}");
            assert!(Tree::read(beyond.as_bytes()).is_ok());
        }
    }

    #[test]
    fn a_canonical_form_is_its_own() {
        for text in [
            "9007199254740991.0",
            "-9007199254740991.4",
            "9007199254740990.5e0",
            "1e21",
            "999999999999999999999.0",
            "1000000000000000000000.0",
            "1E30",
            "-1.7976931348623157e308",
            "5e-324",
        ] {
            let form = canonical(text).unwrap();
            assert_eq!(canonical(&form).unwrap(), form, "{text}");
        }
    }

    #[test]
    fn an_exact_value_has_no_key_twice_and_its_texts_are_in_nfc() {
        assert!(refusal("{\"\u{e9}\":1,\"e\u{301}\":2}").contains("once"));
        assert!(refusal(r#"[{"a":{"b":1,"\u0062":2}}]"#).contains("once"));
        assert_eq!(
            canonical("{\"e\u{301}\":\"e\u{301}\"}").unwrap(),
            "{\"\u{e9}\":\"\u{e9}\"}"
        );
        assert!(canonical(r#""\ud800""#).is_err());
        assert!(refusal(&format!("{}{}", "[".repeat(128), "]".repeat(128))).contains("deep"));
        assert!(canonical(&format!("{}{}", "[".repeat(127), "]".repeat(127))).is_ok());
    }
}
