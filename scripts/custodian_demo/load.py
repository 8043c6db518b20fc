"""Applications at work: threads with clients of their own, whose requests are all counted."""

import threading
from concurrent.futures import ThreadPoolExecutor

from .calls import Client, Mismatch
from .keys import DATA, DATA_CONTEXT, FILE_CONTEXT, b64

THREADS = 4
# Between two rounds of one thread: the demo is to show other things than speed.
PAUSE_SECONDS = 0.02
# What is done in a round: each pair takes what its first call answers back through its second.
PAIRS = (
    ("/v1/wrap", "/v1/unwrap", "wrapped", FILE_CONTEXT),
    ("/v1/deks/telemetry/encrypt", "/v1/deks/telemetry/decrypt", "ciphertext", DATA_CONTEXT),
)


def together(state, name, work):
    """Does `work(client, number)` in each of the threads."""
    clients = [Client(state.client.port, state.client.tokens, f"{name}-{number}") for number in range(THREADS)]
    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(work, clients, range(THREADS)))
    for client in clients:
        state.client.audited += client.audited


class Load:
    """Encrypts, decrypts, wraps and unwraps all the while, between `with` and its end."""

    def __init__(self, state):
        self.failed = []
        self._served = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=together, args=(state, "load", self._work))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()

    def served(self):
        """How many requests were answered as they should be, until now."""
        return len(self._served)

    def _work(self, client, _number):
        while not self._over.wait(PAUSE_SECONDS):
            for pair in PAIRS:
                try:
                    self._there_and_back(client, *pair)
                except Mismatch as error:
                    self.failed.append(str(error))

    def _there_and_back(self, client, there, back, name, context):
        blob = self._answered(client, there, {"plaintext": b64(DATA), "context": context})[name]
        answer = self._answered(client, back, {name: blob, "context": context})
        if answer["plaintext"] != b64(DATA):
            raise Mismatch(f"{back} answered something else than {there} had been given")

    def _answered(self, client, path, body):
        answer = client.send("app", "POST", path, body)
        if answer.status != 200:
            raise Mismatch(f"{path} answered {answer.status}")
        self._served.append(path)
        return answer
