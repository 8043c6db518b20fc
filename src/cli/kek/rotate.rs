//! `custodian kek rotate`.

use std::{process::ExitCode, thread, time::Duration};

use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use crate::{
    cli::{REFUSED, output::Output, progress::Progress, screen::Screen, service::ServiceArguments},
    client::{Again, Client},
    error::Source,
};

/// Between two looks at the job.
const PAUSE: Duration = Duration::from_millis(500);

#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    /// Do not wait until all records are moved: `custodian kek status` says how far it is.
    #[arg(long)]
    detach: bool,
    #[command(flatten)]
    service: ServiceArguments,
    /// For people, or the job as GET /v1/jobs/{id} answers it.
    #[arg(long, value_name = "json|table", default_value = "table")]
    output: Output,
}

/// The job that moves all records.
#[derive(Deserialize)]
pub(super) struct Job {
    id: String,
    kek: String,
    done: u64,
    total: u64,
    status: Status,
    error: Option<String>,
}

#[derive(Clone, Copy, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Status {
    Done,
    Failed,
    Running,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Source> {
    let client = arguments.service.client()?;
    // Sent again after a lost answer it is still one rotation.
    let key = Uuid::new_v4().to_string();
    let begun: Value = client.post_empty("/v1/kek/rotate", Again::ByKey(&key))?;
    let (answer, job) = match arguments.detach {
        true => (begun.clone(), Job::deserialize(&begun)?),
        false => follow(&client, begun)?,
    };
    arguments.output.print(&answer, job.screen().text())?;
    Ok(match job.status {
        Status::Done | Status::Running => ExitCode::SUCCESS,
        Status::Failed => ExitCode::from(REFUSED),
    })
}

/// Looks at the job until it ends.
fn follow(client: &Client, begun: Value) -> Result<(Value, Job), Source> {
    let mut job = Job::deserialize(&begun)?;
    let mut answer = begun;
    let mut progress = Progress::new(job.total, "records", job.done);
    while job.status == Status::Running {
        thread::sleep(PAUSE);
        answer = client.read(&format!("/v1/jobs/{}", job.id))?;
        job = Job::deserialize(&answer)?;
        progress.at(job.done, job.done);
    }
    progress.end();
    Ok((answer, job))
}

impl Job {
    /// What it does, for people.
    pub(super) fn sentence(&self) -> String {
        let how = match self.status {
            Status::Done => "done",
            Status::Failed => "failed",
            Status::Running => "goes on",
        };
        let Self {
            kek, done, total, ..
        } = self;
        format!("to {kek}, {how}: {done} of {total} records")
    }

    fn screen(&self) -> Screen {
        let mut screen = Screen::default();
        screen.line("rotation", &self.sentence());
        screen.line("job", &self.id);
        if let Some(error) = &self.error {
            screen.value("error", error);
        }
        screen
    }
}
