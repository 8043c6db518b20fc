//! `custodian serve`: the appliance.

use std::{
    io::{self, ErrorKind, Write},
    net::{SocketAddr, TcpListener},
    path::PathBuf,
};

use crate::{
    config::{Config, Logging},
    error::{Error, Source},
    kek::{Cause, Trouble},
    server::{self, Transport, hardening, tls::Front},
    store,
};

#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    /// The configuration: see custodian.toml beside the systemd unit.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// A part that is away: a later start may find it back, so whoever supervises this should try again.
#[derive(Debug, thiserror::Error)]
pub(super) enum Away {
    /// An interface.
    #[error(
        "listen.address: no interface of this machine has {0}: bring it up, or take another address"
    )]
    Address(SocketAddr),
    /// A part of the service.
    #[error(transparent)]
    Part(Error),
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
    let custodian = server::open(&config).map_err(sorted)?;
    let listener = bind(config.listen)?;
    let address = listener.local_addr()?;
    let transport = Transport {
        limits: config.limits,
        tls,
    };
    server::serve(listener, custodian, transport, || announce(scheme, address))
}

/// An address of an interface that is not up may come yet.
#[allow(clippy::wildcard_enum_match_arm)] // the standard library's own, of dozens
fn bind(address: SocketAddr) -> Result<TcpListener, Source> {
    TcpListener::bind(address).map_err(|error| match error.kind() {
        ErrorKind::AddrNotAvailable => Away::Address(address).into(),
        ErrorKind::AddrInUse => format!(
            "listen.address: another process listens on {address}: end that one, or take another"
        )
        .into(),
        _ => format!("listen.address: {address}: {error}").into(),
    })
}

/// A refused PIN or a wrong key lasts until an operator does something, and a PIN must not be presented again and again; so
/// does a database that is damaged, or may not be written.
fn sorted(error: Source) -> Source {
    match error.downcast::<Error>() {
        Ok(error) => {
            let lasts = Trouble::cause_of(&error).is_some_and(Cause::needs_operator)
                || store::Trouble::of(&error).lasts();
            match !lasts && matches!(*error, Error::Unavailable { .. }) {
                true => Away::Part(*error).into(),
                false => error,
            }
        }
        Err(error) => error,
    }
}

/// The one line of standard output.
pub(super) fn announce(scheme: &str, address: SocketAddr) {
    let mut out = io::stdout();
    let printed = writeln!(out, "listening on {scheme}://{address}").and_then(|()| out.flush());
    if let Err(error) = printed {
        tracing::warn!(%error, "standard output is closed");
    }
}
