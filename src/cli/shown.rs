//! Text from elsewhere, so that a terminal shows what it is and obeys nothing in it.

/// One line: control characters (terminal escapes, line breaks), characters that turn the direction of text, invisible
/// ones and unusual spaces are written as escapes, a backslash is doubled, everything else stays.
pub(super) fn shown(text: &str) -> String {
    let quote = |letter: char| letter == '"' || letter == '\'';
    text.split_inclusive(quote)
        .flat_map(|part| {
            let plain = part.strip_suffix(quote).unwrap_or(part);
            let quote = part.strip_prefix(plain).unwrap_or_default();
            plain.escape_debug().chain(quote.chars())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn what_people_write_stays_as_it_is() {
        let fine = "It's \"fine\": caf\u{e9}, \u{3b1}\u{3b2}, \u{4f60}\u{597d}, \u{939}\u{93f}, \u{1f600}.";
        assert_eq!(shown(fine), fine);
    }

    #[test]
    fn what_a_terminal_would_obey_is_an_escape() {
        for (given, wanted) in [
            ("\u{1b}[2J", "\\u{1b}[2J"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("a\r\nb\tc\0", "a\\r\\nb\\tc\\0"),
            ("\u{202e}txt.exe\u{2066}", "\\u{202e}txt.exe\\u{2066}"),
            (
                "a\u{200b}\u{200d}\u{feff}b",
                "a\\u{200b}\\u{200d}\\u{feff}b",
            ),
            ("\u{2028}\u{a0}\u{e0041}", "\\u{2028}\\u{a0}\\u{e0041}"),
            ("\u{301}a", "\\u{301}a"),
            ("\\n", "\\\\n"),
            ("'\u{1b}'\"\u{7f}\"", "'\\u{1b}'\"\\u{7f}\""),
        ] {
            assert_eq!(shown(given), wanted, "{given:?}");
        }
    }
}
