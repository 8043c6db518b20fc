//! The `bip322` crate verifies. It takes more than the BIP's simple format does, so what is not exactly that never
//! gets there: other addresses, other prefixes, trailing bytes, other sighash types.

use std::{slice, str::FromStr};

use base64ct::{Base64, Encoding};
use bip322::{Verification, sign_simple, verify_simple};
use bitcoin::{
    Address, CompressedPublicKey, PrivateKey, Witness, XOnlyPublicKey,
    address::NetworkUnchecked,
    consensus::encode::{deserialize, serialize},
    key::Secp256k1,
    secp256k1::SecretKey,
};

use super::{PREFIX, bare, message};
use crate::{
    crypto::{
        messages::MESSAGE_BYTES,
        scheme::{self, AddressKind, Network, Shown, secp256k1},
    },
    error::Error,
};

/// Characters of the longest address (BIP-173).
const ADDRESS_CHARACTERS: usize = 90;

/// Characters of the longest signature: a DER signature of 72 bytes, its sighash type and a key of 33, in base64.
const SIGNATURE_CHARACTERS: usize = 3 + 148;

/// A P2TR or P2WPKH address.
#[derive(Debug)]
pub struct Key {
    text: String,
    address: Address,
    program: Program,
}

#[derive(Debug)]
enum Program {
    /// The x-only output key.
    P2tr([u8; 32]),
    /// The hash160 of the compressed key.
    P2wpkh([u8; 20]),
}

impl Key {
    /// Reads an address of `network`; upper case is the same address.
    ///
    /// # Errors
    /// [`Error::Invalid`] says what is wrong with it.
    pub fn read(text: &str, network: Network) -> Result<Self, Error> {
        let address = Some(text)
            .filter(|text| text.len() <= ADDRESS_CHARACTERS)
            .and_then(|text| Address::<NetworkUnchecked>::from_str(text).ok());
        let address = address.ok_or(Error::Invalid(
            "this is not a Bitcoin address: copy it whole, in one letter case",
        ))?;
        let address = address.require_network(of(network)).map_err(|_| {
            Error::Invalid("the address is of another Bitcoin network than the configured one")
        })?;
        let program = program(&address)?;
        Ok(Self {
            text: address.to_string(),
            address,
            program,
        })
    }

    /// Verifies a signature over a text; [`scheme::PublicKey::verify`] hands it the message in hex.
    ///
    /// # Errors
    /// [`Error::BadSignature`] says what is wrong with it.
    pub fn verify_text(&self, message: &str, signature: &str) -> Result<Shown, Error> {
        let witness = witness(signature).map_err(Error::BadSignature)?;
        let shown = self.shown(&witness).map_err(Error::BadSignature)?;
        match verify_simple(&self.address, message, witness) {
            Ok(Verification::Valid { .. }) => Ok(shown),
            Ok(Verification::Inconclusive) | Err(_) => Err(Error::BadSignature(
                "the BIP-322 signature is not for this address over this message",
            )),
        }
    }

    /// Looks at the form of the witness, and answers what it shows of the key.
    fn shown(&self, witness: &Witness) -> Result<Shown, &'static str> {
        let items = witness.to_vec();
        match (&self.program, items.as_slice()) {
            (Program::P2tr(_), [signature]) => {
                key_path(signature)?;
                Ok(Shown::default())
            }
            (Program::P2tr(_), _) => Err(
                "a P2TR witness has one element, the signature of the key path: no script, no annex",
            ),
            (Program::P2wpkh(_), [signature, key]) => {
                sighash_all(signature)?;
                let components = secp256k1::components(x_of(key)?);
                Ok(Shown { components })
            }
            (Program::P2wpkh(_), _) => {
                Err("a P2WPKH witness has two elements, the signature and the key")
            }
        }
    }
}

impl scheme::Key for Key {
    fn text(&self) -> &str {
        &self.text
    }

    fn bytes(&self) -> Vec<u8> {
        self.text.clone().into_bytes()
    }

    fn components(&self) -> Vec<String> {
        match &self.program {
            Program::P2tr(x) => secp256k1::components(x),
            Program::P2wpkh(program) => vec![secp256k1::hash(program)],
        }
    }

    fn verify(&self, m: &[u8; MESSAGE_BYTES], signature: &str) -> Result<Shown, Error> {
        self.verify_text(&message(m), signature)
    }
}

