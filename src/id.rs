//! Owns the names by which things are referred to: checked when made, so that a value is proof of its form.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Serialize, Serializer};

/// The text is not a name of this kind.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("not a name of this kind")]
pub struct NotAName;

/// Declares a newtype over checked text with `FromStr`, `Display`, `Debug`, `Serialize`.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name(Box<str>);

        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NotAName;

            fn from_str(text: &str) -> Result<Self, NotAName> {
                let check: fn(&str) -> bool = $check;
                check(text).then(|| Self(text.into())).ok_or(NotAName)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, out)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(&self.0)
            }
        }
    };
}

name!(
    /// A DEK's name: `[a-z0-9][a-z0-9-]{0,62}`.
    DekName,
    is_dek_name
);
name!(
    /// A KEK version, `kek-v{n}-{YYYYMMDD}`.
    KekVersion,
    |text| version_number(text, "kek").is_some()
);
name!(
    /// A DEK version, `dek-v{n}-{YYYYMMDD}`.
    DekVersion,
    |text| version_number(text, "dek").is_some()
);
name!(
    /// The name of a field of an event: 1 to 128 of `[A-Za-z0-9_.-]`.
    FieldName,
    is_field_name
);
name!(
    /// Names a human or a service: 1 to 128 of `[A-Za-z0-9._@+-]`, kept in lower case.
    Subject,
    |text| is_subject(text) && !text.bytes().any(|byte| byte.is_ascii_uppercase())
);
name!(
    /// A random UUID in its canonical text: a principal, a token.
    Id,
    |text| uuid::Uuid::try_parse(text).is_ok_and(|uuid| uuid.hyphenated().to_string() == text)
);

impl DekName {
    /// How a blob and an AAD refer to one version: `{name}/{version}`.
    #[must_use]
    pub fn reference(&self, version: &DekVersion) -> String {
        format!("{self}/{version}")
    }
}

impl KekVersion {
    /// The name of version `number` (from 1), made at `at`.
    #[must_use]
    pub fn new(number: u32, at: Timestamp) -> Self {
        Self(version_name("kek", number, at))
    }

    /// The number in its name.
    #[must_use]
    pub fn number(&self) -> u32 {
        version_number(self.as_str(), "kek").unwrap_or(0)
    }
}

impl DekVersion {
    /// The name of version `number` (from 1), made at `at`.
    #[must_use]
    pub fn new(number: u32, at: Timestamp) -> Self {
        Self(version_name("dek", number, at))
    }

    /// The number in its name.
    #[must_use]
    pub fn number(&self) -> u32 {
        version_number(self.as_str(), "dek").unwrap_or(0)
    }
}

impl Subject {
    /// Folds to lower case, in which subjects are compared.
    ///
    /// # Errors
    /// [`NotAName`] if a character or the length is outside the rule.
    pub fn folded(text: &str) -> Result<Self, NotAName> {
        text.to_ascii_lowercase().parse()
    }
}

impl Id {
    /// A new random id (UUID version 4).
    #[must_use]
    pub fn random() -> Self {
        Self(uuid::Uuid::new_v4().hyphenated().to_string().into())
    }
}

/// Whether `text` may name a human, a service or a wrap scope, letter case aside.
#[must_use]
pub fn is_subject(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._@+-".contains(&byte);
    (1..=128).contains(&text.len()) && text.bytes().all(allowed)
}

fn is_dek_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (1..=63).contains(&text.len())
        && text.bytes().all(|byte| plain(byte) || byte == b'-')
        && text.bytes().next().is_some_and(plain)
}

fn is_field_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    (1..=128).contains(&text.len()) && text.bytes().all(allowed)
}

fn version_name(kind: &str, number: u32, at: Timestamp) -> Box<str> {
    let day = at.strftime("%Y%m%d");
    format!("{kind}-v{number}-{day}").into()
}

fn version_number(text: &str, kind: &str) -> Option<u32> {
    let (number, day) = text
        .strip_prefix(kind)?
        .strip_prefix("-v")?
        .split_once('-')?;
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    (digits(number) && digits(day) && day.len() == 8 && !number.starts_with('0'))
        .then(|| number.parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::{DekName, DekVersion, Id, KekVersion, Subject};

    #[test]
    fn a_dek_name_is_short_lower_case_and_starts_with_a_letter_or_digit() {
        for good in ["a", "0", "telemetry", "payroll-2026", &"a".repeat(63)] {
            assert!(good.parse::<DekName>().is_ok(), "{good}");
        }
        for bad in ["", "-a", "A", "a_b", "a/b", "é", &"a".repeat(64)] {
            assert!(bad.parse::<DekName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_version_names_its_number_and_its_utc_day() {
        let at = "2026-11-23T23:59:59Z".parse().unwrap();
        assert_eq!(DekVersion::new(3, at).as_str(), "dek-v3-20261123");
        assert_eq!(KekVersion::new(1, at).as_str(), "kek-v1-20261123");
        for bad in [
            "dek-v0-20261123",
            "dek-v1-2026112",
            "kek-v1-20261123",
            "dek-v01-20261123",
            "dek-v99999999999-20261123",
        ] {
            assert!(bad.parse::<DekVersion>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_subject_is_compared_in_lower_case() {
        assert_eq!(
            Subject::folded("Jane@Example.org").unwrap().as_str(),
            "jane@example.org"
        );
        assert!(Subject::folded("").is_err());
        assert!(Subject::folded("jane doe").is_err());
    }

    #[test]
    fn an_id_is_a_canonical_uuid() {
        assert!(Id::random().as_str().parse::<Id>().is_ok());
        assert!(
            "6F9619FF-8B86-D011-B42D-00CF4FC964FF"
                .parse::<Id>()
                .is_err()
        );
        assert!("x".parse::<Id>().is_err());
    }
}
