//! Which service a command asks, by whose token: options, each with its variable of the environment.

use std::{ffi::OsStr, path::PathBuf};

use clap::{
    Arg, Command,
    builder::{StringValueParser, TypedValueParser},
    parser::ValueSource,
};

use super::output::Output;
use crate::{
    client::{Client, Identity, Settings},
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
        default_value = "http://127.0.0.1:7820",
        value_parser = Addresses
    )]
    url: Address,
    /// The file with your bearer token, which nobody else may read; who signs in by a certificate needs none.
    #[arg(long, value_name = "FILE", env = "CUSTODIAN_TOKEN_FILE")]
    token_file: Option<PathBuf>,
    /// For https: your own certificate (PEM), if your principal is bound to it, or if the service asks for one.
    #[arg(long, value_name = "FILE", env = "CUSTODIAN_CLIENT_CERT_FILE")]
    client_cert_file: Option<PathBuf>,
    /// Its private key (PEM), in a file that nobody else may read.
    #[arg(long, value_name = "FILE", env = "CUSTODIAN_CLIENT_KEY_FILE")]
    client_key_file: Option<PathBuf>,
    /// For https: the certificates (PEM) of those who may sign the service's own. No others are believed.
    #[arg(long, value_name = "FILE", env = "CUSTODIAN_CA_FILE")]
    ca_file: Option<PathBuf>,
    /// How long to go on asking a service that is busy, or away after it has answered before.
    #[arg(long, value_name = "60s", default_value = "60s")]
    patience: Period,
}

/// An address, and whether it was given as an option.
#[derive(Clone, Debug)]
struct Address {
    text: String,
    is_option: bool,
}

#[derive(Clone)]
struct Addresses;

impl TypedValueParser for Addresses {
    type Value = Address;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<Address, clap::Error> {
        self.parse_ref_(command, argument, value, ValueSource::DefaultValue)
    }

    fn parse_ref_(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
        source: ValueSource,
    ) -> Result<Address, clap::Error> {
        let text = StringValueParser::new().parse_ref(command, argument, value)?;
        let is_option = source == ValueSource::CommandLine;
        Ok(Address { text, is_option })
    }
}

impl ServiceArguments {
    /// Whether the command names the service itself, and not only its environment.
    pub(super) fn is_named(&self) -> bool {
        self.url.is_option
    }

    /// Asks as somebody.
    pub(super) fn client(&self) -> Result<Client, Source> {
        if self.token_file.is_none() && self.client_cert_file.is_none() {
            return Err("say who asks: CUSTODIAN_TOKEN_FILE (--token-file), or CUSTODIAN_CLIENT_CERT_FILE and CUSTODIAN_CLIENT_KEY_FILE".into());
        }
        self.client_with(self.token_file.clone())
    }

    /// Asks what anybody may ask; no token is read or sent.
    pub(super) fn client_of_anybody(&self) -> Result<Client, Source> {
        self.client_with(None)
    }

    fn client_with(&self, token_file: Option<PathBuf>) -> Result<Client, Source> {
        Client::new(&Settings {
            url: self.url.text.clone(),
            token_file,
            identity: self.identity()?,
            ca_file: self.ca_file.clone(),
            patience: self.patience.duration(),
        })
    }

    fn identity(&self) -> Result<Option<Identity>, Source> {
        match (&self.client_cert_file, &self.client_key_file) {
            (None, None) => Ok(None),
            (Some(cert_file), Some(key_file)) => Ok(Some(Identity {
                cert_file: cert_file.clone(),
                key_file: key_file.clone(),
            })),
            (None, Some(_)) | (Some(_), None) => {
                Err("a client certificate and its key go together: give CUSTODIAN_CLIENT_CERT_FILE and CUSTODIAN_CLIENT_KEY_FILE".into())
            }
        }
    }
}

/// For a command that asks and shows what it is answered.
#[derive(clap::Args, Debug)]
pub(super) struct Asking {
    #[command(flatten)]
    service: ServiceArguments,
    /// For people, or the service's answer.
    #[arg(long, value_name = "json|table", default_value = "table")]
    pub(super) output: Output,
}

impl Asking {
    /// Asks as somebody.
    pub(super) fn client(&self) -> Result<Client, Source> {
        self.service.client()
    }

    /// Asks what anybody may ask.
    pub(super) fn client_of_anybody(&self) -> Result<Client, Source> {
        self.service.client_of_anybody()
    }
}
