//! `custodian survey-token`: what `doctor` starts to look at a token, so that a library that hangs or crashes takes
//! nothing else with it.

use std::path::PathBuf;

use super::output;
use crate::{
    error::Source,
    kek::pkcs11::{PinSource, survey},
};

#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    #[arg(long)]
    module: PathBuf,
    #[arg(long)]
    label: String,
    #[arg(long)]
    pin_file: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Source> {
    let pin = arguments.pin_file.as_ref().map(PinSource::file);
    let survey = survey(&arguments.module, &arguments.label, pin.as_ref())?;
    output::print(&output::json(&survey)?)
}
