//! The bearer token: read from a file that only its owner may read, and never shown.

use std::path::Path;

use ureq::http::HeaderValue;
use zeroize::Zeroizing;

use super::private;
use crate::error::Source;

/// Longer than any token; a larger file is not one.
const MOST_BYTES: usize = 1024;

/// The value of the `Authorization` header, by the token in a file.
pub(super) fn bearer(path: &Path) -> Result<HeaderValue, Source> {
    read(path).map_err(|error| format!("{}: {error}", path.display()).into())
}

fn read(path: &Path) -> Result<HeaderValue, Source> {
    let text = private::read(path, MOST_BYTES)?;
    let token = text.trim_end_matches(['\n', '\r']);
    let printable = token.bytes().all(|byte| byte.is_ascii_graphic());
    if token.is_empty() || !printable {
        return Err("a token file holds one token, as it was given, and nothing else".into());
    }
    let header = Zeroizing::new(format!("Bearer {token}"));
    let mut header = HeaderValue::from_str(&header)?;
    header.set_sensitive(true);
    Ok(header)
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::bearer;

    #[test]
    fn a_token_file_is_its_owners_alone_and_holds_one_token() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("token");
        let judged = |content: &str, mode| {
            fs::write(&path, content).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            bearer(&path)
        };
        let header = judged("cst_abc\n", 0o600).unwrap();
        assert_eq!(header.to_str().unwrap(), "Bearer cst_abc");
        assert!(!format!("{header:?}").contains("cst_abc"));
        assert!(judged("cst_abc", 0o400).is_ok());
        for mode in [0o640, 0o604, 0o660, 0o610] {
            let refusal = judged("cst_abc", mode).unwrap_err().to_string();
            assert!(refusal.contains("chmod 600"), "{refusal}");
        }
        for content in [
            "",
            "\n",
            "cst_a\ncst_b",
            "cst a",
            "cst_\u{e9}",
            &"x".repeat(2000),
        ] {
            assert!(judged(content, 0o600).is_err(), "{content:?}");
        }
    }
}
