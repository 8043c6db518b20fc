"""A service with a certificate of a CA of its own, which answers an empty log; writes ca.pem, other.pem and what it saw.

The second argument is the newest version of TLS that it speaks.
"""

import datetime
import http.server
import ipaddress
import ssl
import sys
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

home = Path(sys.argv[1])
now = datetime.datetime.now(datetime.timezone.utc)


def issue(name, issuer=None, ca=False):
    """A key and its certificate, by itself or by `issuer`."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    by_key, by_name = issuer or (key, subject)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by_name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(by_key, hashes.SHA256())
    )
    return key, subject, made.public_bytes(serialization.Encoding.PEM)


ca_key, ca_name, ca_pem = issue("ca", ca=True)
(home / "ca.pem").write_bytes(ca_pem)
(home / "other.pem").write_bytes(issue("other", ca=True)[2])
key, _, pem = issue("127.0.0.1", (ca_key, ca_name))
private = key.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
)
(home / "server.pem").write_bytes(pem + private)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        with open(home / "seen", "a", encoding="utf-8") as seen:
            seen.write(self.headers["Authorization"] + "\n")
        body = b'{"items":[],"size":0}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.maximum_version = ssl.TLSVersion[sys.argv[2]]
context.load_cert_chain(home / "server.pem")
server.socket = context.wrap_socket(server.socket, server_side=True)
print(f"https://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
