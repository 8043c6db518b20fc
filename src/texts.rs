//! Texts that people write and other people read before they sign: no control characters, so that what a terminal
//! shows is what is there.

use crate::{error::Error, json::normal};

/// What a reason must be.
pub const REASON: &str = "reason has 1 to 4,096 characters and is not blank; of control characters only tab and line feed";

/// Most characters of a justification or a reason, as Unicode scalars after NFC.
const PROSE: usize = 4096;

/// Most characters of a proposal's id, as Unicode scalars after NFC.
const PROPOSAL: usize = 256;

/// A text of several lines, in NFC and otherwise as it was given.
///
/// # Errors
/// [`Error::Invalid`] with `otherwise`, if it is blank, too long, or has another control character than tab and line feed.
pub fn prose(text: String, otherwise: &'static str) -> Result<String, Error> {
    let text = normal(text);
    let control = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\t');
    sound(text, PROSE, control, otherwise)
}

/// A proposal's id, in NFC.
///
/// # Errors
/// [`Error::Invalid`] if it is empty, too long, or has a control character.
pub fn proposal(text: String) -> Result<String, Error> {
    const OTHERWISE: &str = "proposal_id has 1 to 256 characters, none of them a control character";
    sound(normal(text), PROPOSAL, char::is_control, OTHERWISE)
}

fn sound(
    text: String,
    longest: usize,
    refused: impl Fn(char) -> bool,
    otherwise: &'static str,
) -> Result<String, Error> {
    let fits = text.chars().count() <= longest && !text.trim().is_empty();
    match fits && !text.contains(refused) {
        true => Ok(text),
        false => Err(Error::Invalid(otherwise)),
    }
}

#[cfg(test)]
mod tests {
    use super::{PROSE, proposal, prose};

    #[test]
    fn a_text_counts_in_characters_after_nfc_and_keeps_its_blanks() {
        let longest = "e\u{301}".repeat(PROSE);
        assert_eq!(prose(longest, "").unwrap(), "\u{e9}".repeat(PROSE));
        assert!(prose("x".repeat(PROSE + 1), "").is_err());
        assert_eq!(prose(" a\n\tb ".to_owned(), "").unwrap(), " a\n\tb ");
    }

    #[test]
    fn blank_texts_and_control_characters_are_refused() {
        for bad in ["", " \n\t ", "a\0", "a\u{1b}[2J", "a\r", "a\u{85}"] {
            assert!(prose(bad.to_owned(), "").is_err(), "{bad:?}");
            assert!(proposal(bad.to_owned()).is_err(), "{bad:?}");
        }
        assert!(proposal("a\nb".to_owned()).is_err());
    }
}
