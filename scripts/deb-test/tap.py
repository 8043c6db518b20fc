"""Stands between a TLS client and the service, and prints by which key exchange they agreed.

`tap.py PORT TO` takes one connection at 127.0.0.1:PORT, passes it on to 127.0.0.1:TO, and reads the group out of the
ServerHello, which TLS 1.3 sends in the clear (RFC 8446 section 4.1.3).
"""

import contextlib
import select
import socket
import sys

GROUPS = {0x11EC: "X25519MLKEM768", 0x001D: "X25519", 0x0017: "P-256", 0x0018: "P-384"}
KEY_SHARE = 51


def agreed(records: bytes) -> int | None:
    """The group in a ServerHello; None while it is not whole."""
    if len(records) < 5 or len(records) < 5 + int.from_bytes(records[3:5], "big"):
        return None
    hello = records[5:]
    if records[0] != 22 or hello[0] != 2:
        raise ValueError("no ServerHello came")
    at = 4 + 2 + 32  # after the header, the version and the random
    at += 1 + hello[at] + 2 + 1  # after the session id, the cipher suite and the compression
    end = at + 2 + int.from_bytes(hello[at : at + 2], "big")
    at += 2
    while at < end:
        kind, length = (int.from_bytes(hello[at + n : at + n + 2], "big") for n in (0, 2))
        if kind == KEY_SHARE:
            return int.from_bytes(hello[at + 4 : at + 6], "big")
        at += 4 + length
    raise ValueError("a ServerHello without a key share")


def passed_on(client: socket.socket, service: socket.socket) -> int | None:
    """Passes on what each says until one of them closes, and answers the group of the ServerHello."""
    said, group = b"", None
    # Who closes while something is on its way to it resets the connection: an end as any other.
    with contextlib.suppress(ConnectionError):
        while True:
            for side in select.select([client, service], [], [])[0]:
                came = side.recv(65536)
                if not came:
                    return group
                (service if side is client else client).sendall(came)
                if side is service and group is None:
                    said += came
                    group = agreed(said)
    return group


def main() -> None:
    port, to = map(int, sys.argv[1:])
    with socket.create_server(("127.0.0.1", port)) as server:
        client, _ = server.accept()
    group = passed_on(client, socket.create_connection(("127.0.0.1", to)))
    print(GROUPS.get(group, f"{group}"))


main()
