//! The numbers of a JSON text as they are written: only that tells an integer that is too long for `serde_json`, which
//! then gives a double. (And its doubles can be off by one in the last digit, unless a feature is on that `serde_jcs`
//! happens to bring.)

/// The numbers of a text that is sound JSON, in their order. One walk over the text serves them all.
pub(super) struct Numbers<'t>(&'t [u8]);

impl<'t> Numbers<'t> {
    pub(super) fn of(text: &'t [u8]) -> Self {
        Self(text)
    }
}

impl<'t> Iterator for Numbers<'t> {
    type Item = &'t str;

    fn next(&mut self) -> Option<&'t str> {
        loop {
            let (first, rest) = self.0.split_first()?;
            match first {
                b'"' => self.0 = after_text(rest),
                b'-' | b'0'..=b'9' => break,
                _ => self.0 = rest,
            }
        }
        let of_number = |byte: &u8| matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9');
        let end = self.0.iter().position(|byte| !of_number(byte));
        let (number, rest) = self.0.split_at_checked(end.unwrap_or(self.0.len()))?;
        self.0 = rest;
        str::from_utf8(number).ok()
    }
}

/// What comes after the quotation mark that ends a text.
fn after_text(mut text: &[u8]) -> &[u8] {
    loop {
        text = match text {
            [] => return text,
            [b'"', rest @ ..] => return rest,
            [b'\\', _, rest @ ..] | [_, rest @ ..] => rest,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::Numbers;

    #[test]
    fn numbers_come_as_they_are_written_and_texts_hold_none() {
        let text = r#" [-0, 1.50,{"2":3e+7,"\\":4,"\"5":"6\\\" 7"},18446744073709551616 ,1E-2]8"#;
        let found: Vec<_> = Numbers::of(text.as_bytes()).collect();
        let wanted = [
            "-0",
            "1.50",
            "3e+7",
            "4",
            "18446744073709551616",
            "1E-2",
            "8",
        ];
        assert_eq!(found, wanted);
        for open in [r#""1"#, r#""1\"#, "\"1\\", ""] {
            assert_eq!(Numbers::of(open.as_bytes()).next(), None, "{open}");
        }
    }
}
