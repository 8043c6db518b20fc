//! The offline tools of custodians (api.md section 13), by the real binary: key files, what is shown before a signature,
//! and services that lie.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // a test may
#![allow(missing_docs, unreachable_pub)]

#[path = "offline/enrolments.rs"]
mod enrolments;
#[path = "offline/key_files.rs"]
mod key_files;
#[path = "offline/lies.rs"]
mod lies;
#[path = "offline/overrides.rs"]
mod overrides;
#[path = "offline/rejections.rs"]
mod rejections;
#[path = "offline/terminal.rs"]
mod terminal;

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use aegis_custodian::{
    crypto::scheme::{AddressKind, Kind, Network, Scheme, SigningKey},
    secret::Plaintext,
};
use age::{scrypt, secrecy::SecretString};
use base64ct::{Base64, Encoding};
use serde_json::{Value, json};
use tempfile::TempDir;

const PASSPHRASE: &str = "correct horse battery staple";

const P2TR: Kind = Kind::Bip322Simple {
    network: Network::Bitcoin,
    address: AddressKind::P2tr,
};

const P2WPKH: Kind = Kind::Bip322Simple {
    network: Network::Signet,
    address: AddressKind::P2wpkh,
};

const KINDS: [Kind; 5] = [
    P2TR,
    P2WPKH,
    Kind::Bip340,
    Kind::Ed25519,
    Kind::Ed25519MlDsa44,
];

/// One custodian's machine: a folder with a passphrase file.
struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        desk.file("passphrase", &format!("{PASSPHRASE}\n"));
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        fs::write(self.path(name), content).unwrap();
        self.path(name)
    }

    fn json(&self, content: &Value) -> PathBuf {
        self.file("document.json", &content.to_string())
    }

    /// The key of a secret of equal bytes in `key.age`, sealed without the work that `keygen` asks for.
    fn key(&self, kind: Kind) -> SigningKey {
        let key = signing_key(kind);
        let mut content = json!({
            "scheme": kind.scheme().name(),
            "secret": Base64::encode_string(key.secret().expose()),
        });
        if let Kind::Bip322Simple { network, address } = kind {
            content["network"] = network.name().into();
            content["address_kind"] = address.name().into();
        }
        self.sealed("key.age", content.to_string().as_bytes());
        key
    }

    fn sealed(&self, name: &str, content: &[u8]) -> PathBuf {
        let mut recipient = scrypt::Recipient::new(SecretString::from(PASSPHRASE.to_owned()));
        recipient.set_work_factor(4);
        self.file(name, &age::encrypt_and_armor(&recipient, content).unwrap())
    }

    /// Runs `custodian` in this folder with the passphrase file; `input` is its standard input.
    fn run(&self, arguments: &[&str], input: &str) -> Output {
        let all = [arguments, &["--passphrase-file", "passphrase"]].concat();
        run(self.0.path(), &all, input)
    }

    /// What the command prints; it must end well.
    fn done(&self, arguments: &[&str], input: &str) -> String {
        let output = self.run(arguments, input);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        String::from_utf8(output.stdout)
            .unwrap()
            .trim_end()
            .to_owned()
    }

    /// What the command says when it refuses: exit code 1, one sentence, and nothing on standard output.
    #[track_caller]
    fn refused(&self, arguments: &[&str], input: &str) -> String {
        is_refused(&self.run(arguments, input))
    }
}

fn run(folder: &Path, arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_custodian"))
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that refuses before it reads closes the pipe: that is its right.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

#[track_caller]
fn is_refused(output: &Output) -> String {
    let said = said(output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(output.stdout.is_empty(), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    let secret = Base64::encode_string(&[7; 32]);
    assert!(!said.contains(PASSPHRASE) && !said.contains(secret.trim_end_matches('=')));
    said
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn signing_key(kind: Kind) -> SigningKey {
    SigningKey::new(kind, Plaintext::new(vec![7; kind.secret_bytes()])).unwrap()
}

fn names() -> impl Iterator<Item = Scheme> {
    Scheme::ALL.iter().copied()
}
