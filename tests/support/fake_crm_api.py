"""The API of a CRM on the loopback: says what the test wants for a path, and remembers what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from msgspec import Struct


class Asked(Struct, frozen=True):
    """One request."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]


class Reply(Struct, frozen=True):
    """One answer."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = {}


class CrmApiServer:
    """``replies``: by path, used up one after the other, the last one for good; other paths are a 404.

    ``token``: which header has to hold what; else a 401.
    """

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.replies: dict[str, list[Reply]] = {}
        self.token: tuple[str, str] | None = None
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def says(self, path: str, *replies: Reply | dict[str, Any]) -> None:
        """What it answers there from now on; a mapping is a 200 with that body."""
        self.replies[path] = [one if isinstance(one, Reply) else Reply(body=one) for one in replies]

    def stop(self) -> None:
        """Ends it."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def _reply(self, asked: Asked) -> Reply:
        if self.token is not None and asked.headers.get(self.token[0]) != self.token[1]:
            return Reply(401, {"message": "who are you?"})
        found = self.replies.get(asked.path, [Reply(404, {"message": "resource not found"})])
        return found.pop(0) if len(found) > 1 else found[0]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                headers = {name.lower(): value for name, value in self.headers.items()}
                asked = Asked(parts.path, dict(parse_qsl(parts.query)), headers)
                server.asked.append(asked)
                reply = server._reply(asked)
                body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
                self.send_response(reply.status)
                for name, value in ({"Content-Length": str(len(body))} | reply.headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Nothing on the terminal."""

        return Handler


@pytest.fixture
def crm_api() -> Iterator[CrmApiServer]:
    """A server of the test's own."""
    server = CrmApiServer()
    yield server
    server.stop()
