"""A receiver of signed webhooks: a real HTTP server that answers as the test lines up, and keeps what it was sent."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
HANG = 0
"""A status that stands for no answer at all."""


class Received:
    """One request."""

    def __init__(self, headers: dict[str, str], body: bytes, status: int) -> None:
        self.headers = headers
        self.body = body
        self.status = status

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def is_signed_with(self, secret: str) -> bool:
        """By the letter of Standard Webhooks 1.0.0, with nothing of ours."""
        key = base64.b64decode(secret.removeprefix("whsec_"))
        signed = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode() + self.body
        expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        given = self.headers["webhook-signature"].split(" ")
        return any(hmac.compare_digest(each, f"v1,{expected}") for each in given)


class WebhookReceiver:
    """Answers with the statuses in ``script``, then with 204."""

    def __init__(self) -> None:
        self.script: list[int] = []
        self.requests: list[Received] = []
        self._ended = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                status = receiver._next()
                receiver.requests.append(Received({k.lower(): v for k, v in self.headers.items()}, body, status))
                if status == HANG:
                    receiver._ended.wait(30)
                    return
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def accepted(self) -> list[Received]:
        """Those that were answered with success."""
        return [each for each in self.requests if 200 <= each.status < 300]

    def stop(self) -> None:
        """Ends the server and whatever hangs."""
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()

    def _next(self) -> int:
        return self.script.pop(0) if self.script else 204


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    """A receiver that accepts everything until told otherwise."""
    running = WebhookReceiver()
    yield running
    running.stop()
