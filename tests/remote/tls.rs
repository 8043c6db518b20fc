//! Client certificates: who is bound to one needs no token, and its key is kept as a token is.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    sync::Arc,
    thread::{self, JoinHandle},
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    RootCertStore, ServerConfig, ServerConnection, StreamOwned, pki_types::PrivateKeyDer,
    server::WebPkiClientVerifier,
};

use super::desk::{Desk, Ended, ended};

const NOTHING: &str = r#"{"items":[],"size":0}"#;

/// What a service knows of who asked.
struct Seen {
    certificate: Vec<u8>,
    exchange: String,
    head: String,
}

/// Somebody's folder with a CA, and what the CA signed.
struct Papers {
    desk: Desk,
    ca: CertifiedIssuer<'static, KeyPair>,
}

impl Papers {
    fn new(url: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let desk = Desk::at(url, PathBuf::new());
        desk.write("ca.pem", ca.pem());
        Self { desk, ca }
    }

    /// Writes NAME.pem and NAME.key (mode 0600); answers both.
    fn issue(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let made = params.signed_by(&key, &self.ca).unwrap();
        self.desk.write(&format!("{name}.pem"), made.pem());
        let file = self.desk.write(&format!("{name}.key"), key.serialize_pem());
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        (made, key)
    }

    /// A service that lets nobody in without a certificate of the CA, for this many connections.
    fn serve(&self, connections: usize) -> (String, JoinHandle<Vec<Option<Seen>>>) {
        let (made, key) = self.issue("127.0.0.1");
        let mut roots = RootCertStore::empty();
        roots.add(self.ca.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone()).build();
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier.unwrap())
            .with_single_cert(
                vec![made.der().clone()],
                PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            );
        let config = Arc::new(config.unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let served = thread::spawn(move || {
            let one = |_| answer(&listener, config.clone());
            (0..connections).map(one).collect()
        });
        (url, served)
    }

    fn run(&self, url: &str, more: &[&str]) -> Ended {
        let mut command = self.desk.command(&["audit", "tail", "--url", url]);
        command.args(["--ca-file", "ca.pem"]).args(more);
        command.env_remove("CUSTODIAN_TOKEN_FILE");
        ended(command.output().unwrap())
    }
}

fn answer(listener: &TcpListener, config: Arc<ServerConfig>) -> Option<Seen> {
    let (stream, _) = listener.accept().unwrap();
    let mut stream = StreamOwned::new(ServerConnection::new(config).unwrap(), stream);
    let mut seen = None;
    // A command asks twice on one connection: for the log's size, and for its entries.
    loop {
        let mut head = String::new();
        let mut lines = BufReader::new(&mut stream);
        while !head.ends_with("\r\n\r\n") {
            match lines.read_line(&mut head) {
                Ok(read) if read > 0 => {}
                Ok(_) | Err(_) => return seen,
            }
        }
        let length = NOTHING.len();
        write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{NOTHING}"
        )
        .unwrap();
        let certificate = stream.conn.peer_certificates().unwrap()[0].to_vec();
        let exchange = stream.conn.negotiated_key_exchange_group().unwrap();
        seen = Some(Seen {
            certificate,
            exchange: format!("{:?}", exchange.name()),
            head,
        });
    }
}

const MINE: [&str; 4] = [
    "--client-cert-file",
    "me.pem",
    "--client-key-file",
    "me.key",
];

#[test]
fn who_shows_its_certificate_needs_no_token() {
    let papers = Papers::new("");
    let (me, _) = papers.issue("me");
    let (url, served) = papers.serve(1);
    let fine = papers.run(&url, &MINE);
    assert_eq!(fine.code, 0, "{fine:?}");
    let seen = served.join().unwrap().pop().unwrap().unwrap();
    assert_eq!(seen.certificate, me.der().to_vec());
    assert_eq!(seen.exchange, "X25519MLKEM768");
    assert!(
        !seen.head.to_lowercase().contains("authorization"),
        "{}",
        seen.head
    );
}

#[test]
fn who_shows_none_or_a_strangers_is_not_let_in_and_told_so_at_once() {
    let papers = Papers::new("");
    let (url, served) = papers.serve(2);
    let token = papers.desk.write("token", "cst_abc");
    fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).unwrap();
    let none = papers.run(&url, &["--token-file", "token"]);
    assert_eq!(none.code, 2, "{none:?}");
    let stranger = Papers::new("");
    stranger.issue("me");
    for name in ["me.pem", "me.key"] {
        fs::copy(stranger.desk.path(name), papers.desk.path(name)).unwrap();
    }
    let unknown = papers.run(&url, &MINE);
    assert_eq!(unknown.code, 2, "{unknown:?}");
    assert!(served.join().unwrap().iter().all(Option::is_none));
}

#[test]
fn a_certificate_is_shown_with_its_own_private_key_over_https_or_not_at_all() {
    let papers = Papers::new("");
    papers.issue("me");
    papers.issue("other");
    let url = "https://127.0.0.1:1";
    let refused = |more: &[&str], said: &str| {
        let ended = papers.run(url, more);
        assert_eq!(ended.code, 1, "{more:?}: {ended:?}");
        assert!(ended.error.contains(said), "{more:?}: {ended:?}");
    };
    refused(&[], "CUSTODIAN_CLIENT_CERT_FILE");
    refused(&["--client-cert-file", "me.pem"], "go together");
    refused(
        &[
            "--client-cert-file",
            "me.pem",
            "--client-key-file",
            "other.key",
        ],
        "is not the one of",
    );
    refused(
        &[
            "--client-cert-file",
            "me.pem",
            "--client-key-file",
            "me.pem",
        ],
        "me.pem: ",
    );
    refused(
        &[
            "--client-cert-file",
            "me.key",
            "--client-key-file",
            "me.key",
        ],
        "no certificate",
    );
    refused(
        &["--client-cert-file", "none", "--client-key-file", "me.key"],
        "none: ",
    );
    let plain = papers.run("http://127.0.0.1:1", &MINE);
    assert_eq!(plain.code, 1, "{plain:?}");
    assert!(plain.error.contains("over https only"), "{plain:?}");
    let key = papers.desk.path("me.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    refused(&MINE, "chmod 600");
}
