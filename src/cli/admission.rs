//! `SUBJECT=FILE`: a person, and where their token is or goes.

use crate::{id::Subject, server::init::Admin};

/// Reads one.
pub(super) fn admin(text: &str) -> Result<Admin, String> {
    let wrong = "an admin is SUBJECT=FILE, such as ada@example.com=/root/ada.token";
    let (subject, file) = text.split_once('=').ok_or(wrong)?;
    if file.is_empty() {
        return Err(wrong.to_owned());
    }
    Ok(Admin {
        subject: Subject::folded(subject).map_err(|error| error.to_string())?,
        token_file: file.into(),
    })
}
