//! `custodian dek disable`, `enable`, `destroy` and `cancel-destroy`.

use serde::Serialize;

use super::{name, version, view::Version};
use crate::{
    cli::{
        answer::{Answer, Show},
        screen::Screen,
        service::Asking,
    },
    client::{Again, Client},
    error::Source,
    id::{DekName, DekVersion},
};

#[derive(clap::Args, Debug)]
pub(super) struct Change {
    /// The DEK's name.
    #[arg(value_name = "NAME", value_parser = name)]
    name: DekName,
    /// The version, for example dek-v1-20261124.
    #[arg(value_name = "VERSION", value_parser = version)]
    version: DekVersion,
    #[command(flatten)]
    asking: Asking,
}

#[derive(clap::Args, Debug)]
pub(super) struct Destroy {
    /// What is to be destroyed once more, for scripts; without it the terminal is asked.
    #[arg(long, value_name = "NAME/VERSION")]
    confirm: Option<String>,
    #[command(flatten)]
    change: Change,
}

#[derive(Serialize)]
struct Confirmed<'a> {
    confirm: &'a str,
}

impl Change {
    pub(super) fn cancel_destroy(&self) -> Result<(), Source> {
        self.change("cancel-destroy", Again::Never)
    }

    pub(super) fn disable(&self) -> Result<(), Source> {
        self.change("disable", Again::Safe)
    }

    pub(super) fn enable(&self) -> Result<(), Source> {
        self.change("enable", Again::Safe)
    }

    fn change(&self, verb: &str, again: Again<'_>) -> Result<(), Source> {
        let client = self.asking.client()?;
        let done: Answer<Version> = client.post_empty(&self.path(verb), again)?;
        done.print(self.asking.output)
    }

    fn path(&self, verb: &str) -> String {
        format!("/v1/deks/{}/versions/{}/{verb}", self.name, self.version)
    }
}

impl Destroy {
    pub(super) fn run(&self) -> Result<(), Source> {
        let Change {
            name,
            version,
            asking,
        } = &self.change;
        let client = asking.client()?;
        let reference = name.reference(version);
        self.confirm(&client, &reference)?;
        let confirm = Confirmed {
            confirm: &reference,
        };
        let path = self.change.path("destroy");
        let done: Answer<Version> = client.post(&path, &confirm, Again::Never)?;
        let mut screen = done.screen();
        screen.say(&end(&done.view, &self.change));
        asking.output.print(&done.json, screen.text())
    }

    /// Shows the version as it is, unless it was named once more already.
    fn confirm(&self, client: &Client, reference: &str) -> Result<(), Source> {
        let mut screen = Screen::default();
        if self.confirm.is_none() {
            self.find(client)?.show(&mut screen);
            screen.say("What it encrypted can never be read again once its secret is erased.");
        }
        screen.confirm_name(reference, self.confirm.as_deref())
    }

    fn find(&self, client: &Client) -> Result<Version, Source> {
        #[derive(serde::Deserialize)]
        struct Dek {
            versions: Vec<Version>,
        }
        let dek: Dek = client.read(&format!("/v1/deks/{}", self.change.name))?;
        let wanted = self.change.version.as_str();
        let found = dek.versions.into_iter().find(|one| one.version == wanted);
        found.ok_or_else(|| "there is no such version: see custodian dek show".into())
    }
}

/// Until when it can be saved, and how.
fn end(version: &Version, change: &Change) -> String {
    let Change {
        name, version: id, ..
    } = change;
    match &version.destroy_at {
        Some(_) => format!(
            "Until it is erased, `custodian dek cancel-destroy {name} {id}` saves it; then nothing does."
        ),
        None => "Its secret is erased: nothing saves it any more.".to_owned(),
    }
}
