//! `custodian rewrap`: moves a file of blobs to the current KEK version, by somebody who can read none of them.

use std::{path::PathBuf, process::ExitCode};

use clap::builder::RangedU64ValueParser;

use self::{lines::Lines, sink::Sink, summary::Summary};
use super::{output::Output, progress::Progress, service::ServiceArguments};
use crate::{client::Client, error::Source};

mod batch;
mod carrier;
mod lines;
mod pipeline;
mod sink;
mod state;
mod summary;

#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    /// The file with the blobs: one `cst1:kek:…` a line, or one JSON object a line with --field.
    #[arg(long = "in", value_name = "FILE")]
    input: PathBuf,
    /// Where the moved blobs go, in the same order. It appears when all are there; until then it is FILE.partial.
    #[arg(long = "out", value_name = "FILE")]
    output_file: PathBuf,
    /// Each line is a JSON object, and the member of this name, at any depth, holds the blob; all else stays to the
    /// byte.
    #[arg(long, value_name = "NAME")]
    field: Option<String>,
    /// Requests at once, each with up to 256 blobs.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = RangedU64ValueParser::<usize>::new().range(1..=64))]
    parallel: usize,
    /// Keep lines that could not be moved as they were; without it they are left out. FILE.rejects names them either
    /// way.
    #[arg(long)]
    keep_rejected: bool,
    #[command(flatten)]
    service: ServiceArguments,
    /// For people or for programs.
    #[arg(long, value_name = "json|table", default_value = "table")]
    output: Output,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Source> {
    let client = arguments.service.client()?;
    let mut lines = Lines::open(&arguments.input)?;
    let mut sink = Sink::open(
        &arguments.output_file,
        arguments.field.as_deref(),
        arguments.keep_rejected,
    )?;
    if !sink.is_whole() {
        lines.skip(sink.read())?;
        move_all(arguments, &client, &mut lines, &mut sink)?;
    }
    let summary = sink.finish(&lines.permissions()?)?;
    report(&summary, arguments)
}

fn move_all(
    arguments: &Arguments,
    client: &Client,
    lines: &mut Lines,
    sink: &mut Sink,
) -> Result<(), Source> {
    let mut progress = Progress::new(lines.length(), "blobs", sink.lines());
    let moved = pipeline::run(
        client,
        arguments.parallel,
        || lines.batch(arguments.field.as_deref()),
        |batch| {
            sink.take(batch)?;
            progress.at(sink.read().bytes, sink.lines());
            Ok(())
        },
    );
    progress.end();
    if moved.is_err() {
        sink.save()?;
        eprintln!(
            "{} lines are done; the same command goes on from there",
            sink.lines()
        );
    }
    moved
}

fn report(summary: &Summary, arguments: &Arguments) -> Result<ExitCode, Source> {
    let screen = summary.screen();
    arguments.output.print(summary, screen.text())?;
    Ok(if summary.rejected == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
