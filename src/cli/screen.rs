//! What a custodian sees before it signs: one value a row, in a form that no value can forge.
//!
//! A value comes from whoever asked. Each of its rows begins with a bar of ours, rows are broken here and not by the
//! terminal, and every character that is not plainly visible (control, bidirectional, zero width) is shown as its
//! escape.

use std::{
    fs::OpenOptions,
    io::{self, BufRead, BufReader, Read, Write},
};

use crate::error::Source;

/// Columns of a label.
const LABEL: usize = 13;

/// Columns of a value in one row: a hash fits, and a row fits into a terminal of 80 columns.
const VALUE: usize = 64;

/// What is shown.
#[derive(Default)]
pub(super) struct Screen(String);

impl Screen {
    /// A line of ours.
    pub(super) fn say(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }

    /// A value in as many rows as it needs; a line feed begins a new one.
    pub(super) fn value(&mut self, label: &str, value: &str) {
        let lines = value.split('\n').flat_map(|line| broken(&visible(line)));
        for (number, row) in lines.enumerate() {
            let label = if number == 0 { label } else { "" };
            self.say(&format!("{label:LABEL$} | {row}"));
        }
    }

    /// Shows it and asks; with `yes`, shows it on standard error only.
    pub(super) fn confirm(&self, question: &str, yes: bool) -> Result<(), Source> {
        if yes {
            return Ok(io::stderr().write_all(self.0.as_bytes())?);
        }
        let answer = self.ask(question).map_err(|error| {
            format!("there is no terminal to ask at ({error}): read it elsewhere and give --yes")
        })?;
        match answer.trim_end() {
            "yes" => Ok(()),
            _ => Err("nothing was signed: the answer was not yes".into()),
        }
    }

    /// At the terminal itself, wherever standard output goes.
    fn ask(&self, question: &str) -> io::Result<String> {
        let mut terminal = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
        write!(terminal, "{}{question} Type yes: ", self.0)?;
        terminal.flush()?;
        let mut answer = String::new();
        BufReader::new(terminal.take(1024)).read_line(&mut answer)?;
        Ok(answer)
    }
}

/// Escapes what is not plainly visible, and the backslash, so that no text can pass for an escape.
fn visible(line: &str) -> String {
    let escaped = line.escape_debug().to_string();
    escaped.replace("\\\"", "\"").replace("\\'", "'")
}

/// Rows of at most [`VALUE`] columns, taking two for what may be wide.
fn broken(line: &str) -> Vec<String> {
    let mut rows = vec![String::new()];
    let mut columns = 0;
    for one in line.chars() {
        let width = if one.is_ascii() { 1 } else { 2 };
        columns += width;
        if columns > VALUE {
            rows.push(String::new());
            columns = width;
        }
        if let Some(row) = rows.last_mut() {
            row.push(one);
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::Screen;

    fn shown(value: &str) -> String {
        let mut screen = Screen::default();
        screen.value("label", value);
        screen.0
    }

    #[test]
    fn what_is_not_plainly_visible_is_escaped() {
        for (hidden, escape) in [
            ("\u{1b}[2J", "\\u{1b}[2J"),
            ("\r", "\\r"),
            ("\t", "\\t"),
            ("\u{7f}", "\\u{7f}"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("\u{202e}", "\\u{202e}"),
            ("\u{2066}", "\\u{2066}"),
            ("\u{200b}", "\\u{200b}"),
            ("\u{200f}", "\\u{200f}"),
            ("\u{2028}", "\\u{2028}"),
            ("\u{ad}", "\\u{ad}"),
            ("\u{feff}", "\\u{feff}"),
            ("\u{e0041}", "\\u{e0041}"),
            ("\\u{1b}", "\\\\u{1b}"),
            ("\u{0}", "\\0"),
        ] {
            assert_eq!(shown(hidden), format!("label         | {escape}\n"));
        }
        assert_eq!(
            shown("\"Zoë's\" 测试 😄"),
            "label         | \"Zoë's\" 测试 😄\n"
        );
    }

    #[test]
    fn every_row_of_a_value_begins_with_our_bar() {
        let forged = format!("fine\nenvironment   | staging\n{}", "x ".repeat(200));
        for row in shown(&forged).lines() {
            let (label, value) = row.split_once(" | ").unwrap();
            assert_eq!(label.len(), 13);
            assert!(value.chars().count() <= 64);
        }
        assert!(
            shown(&"測".repeat(100))
                .lines()
                .all(|row| row.chars().count() <= 48)
        );
        assert_eq!(shown(""), "label         | \n");
    }
}
