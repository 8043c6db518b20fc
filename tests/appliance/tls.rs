//! TLS 1.3 with the hybrid exchange; certificates that are read again beside open connections.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    process::Command,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use rustls::{
    ClientConfig, ClientConnection, NamedGroup, RootCertStore, StreamOwned,
    crypto::{CryptoProvider, SupportedKxGroup, aws_lc_rs},
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use serde_json::json;

use crate::{
    appliance::{Served, Site},
    authority::{Authority, Pair},
};

/// A site with TLS, and who signed its certificate.
pub fn site(more: &str) -> (Site, Authority, Pair) {
    let site = Site::new();
    let authority = Authority::new(site.folder(), "authority");
    let pair = authority.server("server");
    configure(&site, &pair, more);
    (site, authority, pair)
}

pub fn configure(site: &Site, pair: &Pair, more: &str) {
    site.configure(&format!(
        "[tls]\ncertificate = {:?}\nkey = {:?}\n{more}",
        pair.certificate, pair.key
    ));
}

pub type Stream = StreamOwned<ClientConnection, TcpStream>;

pub fn connect(
    served: &Served,
    authority: &Authority,
    groups: &[&'static dyn SupportedKxGroup],
) -> Stream {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(&authority.file).unwrap())
        .unwrap();
    let provider = CryptoProvider {
        kx_groups: groups.to_vec(),
        ..aws_lc_rs::default_provider()
    };
    let config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let client = ClientConnection::new(Arc::new(config), name).unwrap();
    let address = served.url.strip_prefix("https://").unwrap();
    StreamOwned::new(client, TcpStream::connect(address).unwrap())
}

/// One request on a connection that stays open.
pub fn live(stream: &mut Stream) -> String {
    stream
        .write_all(b"GET /v1/health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"{\"status\":\"ok\"}") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        answer.push(byte[0]);
    }
    String::from_utf8(answer).unwrap()
}

pub fn leaf(stream: &Stream) -> Vec<u8> {
    stream.conn.peer_certificates().unwrap()[0].to_vec()
}

#[test]
fn the_hybrid_exchange_is_taken_where_the_client_has_it() {
    use aws_lc_rs::kx_group::{SECP256R1, X25519, X25519MLKEM768};
    let (site, authority, _) = site("");
    let served = site.serve_new();
    for (groups, taken) in [
        (vec![X25519MLKEM768, X25519], NamedGroup::X25519MLKEM768),
        (vec![X25519], NamedGroup::X25519),
        (vec![SECP256R1], NamedGroup::secp256r1),
    ] {
        let mut stream = connect(&served, &authority, &groups);
        assert!(live(&mut stream).starts_with("HTTP/1.1 200"));
        let group = stream.conn.negotiated_key_exchange_group().unwrap();
        assert_eq!(group.name(), taken);
        assert_eq!(
            stream.conn.protocol_version(),
            Some(rustls::ProtocolVersion::TLSv1_3)
        );
    }
}

#[test]
fn older_versions_of_tls_and_plain_http_are_refused() {
    let (site, authority, _) = site("");
    let served = site.serve_new();
    let address = served.url.strip_prefix("https://").unwrap();
    let (host, port) = address.split_once(':').unwrap();
    let program = format!(
        "import socket, ssl\n\
         def shake(version):\n\
        \x20   context = ssl.create_default_context(cafile={:?})\n\
        \x20   context.minimum_version = context.maximum_version = version\n\
        \x20   with socket.create_connection(({host:?}, {port})) as plain:\n\
        \x20       with context.wrap_socket(plain, server_hostname='localhost') as tls:\n\
        \x20           return tls.version()\n\
         print(shake(ssl.TLSVersion.TLSv1_3))\n\
         try:\n\
        \x20   print(shake(ssl.TLSVersion.TLSv1_2))\n\
         except (ssl.SSLError, ConnectionError):\n\
        \x20   print('refused')\n",
        authority.file
    );
    let shaken = Command::new("python3")
        .args(["-c", &program])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&shaken.stdout);
    assert_eq!(said, "TLSv1.3\nrefused\n", "{shaken:?}");
    let mut plain = TcpStream::connect(address).unwrap();
    plain
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    plain
        .write_all(b"GET /v1/health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    let mut answer = Vec::new();
    let _reset = plain.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
}

#[test]
fn a_new_certificate_is_shown_after_sighup_and_open_connections_stay() {
    let groups = aws_lc_rs::default_provider().kx_groups;
    let (site, authority, pair) = site("");
    let served = site.serve_new();
    let mut old = connect(&served, &authority, &groups);
    live(&mut old);
    let before = leaf(&old);
    // What is wrong changes nothing.
    fs::write(&pair.certificate, "no certificate").unwrap();
    served.signal("-HUP");
    until(|| served.log().contains("stay as they were"));
    let mut same = connect(&served, &authority, &groups);
    live(&mut same);
    assert_eq!(leaf(&same), before);
    authority.server("server");
    served.signal("-HUP");
    until(|| served.log().contains("were read again"));
    let mut new = connect(&served, &authority, &groups);
    live(&mut new);
    assert_ne!(leaf(&new), before);
    live(&mut old);
    live(&mut same);
    assert_eq!(served.stop(), Some(0));
}

#[test]
fn sighup_without_tls_ends_nothing() {
    let site = Site::new();
    let served = site.serve_new();
    served.signal("-HUP");
    until(|| served.log().contains("there is no TLS"));
    served
        .plain("", "GET", "/v1/health/live", &json!(null))
        .is(200);
}

#[test]
fn an_address_that_others_reach_is_served_with_tls_only() {
    let open = |site: &Site| {
        let mut command = site.command(&["serve", "--config", "custodian.toml"]);
        command.env("CUSTODIAN__LISTEN__ADDRESS", "0.0.0.0:0");
        site.spawn(command)
    };
    let bare = Site::new();
    assert!(bare.init().status.success());
    let (code, said) = open(&bare).err().unwrap();
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("[tls]"), "{said}");
    let (site, authority, _) = site("");
    assert!(site.init().status.success());
    let mut served = open(&site).unwrap_or_else(|why| panic!("{why:?}"));
    assert!(served.url.starts_with("https://0.0.0.0:"), "{}", served.url);
    served.url = served.url.replace("0.0.0.0", "127.0.0.1");
    let groups = aws_lc_rs::default_provider().kx_groups;
    let mut stream = connect(&served, &authority, &groups);
    assert!(live(&mut stream).starts_with("HTTP/1.1 200"));
}

#[track_caller]
pub fn until(mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "it does not come to pass"
        );
        thread::sleep(Duration::from_millis(20));
    }
}
