//! RFC 8785 (JCS) after Unicode NFC, over the `serde_jcs` crate: one context, one sequence of bytes.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    error::{Error, Source},
    json::normal,
};

/// A caller's context: bound into the AAD of what it encrypts.
pub type Context = BTreeMap<String, String>;

/// Most keys of a context.
pub const CONTEXT_KEYS: usize = 32;

/// Most bytes of a context in its canonical form.
pub const CONTEXT_BYTES: usize = 4096;

/// The canonical bytes of a context; an absent one is `{}`.
///
/// # Errors
/// [`Error::TooLarge`] beyond [`CONTEXT_KEYS`] or [`CONTEXT_BYTES`].
pub fn context(context: Option<Context>) -> Result<Vec<u8>, Error> {
    let context = context.unwrap_or_default();
    let bytes = json(&normalised(context)?)?;
    if bytes.len() > CONTEXT_BYTES {
        return Err(TOO_LARGE);
    }
    Ok(bytes)
}

const TOO_LARGE: Error = Error::TooLarge("a context has at most 32 keys and 4,096 bytes");

/// RFC 8785 bytes of any value of ours whose texts are in NFC already.
///
/// # Errors
/// [`Error::Internal`] if it cannot be said in JSON.
pub fn json<T: Serialize>(value: &T) -> Result<Vec<u8>, Error> {
    serde_jcs::to_vec(value).map_err(|error| Error::Internal {
        what: "writing canonical JSON",
        source: Some(Source::from(error)),
    })
}

fn normalised(context: Context) -> Result<Context, Error> {
    let keys = context.len();
    if keys > CONTEXT_KEYS {
        return Err(TOO_LARGE);
    }
    let pairs = context
        .into_iter()
        .map(|(key, value)| (normal(key), normal(value)));
    let normalised: Context = pairs.collect();
    if normalised.len() < keys {
        return Err(Error::Invalid(
            "two keys of the context are equal after Unicode NFC",
        ));
    }
    Ok(normalised)
}

#[cfg(test)]
mod tests {
    use super::{Context, context, json};

    #[test]
    fn keys_are_ordered_by_utf16_and_texts_are_in_nfc() {
        let pairs = [
            ("\u{fb03}", "1"),
            ("\u{1f600}", "2"),
            ("e\u{301}", "e\u{301}"),
        ];
        let given: Context = pairs
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into();
        let wanted = "{\"\u{e9}\":\"\u{e9}\",\"\u{1f600}\":\"2\",\"\u{fb03}\":\"1\"}";
        assert_eq!(context(Some(given)).unwrap(), wanted.as_bytes());
        assert_eq!(context(None).unwrap(), b"{}");
    }

    #[test]
    fn the_example_of_rfc_8785_section_3_2_2_comes_out_to_the_byte() {
        let input = r#"{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],"string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}"#;
        let value: serde_json::Value = serde_json::from_str(input).unwrap();
        let wanted = "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],\"string\":\"\u{20ac}$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}";
        assert_eq!(String::from_utf8(json(&value).unwrap()).unwrap(), wanted);
    }

    #[test]
    fn a_context_beyond_its_limits_is_refused() {
        let many: Context = (0..33).map(|at| (at.to_string(), String::new())).collect();
        assert!(context(Some(many)).is_err());
        let long: Context = [("k".to_owned(), "v".repeat(4096))].into();
        assert!(context(Some(long)).is_err());
    }
}
