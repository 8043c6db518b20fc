//! Which service a command asks, by whose token: options, each with its variable of the environment.

use std::path::PathBuf;

use crate::{
    client::{Client, Settings},
    duration::Period,
    error::Source,
};

#[derive(clap::Args, Debug)]
#[command(next_help_heading = "The service")]
pub(super) struct ServiceArguments {
    /// The service's address: https://HOST[:PORT], or plain http on this machine.
    #[arg(
        long,
        value_name = "URL",
        env = "CUSTODIAN_URL",
        default_value = "http://127.0.0.1:7820"
    )]
    url: String,
    /// The file with your bearer token, which nobody else may read.
    #[arg(long, value_name = "FILE", env = "CUSTODIAN_TOKEN_FILE")]
    token_file: PathBuf,
    /// For https: the certificates (PEM) of those who may sign the service's own. No others are believed.
    #[arg(long, value_name = "FILE", env = "CUSTODIAN_CA_FILE")]
    ca_file: Option<PathBuf>,
    /// How long to go on asking a service that is busy, or away after it has answered before.
    #[arg(long, value_name = "60s", default_value = "60s")]
    patience: Period,
}

impl ServiceArguments {
    pub(super) fn client(&self) -> Result<Client, Source> {
        Client::new(&Settings {
            url: self.url.clone(),
            token_file: Some(self.token_file.clone()),
            ca_file: self.ca_file.clone(),
            patience: self.patience.duration(),
        })
    }
}
