//! What a custodian sees before it signs, and an auditor after: one value a row, in a form that no value can forge.
//!
//! A value comes from whoever asked. Each of its rows begins with a bar of ours, rows are broken here and not by the
//! terminal, and every character that is not plainly visible is shown as its escape.

use std::{
    fs::OpenOptions,
    io::{self, BufRead, BufReader, Read, Write},
};

use super::shown::shown;
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
        let lines = value.split('\n').flat_map(|line| broken(&shown(line)));
        self.rows(label, lines);
    }

    /// A value that is one line: a line feed in it is shown as its escape.
    pub(super) fn line(&mut self, label: &str, value: &str) {
        self.rows(label, broken(&shown(value)).into_iter());
    }

    /// All of it.
    pub(super) fn text(&self) -> &str {
        &self.0
    }

    fn rows(&mut self, label: &str, rows: impl Iterator<Item = String>) {
        for (number, row) in rows.enumerate() {
            let label = if number == 0 { label } else { "" };
            self.say(&format!("{label:LABEL$} | {row}"));
        }
    }

    /// Shows it and asks; with `yes`, shows it on standard error only.
    pub(super) fn confirm(&self, question: &str, yes: bool) -> Result<(), Source> {
        if yes {
            return Ok(io::stderr().write_all(self.0.as_bytes())?);
        }
        let answer = self
            .typed(&format!("{question} Type yes: "))
            .map_err(|error| {
                format!(
                    "there is no terminal to ask at ({error}): read it elsewhere and give --yes"
                )
            })?;
        match &*answer {
            "yes" => Ok(()),
            _ => Err("nothing was done: the answer was not yes".into()),
        }
    }

    /// Shows it and goes on only if what it is about, `name`, is typed, or was given once more.
    pub(super) fn confirm_name(&self, name: &str, given: Option<&str>) -> Result<(), Source> {
        let typed = match given {
            Some(given) => given.to_owned(),
            None => self
                .typed(&format!("Type {name} to go on: "))
                .map_err(|error| {
                    format!("there is no terminal to ask at ({error}): give --confirm {name}")
                })?,
        };
        match typed == name {
            true => Ok(()),
            false => Err(format!("nothing was done: what was typed is not {name}").into()),
        }
    }

    /// Shows it and asks, at the terminal itself, wherever standard output goes; answers what was typed.
    pub(super) fn typed(&self, question: &str) -> io::Result<String> {
        let mut terminal = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
        write!(terminal, "{}{question}", self.0)?;
        terminal.flush()?;
        let mut answer = String::new();
        BufReader::new(terminal.take(1024)).read_line(&mut answer)?;
        Ok(answer.trim_end().to_owned())
    }
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

    fn rows(value: &str) -> String {
        let mut screen = Screen::default();
        screen.value("label", value);
        screen.0
    }

    #[test]
    fn a_value_is_escaped_line_by_line() {
        assert_eq!(
            rows("Zoë's\u{1b}[2J\r\n\u{202e}x"),
            "label         | Zoë's\\u{1b}[2J\\r\n              | \\u{202e}x\n"
        );
    }

    #[test]
    fn every_row_of_a_value_begins_with_our_bar() {
        let forged = format!("fine\nenvironment   | staging\n{}", "x ".repeat(200));
        for row in rows(&forged).lines() {
            let (label, value) = row.split_once(" | ").unwrap();
            assert_eq!(label.len(), 13);
            assert!(value.chars().count() <= 64);
        }
        assert!(
            rows(&"測".repeat(100))
                .lines()
                .all(|row| row.chars().count() <= 48)
        );
        assert_eq!(rows(""), "label         | \n");
    }
}
