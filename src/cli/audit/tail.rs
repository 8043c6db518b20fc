//! `custodian audit tail`.

use std::{
    io::{self, Write},
    thread,
    time::Duration,
};

use serde::Deserialize;

use super::entries::Entries;
use crate::{
    cli::{output::Output, service::ServiceArguments, shown::shown},
    error::Source,
};

/// How many are shown unless a beginning is given.
const NEWEST: u64 = 20;

/// Between two looks at the log.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    /// Go on with what is logged from now on, until it is interrupted.
    #[arg(long, short)]
    follow: bool,
    /// The first entry's number, from 0; without it, only the newest 20 are looked at.
    #[arg(long, value_name = "N")]
    from: Option<u64>,
    /// Only entries of this action; with * at its end, of all that begin so.
    #[arg(long, value_name = "dek.*")]
    action: Option<String>,
    #[command(flatten)]
    service: ServiceArguments,
    /// For people, or exactly the logged entries, one a line.
    #[arg(long, value_name = "json|table", default_value = "table")]
    output: Output,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Source> {
    let client = arguments.service.client()?;
    let mut next = match arguments.from {
        Some(from) => from,
        None => Entries::size(&client)?.saturating_sub(NEWEST),
    };
    loop {
        let page = Entries::read(&client, next)?;
        let mut out = io::stdout().lock();
        for entry in &page.items {
            if let Some(line) = arguments.line(entry.get())? {
                writeln!(out, "{line}")?;
            }
        }
        out.flush()?;
        drop(out);
        let read = page.items.len() as u64;
        next += read;
        if read == 0 && !arguments.follow {
            return Ok(());
        }
        if next >= page.size && arguments.follow {
            thread::sleep(PAUSE);
        }
    }
}

impl Arguments {
    /// An entry's line; `None` if nobody asked for it.
    fn line(&self, text: &str) -> Result<Option<String>, Source> {
        let entry: Entry = serde_json::from_str(text)?;
        let wanted = self.action.as_deref();
        if !wanted.is_none_or(|wanted| is_like(&entry.action, wanted)) {
            return Ok(None);
        }
        Ok(Some(match self.output {
            Output::Json => text.to_owned(),
            Output::Table => entry.line(),
        }))
    }
}

fn is_like(action: &str, wanted: &str) -> bool {
    match wanted.strip_suffix('*') {
        Some(beginning) => action.starts_with(beginning),
        None => action == wanted,
    }
}

#[derive(Deserialize)]
struct Entry {
    index: u64,
    at: String,
    actor: Option<Actor>,
    action: String,
    object: Option<String>,
    outcome: String,
}

#[derive(Deserialize)]
struct Actor {
    subject: String,
}

impl Entry {
    /// What came from people stands at the end or is escaped, so that it cannot be taken for another column.
    fn line(&self) -> String {
        let nobody = "-";
        let who = self.actor.as_ref().map_or(nobody, |actor| &actor.subject);
        let object = self.object.as_deref().unwrap_or(nobody);
        format!(
            "{:>7}  {:27}  {:7}  {:20}  {:22}  {}",
            self.index,
            shown(&self.at),
            shown(&self.outcome),
            shown(who),
            shown(&self.action),
            shown(object)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{Entry, is_like};

    #[test]
    fn an_action_is_named_whole_or_by_its_beginning() {
        assert!(is_like("dek.rotate", "dek.rotate") && is_like("dek.rotate", "dek.*"));
        assert!(is_like("dek.rotate", "*") && !is_like("dek.rotate", "dek"));
        assert!(!is_like("pii.encrypt", "dek.*"));
    }

    #[test]
    fn nothing_in_an_entry_makes_a_second_line() {
        let entry = r#"{"index":7,"at":"2026-11-24T00:00:00Z","actor":null,"action":"a","object":"x\n8 \u001b[2J","outcome":"ok"}"#;
        let line = serde_json::from_str::<Entry>(entry).unwrap().line();
        assert_eq!(line.lines().count(), 1);
        assert!(!line.contains('\u{1b}'), "{line}");
    }
}
