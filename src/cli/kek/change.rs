//! `custodian kek retire`, `restore` and `destroy`: each says once more which version it is about.

use serde::Serialize;
use serde_json::Value;

use super::version::Version;
use crate::{
    cli::{output::Output, screen::Screen, service::ServiceArguments},
    client::{Again, Client},
    error::Source,
    id::KekVersion,
};

#[derive(clap::Args, Debug)]
pub(super) struct Change {
    /// The version, for example kek-v1-20261124.
    #[arg(value_name = "VERSION", value_parser = version)]
    version: KekVersion,
    /// The version once more, for scripts; without it the terminal is asked.
    #[arg(long, value_name = "VERSION")]
    confirm: Option<String>,
    #[command(flatten)]
    service: ServiceArguments,
    /// For people or for programs.
    #[arg(long, value_name = "json|table", default_value = "table")]
    output: Output,
}

#[derive(clap::Args, Debug)]
pub(super) struct Destroy {
    /// Approve what another operator asked for: the key is deleted at once.
    #[arg(long)]
    approve: bool,
    #[command(flatten)]
    change: Change,
}

#[derive(Serialize)]
struct Confirmed<'a> {
    confirm: &'a str,
}

impl Change {
    pub(super) fn retire(&self) -> Result<(), Source> {
        self.confirmed(
            "retire",
            "Nothing that it wrapped for clients is opened until it is restored.",
        )
    }

    pub(super) fn restore(&self) -> Result<(), Source> {
        let client = self.service.client()?;
        self.confirm(&client, "It opens again what it wrapped for clients.")?;
        let done = client.post_empty(&self.path("restore"), Again::Never)?;
        self.print(&done)
    }

    fn confirmed(&self, verb: &str, meaning: &str) -> Result<(), Source> {
        let client = self.service.client()?;
        self.confirm(&client, meaning)?;
        let confirm = self.version.as_str();
        let done = client.post(&self.path(verb), &Confirmed { confirm }, Again::Never)?;
        self.print(&done)
    }

    /// Shows the version as it is, and goes on only if it is named once more.
    fn confirm(&self, client: &Client, meaning: &str) -> Result<(), Source> {
        const OTHER: &str = "nothing was done: what was typed is not the version";
        let wanted = self.version.as_str();
        if let Some(given) = &self.confirm {
            return (given == wanted).then_some(()).ok_or_else(|| OTHER.into());
        }
        let mut screen = Screen::default();
        Version::read(client, wanted)?.show(&mut screen);
        screen.say(meaning);
        let typed = screen.typed("Type the version: ").map_err(|error| {
            format!("there is no terminal to ask at ({error}): give --confirm {wanted}")
        })?;
        (typed == wanted).then_some(()).ok_or_else(|| OTHER.into())
    }

    fn path(&self, verb: &str) -> String {
        format!("/v1/kek/versions/{}/{verb}", self.version.as_str())
    }

    fn print(&self, done: &Value) -> Result<(), Source> {
        let mut screen = Screen::default();
        Version::of(done)?.show(&mut screen);
        self.output.print(done, screen.text())
    }
}

impl Destroy {
    pub(super) fn run(&self) -> Result<(), Source> {
        const LOST: &str = "Its key is deleted for ever, and what it wrapped for clients is lost.";
        const ASKED: &str = "Once another operator approves, its key is deleted for ever, and what it wrapped for \
                             clients is lost.";
        match self.approve {
            true => self.change.confirmed("destroy/approve", LOST),
            false => self.change.confirmed("destroy", ASKED),
        }
    }
}

fn version(text: &str) -> Result<KekVersion, &'static str> {
    text.parse()
        .map_err(|_| "a KEK version is like kek-v1-20261124")
}
