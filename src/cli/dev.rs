//! `custodian dev`: everything on one machine.

use std::{
    net::{SocketAddr, TcpListener},
    os::unix::process::CommandExt,
    path::PathBuf,
    process::Command,
    time::Duration,
};

use super::serve::announce;
use crate::{
    config,
    crypto::scheme::{Network, Scheme},
    custodian::{Fields, KekRotation},
    error::Source,
    id::FieldName,
    server::{
        self,
        dev::{self, Choice, Choices, Folder},
        hardening,
    },
    words::Binding,
};

#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    /// Where the token, the database and the bearer tokens are kept.
    #[arg(long, value_name = "DIR", default_value = "custodian-dev")]
    data_dir: PathBuf,
    /// Where to listen; port 0 takes a free one.
    #[arg(long, value_name = "127.0.0.1:PORT", default_value = "127.0.0.1:7820")]
    listen: SocketAddr,
    /// Who holds the KEK: a SoftHSM2 token, or a file, which is no HSM at all.
    #[arg(long, value_name = "softhsm|software", default_value = "softhsm")]
    kek: Choice,
    /// How long one call to the token may take before the token counts as away.
    #[arg(long, value_name = "TIME", default_value = "1500ms", value_parser = config::kek_deadline)]
    kek_deadline: Duration,
    /// How long an opened DEK is kept in locked memory; 0 asks the token for each use.
    #[arg(long, value_name = "60s|0", default_value = "60s", value_parser = config::dek_cache)]
    dek_cache: Duration,
    /// Who rotates the KEK after 2^31 encryptions: the service, or an operator, whom readiness then tells that it is due.
    #[arg(long, value_name = "automatic|manual", default_value = "automatic", value_parser = config::kek_rotation)]
    kek_rotation: KekRotation,
    /// The name of this service: custodians sign it with each override, so that a signature is worth nothing elsewhere.
    #[arg(long, value_name = "NAME", default_value = config::DEV_INSTANCE, value_parser = config::instance)]
    instance: String,
    /// The signature schemes with which a custodian can be enrolled, separated by commas.
    #[arg(long, value_name = "SCHEMES", value_delimiter = ',', value_parser = config::scheme,
        default_value = config::dev_schemes())]
    signature_schemes: Vec<Scheme>,
    /// Whose addresses bip322-simple takes: bitcoin, testnet, signet or regtest.
    #[arg(long, value_name = "NETWORK", default_value = "bitcoin", value_parser = config::network)]
    bitcoin_network: Network,
    /// What a custodian's signature binds: bound, or aegis for validators that know only the message hash.
    #[arg(long, value_name = "bound|aegis", default_value = "bound", value_parser = config::binding)]
    override_binding: Binding,
    /// Refuse an override that does not name the human behind it.
    #[arg(long)]
    require_on_behalf_of: bool,
    /// Fields whose values /v1/pii/encrypt encrypts, instead of the twelve standard ones; separated by commas.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = config::pii_field)]
    pii_fields: Option<Vec<FieldName>>,
    /// The audit log's name in its checkpoints; a log keeps its name for good.
    #[arg(long, value_name = "NAME", default_value = config::DEV_INSTANCE, value_parser = config::log_origin)]
    log_origin: String,
    /// Let anyone read the audit log's checkpoint and hash tiles, as witnesses do.
    #[arg(long)]
    public_tiles: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Source> {
    config::loopback(arguments.listen)?;
    let folder = Folder::open(&arguments.data_dir)?;
    if arguments.kek == Choice::Softhsm {
        point_softhsm_at(&folder)?;
    }
    hardening::harden()?.warn();
    let choices = Choices {
        listen: arguments.listen,
        kek: arguments.kek,
        kek_deadline: arguments.kek_deadline,
        dek_cache: arguments.dek_cache,
        kek_rotation: arguments.kek_rotation,
        instance: arguments.instance.clone(),
        schemes: arguments.signature_schemes.clone(),
        network: arguments.bitcoin_network,
        binding: arguments.override_binding,
        require_on_behalf_of: arguments.require_on_behalf_of,
        pii_fields: match &arguments.pii_fields {
            Some(names) => Fields::of(names.iter().cloned()),
            None => Fields::STANDARD,
        },
        log_origin: arguments.log_origin.clone(),
        public_tiles: arguments.public_tiles,
    };
    let (config, custodian) = dev::open(&folder, &choices)?;
    let taken = |error| {
        format!(
            "listening on {}: {error}; take another --listen",
            config.listen
        )
    };
    let listener = TcpListener::bind(config.listen).map_err(taken)?;
    let address = listener.local_addr()?;
    server::serve(listener, custodian, config.limits, || {
        announce("http", address);
    })
}

/// SoftHSM reads where its tokens are from the environment, which a running process cannot change safely:
/// so this one begins again with it set.
fn point_softhsm_at(folder: &Folder) -> Result<(), Source> {
    let conf = dev::softhsm::conf(folder)?;
    if config::softhsm_conf().is_some_and(|set| set == *conf) {
        return Ok(());
    }
    let mut again = Command::new(std::env::current_exe()?);
    again
        .args(std::env::args_os().skip(1))
        .env("SOFTHSM2_CONF", conf);
    Err(again.exec().into())
}
