//! Lines in columns, each cell safe for a terminal.

use comfy_table::{Table, presets::NOTHING};

use super::shown::shown;

/// A header and its rows.
pub(super) fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(header);
    for row in rows {
        table.add_row(row.iter().map(|cell| shown(cell)));
    }
    // The first column begins at the margin.
    let lines = table.lines();
    let lines = lines.map(|line| {
        line.strip_prefix(' ')
            .unwrap_or(&line)
            .trim_end()
            .to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::table;

    #[test]
    fn columns_stand_in_line_and_no_cell_can_leave_its_own() {
        let rows = [
            ["a longer one", "fine"],
            ["\u{1b}[2J\n", "\u{6e2c}\u{202e}"],
        ];
        let shown = table(
            &["first", "second"],
            rows.map(|row| row.map(str::to_owned).to_vec()),
        );
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines.len(), 3, "{shown}");
        assert_eq!(lines[0].find("second"), lines[1].find("fine"), "{shown}");
        assert_eq!(lines[2], "\\u{1b}[2J\\n   \u{6e2c}\\u{202e}");
    }

    #[test]
    fn no_rows_are_a_header() {
        assert_eq!(table(&["name"], []), "name");
    }
}
