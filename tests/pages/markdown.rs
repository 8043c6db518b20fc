//! What is read of a page: its headings and their anchors, its links, its tables.

use std::{fs, path::Path};

/// A file of the repository.
pub fn file(path: &str) -> String {
    let whole = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&whole).unwrap_or_else(|error| panic!("{}: {error}", whole.display()))
}

/// Its lines outside code blocks.
pub fn prose(page: &str) -> Vec<&str> {
    let mut within = false;
    let outside = |line: &&str| {
        let fence = line.starts_with("```");
        within ^= fence;
        !within && !fence
    };
    page.lines().filter(outside).collect()
}

/// The anchor of each heading, as those who show Markdown make it.
pub fn anchors(page: &str) -> Vec<String> {
    let headings = prose(page).into_iter().filter(|line| line.starts_with('#'));
    headings.map(anchor).collect()
}

pub fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text
        .chars()
        .filter(|one| one.is_alphanumeric() || " -_".contains(*one));
    kept.map(|one| if one == ' ' { '-' } else { one }).collect()
}

/// Where its links lead.
pub fn links(page: &str) -> Vec<&str> {
    prose(page)
        .into_iter()
        .flat_map(|line| line.split("](").skip(1))
        .map(|rest| rest.split(')').next().unwrap())
        .collect()
}

/// The cells of each row of the tables below a heading that begins with that.
pub fn rows(page: &str, heading: &str) -> Vec<Vec<String>> {
    let below = prose(page)
        .into_iter()
        .skip_while(|line| {
            !(line.starts_with('#') && line.trim_start_matches('#').trim().starts_with(heading))
        })
        .skip(1)
        .take_while(|line| !line.starts_with('#'));
    let cells = |line: &str| {
        let cells = line.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().to_owned()).collect()
    };
    below
        .filter(|line| line.starts_with("| ") && !line.starts_with("|-"))
        .map(cells)
        .skip(1)
        .collect()
}
