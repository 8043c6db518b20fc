//! Lists of the service, all their pages.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{answer::Answer, output::Output, table::table};
use crate::{
    client::{Client, Failure},
    error::Source,
};

/// Most items of a page (api.md section 1).
const PAGE: &str = "500";

/// One item, for people.
pub(super) trait Row {
    const COLUMNS: &'static [&'static str];
    fn cells(&self) -> Vec<String>;
}

/// Reads a list to its end and prints it; `filter` goes into its query.
pub(super) fn print<T: DeserializeOwned + Row>(
    client: &Client,
    path: &str,
    filter: &[(&str, &str)],
    output: Output,
) -> Result<(), Source> {
    #[derive(Serialize)]
    struct Items<'a> {
        items: Vec<&'a Value>,
    }
    let all: Vec<Answer<T>> = read(client, path, filter)?;
    let lines = table(T::COLUMNS, all.iter().map(|one| one.view.cells()));
    let items = all.iter().map(|one| &one.json).collect();
    output.print(&Items { items }, &lines)
}

/// Reads a list to its end.
pub(super) fn read<T: DeserializeOwned>(
    client: &Client,
    path: &str,
    filter: &[(&str, &str)],
) -> Result<Vec<T>, Failure> {
    #[derive(Deserialize)]
    struct Page<T> {
        items: Vec<T>,
        next_cursor: Option<String>,
    }
    let mut all = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let from = cursor.iter().map(|cursor| ("cursor", cursor.as_str()));
        let fields = filter.iter().copied().chain([("limit", PAGE)]).chain(from);
        let page: Page<T> = client.read(&format!("{path}?{}", query(fields)))?;
        all.extend(page.items);
        match page.next_cursor {
            Some(next) => cursor = Some(next),
            None => return Ok(all),
        }
    }
}

fn query<'a>(fields: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let fields = fields.map(|(name, value)| {
        let value = utf8_percent_encode(value, NON_ALPHANUMERIC);
        format!("{name}={value}")
    });
    fields.collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::query;

    #[test]
    fn a_value_stays_one_value_of_the_query() {
        let fields = [("status", "pending"), ("proposal_id", "a&b=c#d é+%")];
        let wanted = "status=pending&proposal_id=a%26b%3Dc%23d%20%C3%A9%2B%25";
        assert_eq!(query(fields.into_iter()), wanted);
    }
}