fn program(address: &Address) -> Result<Program, Error> {
    let script = address.script_pubkey();
    let program = script.as_bytes().get(2..).unwrap_or_default();
    match (program.try_into(), program.try_into()) {
        (Ok(x), _) if script.is_p2tr() => {
            XOnlyPublicKey::from_slice(program).map_err(|_| {
                Error::Invalid("the address's key is not the x coordinate of a point on secp256k1")
            })?;
            Ok(Program::P2tr(x))
        }
        (_, Ok(hash)) if script.is_p2wpkh() => Ok(Program::P2wpkh(hash)),
        _ => Err(Error::Invalid(
            "only P2TR and P2WPKH addresses can sign here: take one that begins with bc1p or bc1q",
        )),
    }
}

/// The witness stack of a signature: `smp` or nothing, then canonical base64 of nothing but a witness.
fn witness(signature: &str) -> Result<Witness, &'static str> {
    if signature.len() > SIGNATURE_CHARACTERS {
        return Err("a bip322-simple signature for P2TR or P2WPKH is at most 151 characters long");
    }
    if signature.starts_with("ful") || signature.starts_with("pof") {
        return Err("only BIP-322's simple format is taken: smp, then base64 of the witness stack");
    }
    let bytes = Base64::decode_vec(bare(signature)).map_err(|_| scheme::NOT_BASE64)?;
    let witness = deserialize::<Witness>(&bytes).ok();
    witness
        .filter(|witness| serialize(witness) == bytes)
        .ok_or("the signature is not one witness stack and nothing else")
}

/// BIP-341: 64 bytes stand for the default sighash type, 65 name another. BIP-322 allows the default and all.
fn key_path(signature: &[u8]) -> Result<(), &'static str> {
    match (signature.len(), signature.last()) {
        (64, _) | (65, Some(&SIGHASH_ALL)) => Ok(()),
        (65, _) => Err("BIP-322 allows only the sighash types default and all"),
        _ => Err("a P2TR signature is 64 bytes, or 65 with its sighash type"),
    }
}

fn sighash_all(signature: &[u8]) -> Result<(), &'static str> {
    let all = signature.last() == Some(&SIGHASH_ALL);
    all.then_some(())
        .ok_or("BIP-322 allows only the sighash type all for P2WPKH")
}

const SIGHASH_ALL: u8 = 1;

fn x_of(key: &[u8]) -> Result<&[u8; 32], &'static str> {
    match key.split_first_chunk() {
        Some(([2 | 3], x)) => x.try_into().ok(),
        _ => None,
    }
    .ok_or("the key in a P2WPKH witness is 33 bytes, compressed")
}

/// The address of a secret key: P2TR as BIP-86 derives it, P2WPKH as BIP-84 does.
pub(in crate::crypto::scheme) fn address(
    secret: &[u8],
    network: Network,
    kind: AddressKind,
) -> Result<String, Error> {
    Ok(Private::new(secret, network)?.address(kind)?.to_string())
}

/// Signs as a wallet would.
pub(in crate::crypto::scheme) fn sign(
    secret: &[u8],
    network: Network,
    kind: AddressKind,
    m: &[u8; MESSAGE_BYTES],
) -> Result<String, Error> {
    let private = Private::new(secret, network)?;
    let keys = slice::from_ref(&private.key);
    let witness = sign_simple(&private.address(kind)?, message(m), keys, None);
    let witness = witness.map_err(|_| Error::internal("signing by BIP-322"))?;
    let body = Base64::encode_string(&serialize(&witness));
    Ok(format!("{PREFIX}{body}"))
}

/// A key that this file wipes; the copies that the crates make of it on their stacks are theirs.
struct Private {
    key: PrivateKey,
    network: bitcoin::Network,
}

impl Private {
    fn new(secret: &[u8], network: Network) -> Result<Self, Error> {
        let network = of(network);
        let key = SecretKey::from_slice(secret).map_err(|_| NO_SECRET)?;
        let key = PrivateKey::new(key, network);
        Ok(Self { key, network })
    }

    fn address(&self, kind: AddressKind) -> Result<Address, Error> {
        let secp = Secp256k1::new();
        let key = CompressedPublicKey::from_private_key(&secp, &self.key).map_err(|_| NO_SECRET)?;
        Ok(match kind {
            AddressKind::P2tr => Address::p2tr(&secp, key.into(), None, self.network),
            AddressKind::P2wpkh => Address::p2wpkh(&key, self.network),
        })
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        self.key.inner.non_secure_erase();
    }
}

const NO_SECRET: Error =
    Error::Invalid("a secp256k1 secret key is 32 bytes, neither zero nor beyond the order");

const fn of(network: Network) -> bitcoin::Network {
    match network {
        Network::Bitcoin => bitcoin::Network::Bitcoin,
        Network::Regtest => bitcoin::Network::Regtest,
        Network::Signet => bitcoin::Network::Signet,
        Network::Testnet => bitcoin::Network::Testnet,
    }
}
