"""`Custodian` of `examples/custodian_client.py` against a peer that answers anything. Ends without a word if all is well."""

import json
import pathlib
import socket
import sys
import tempfile
import threading

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "examples"))
from custodian_client import Custodian, Refused, Unanswered  # noqa: E402


def http(status, body, *headers):
    lines = [f"HTTP/1.1 {status} x", f"Content-Length: {len(body)}", *headers, "", body]
    return "\r\n".join(lines).encode()


PROBLEM = {"status": 403, "code": "forbidden", "detail": "no", "request_id": "1"}
GOOD = http(200, '{"a":1}')
NONE = [
    b"",
    b"hello\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}",
    http(200, "<html>"),
    http(200, '{"a":1}', "Retry-After: Fri, 31 Dec 1999 23:59:59 GMT"),
    http(200, "\u00e9")[:-1],
    http(502, "<html>"),
    http(404, ""),
    http(500, "[]"),
    http(403, json.dumps({"message": "no"})),
]


def peer(answers):
    """Answers one connection after the other; gives its address."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        with listener:
            for answer in answers:
                connection, _ = listener.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    return "http://127.0.0.1:%d" % listener.getsockname()[1]


def call(answers, token_file, attempts=1):
    return Custodian(peer(answers), token_file, attempts=attempts, timeout=5).call("GET", "/v1/deks")


def raises(kind, *arguments):
    try:
        call(*arguments)
    except kind as error:
        assert "t0ken" not in str(error)
        return type(error) is kind
    return False


def main():
    with tempfile.NamedTemporaryFile("w") as token:
        token.write("t0ken")
        token.flush()
        assert call([GOOD], token.name) == {"a": 1}
        for answer in NONE:
            assert raises(Unanswered, [answer], token.name), answer
        assert raises(Refused, [http(403, json.dumps(PROBLEM))], token.name)
        assert call([NONE[3], GOOD], token.name, 2) == {"a": 1}


main()
