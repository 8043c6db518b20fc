//! A line that carries a blob: the blob alone, or a JSON object with it in one member.

use crate::{
    crypto::blob::KekBlob,
    error::{Error, Source},
    json::ObjectText,
};

/// One line, and the blob in it.
pub(super) struct Carrier {
    pub(super) blob: String,
    /// The payload of the blob, which no move changes.
    payload: Vec<u8>,
    form: Form,
}

enum Form {
    /// What follows the blob: nothing, or a carriage return.
    Bare(&'static str),
    Member {
        name: String,
        object: ObjectText,
        /// What stands around the object: spaces, a carriage return.
        around: [Vec<u8>; 2],
    },
}

impl Carrier {
    /// Finds the blob in a line, or says why there is none.
    pub(super) fn read(line: &[u8], field: Option<&str>) -> Result<Self, String> {
        let found = match field {
            None => bare(line),
            Some(name) => member(line, name),
        };
        let (blob, form) = found.map_err(|error| error.to_string())?;
        let payload = payload(&blob).map_err(|error| error.to_string())?;
        Ok(Self {
            blob,
            payload,
            form,
        })
    }

    /// The same line with the moved blob, if it is the same blob that was moved.
    pub(super) fn with(&self, moved: &str) -> Result<Vec<u8>, Source> {
        if payload(moved)? != self.payload {
            return Err("the service answered another blob than the one that was sent".into());
        }
        match &self.form {
            Form::Bare(end) => Ok([moved, end].concat().into_bytes()),
            Form::Member {
                name,
                object,
                around: [before, after],
            } => {
                let members = object.members(1, |found, _| found == name)?;
                let quoted = serde_json::to_string(moved)?;
                let text = object.with(members.iter().map(|member| (member, &*quoted)))?;
                Ok([before, text.expose().as_bytes(), after].concat())
            }
        }
    }
}

fn payload(blob: &str) -> Result<Vec<u8>, Error> {
    Ok(KekBlob::decode(blob)?.payload)
}

fn bare(line: &[u8]) -> Result<(String, Form), Source> {
    let (text, end) = match line.strip_suffix(b"\r") {
        Some(text) => (text, "\r"),
        None => (line, ""),
    };
    let blob = std::str::from_utf8(text).map_err(|_| "the line is not text in UTF-8")?;
    Ok((blob.to_owned(), Form::Bare(end)))
}

fn member(line: &[u8], name: &str) -> Result<(String, Form), Source> {
    let object = ObjectText::read(line)?;
    let members = object.members(1, |found, _| found == name);
    let members = members.map_err(|_| "the line has more than one member of that name")?;
    let member = members
        .first()
        .ok_or("the line has no member of that name")?;
    let blob = serde_json::from_str(member.value).map_err(|_| "the member is not a text")?;
    drop(members);
    let form = Form::Member {
        name: name.to_owned(),
        object,
        around: around(line),
    };
    Ok((blob, form))
}

fn around(line: &[u8]) -> [Vec<u8>; 2] {
    let before = line.len() - line.trim_ascii_start().len();
    let after = line.trim_ascii_end().len();
    [line.get(..before), line.get(after..)].map(|part| part.unwrap_or_default().to_vec())
}

#[cfg(test)]
mod tests {
    use super::Carrier;
    use crate::{
        algorithm::Mechanism,
        crypto::{blob::KekBlob, wrapped::WrappedSecret},
    };

    fn blob(payload: u8, kek: &str) -> String {
        let one_time = WrappedSecret {
            kek: kek.parse().unwrap(),
            mechanism: Mechanism::AesGcm,
            nonce: vec![1; 12],
            sealed: vec![2; 48],
        };
        let payload = vec![payload; 60];
        KekBlob { one_time, payload }.encode().unwrap()
    }

    fn moved(line: &str, field: Option<&str>) -> String {
        let carrier = Carrier::read(line.as_bytes(), field).unwrap();
        let text = carrier.with(&blob(1, "kek-v2-20261124")).unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn a_line_keeps_all_but_its_blob() {
        let (old, new) = (blob(1, "kek-v1-20261123"), blob(1, "kek-v2-20261124"));
        assert_eq!(moved(&old, None), new);
        assert_eq!(moved(&format!("{old}\r"), None), format!("{new}\r"));
        let line =
            |blob: &str| format!("{{ \"a\" : 1.0, \"b\":{{\"key\": \"{blob}\"}},\"z\":[] }}\r");
        assert_eq!(moved(&line(&old), Some("key")), line(&new));
    }

    #[test]
    fn a_line_without_one_blob_says_why() {
        let blob = blob(1, "kek-v1-20261123");
        let no = |line: &str, field| Carrier::read(line.as_bytes(), field).err().unwrap();
        assert!(no("", None).contains("not an intact blob"));
        assert!(no(&blob[..60], None).contains("not an intact blob"));
        assert!(no(&format!(" {blob}"), None).contains("not an intact blob"));
        assert!(no(&blob, Some("key")).contains("expected"));
        assert!(no("{}", Some("key")).contains("no member"));
        assert!(no(r#"{"key":7}"#, Some("key")).contains("not a text"));
        assert!(no(r#"{"key":"x"}"#, Some("key")).contains("not an intact blob"));
        let twice = format!(r#"[{{"key":"{blob}"}},{{"key":"{blob}"}}]"#);
        assert!(!no(&twice, Some("key")).is_empty());
        let twice = format!(r#"{{"key":"{blob}","b":{{"key":"{blob}"}}}}"#);
        assert!(no(&twice, Some("key")).contains("more than one"));
    }

    #[test]
    fn another_blob_than_the_one_that_was_sent_is_not_taken() {
        let carrier = Carrier::read(blob(1, "kek-v1-20261123").as_bytes(), None).unwrap();
        assert!(carrier.with(&blob(2, "kek-v2-20261124")).is_err());
        assert!(carrier.with("cst1:kek:").is_err());
    }
}
