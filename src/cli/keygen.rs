//! `custodian keygen`: a custodian's key, made where it stays.

use std::path::PathBuf;

use super::{key_file, output::Output, passphrase::PassphraseArguments, pubkey};
use crate::{
    crypto::scheme::{AddressKind, Kind, Network, Scheme, SigningKey},
    error::Source,
};

#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    /// How the key signs: bip340 (the default of the service), bip322-simple, ed25519, or ed25519+ml-dsa-44.
    #[arg(long, value_name = "SCHEME", value_parser = scheme)]
    scheme: Scheme,
    /// The key file to make.
    #[arg(long, value_name = "KEYFILE")]
    out: PathBuf,
    /// The Bitcoin network of the address (bip322-simple only): bitcoin if not given, regtest, signet, or testnet.
    #[arg(long, value_name = "NETWORK", value_parser = network)]
    network: Option<Network>,
    /// The kind of address (bip322-simple only): p2tr if not given, or p2wpkh.
    #[arg(long, value_name = "p2tr|p2wpkh", value_parser = address)]
    address: Option<AddressKind>,
    #[command(flatten)]
    passphrase: PassphraseArguments,
    /// How the public key is printed.
    #[arg(long, value_name = "json|table", default_value = "table")]
    output: Output,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Source> {
    let kind = kind(arguments)?;
    if arguments.out.try_exists()? {
        let out = arguments.out.display();
        return Err(format!("{out}: there is a file of that name: take another").into());
    }
    let key = SigningKey::generate(kind)?;
    let passphrase = arguments.passphrase.choose()?;
    key_file::create(&arguments.out, &key, passphrase)?;
    pubkey::print(key.public_key(), arguments.output)
}

fn kind(arguments: &Arguments) -> Result<Kind, Source> {
    let given = (arguments.network, arguments.address);
    let (network, address) = match arguments.scheme {
        Scheme::Bip322Simple => (
            given.0.or(Some(Network::Bitcoin)),
            given.1.or(Some(AddressKind::P2tr)),
        ),
        Scheme::Bip340 | Scheme::Ed25519 | Scheme::Ed25519MlDsa44 => given,
    };
    let kind = Kind::of(arguments.scheme, network, address);
    Ok(kind.ok_or("--network and --address are for bip322-simple only")?)
}

fn scheme(word: &str) -> Result<Scheme, &'static str> {
    let wrong = "a scheme is bip340, bip322-simple, ed25519 or ed25519+ml-dsa-44";
    Scheme::named(word).ok_or(wrong)
}

fn network(word: &str) -> Result<Network, &'static str> {
    Network::named(word).ok_or("a network is bitcoin, regtest, signet or testnet")
}

fn address(word: &str) -> Result<AddressKind, &'static str> {
    AddressKind::named(word).ok_or("a kind of address is p2tr or p2wpkh")
}
