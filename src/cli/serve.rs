//! `custodian serve`: the appliance.

use std::{
    io::{self, Write},
    net::{SocketAddr, TcpListener},
    path::PathBuf,
};

use crate::{
    config::{Config, Logging},
    error::Source,
    server::{self, Transport, hardening, tls::Front},
};

#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    /// The configuration: see custodian.toml beside the systemd unit.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

impl Arguments {
    /// What is logged and how; what is wrong with the configuration is said when it is used.
    pub(super) fn logging(&self) -> Logging {
        Config::read(&self.config).map_or_else(|_| Logging::default(), |config| config.logging)
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Source> {
    hardening::harden()?.refuse_swap()?;
    let config = Config::read(&arguments.config)?;
    let tls = config.tls.as_ref().map(Front::open).transpose()?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let custodian = server::open(&config)?;
    let listener = TcpListener::bind(config.listen)
        .map_err(|error| format!("listening on {}: {error}", config.listen))?;
    let address = listener.local_addr()?;
    let transport = Transport {
        limits: config.limits,
        tls,
    };
    server::serve(listener, custodian, transport, || announce(scheme, address))
}

/// The one line of standard output.
pub(super) fn announce(scheme: &str, address: SocketAddr) {
    let mut out = io::stdout();
    let printed = writeln!(out, "listening on {scheme}://{address}").and_then(|()| out.flush());
    if let Err(error) = printed {
        tracing::warn!(%error, "standard output is closed");
    }
}
