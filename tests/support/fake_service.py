"""Stands in for one of the four services: answers /readyz on PACER_HTTP__PORT, ends on SIGTERM.

Beside its log it keeps, in the directory FAKE_SERVICE_DIR, one file a start with the environment that it got; a file
``refuse`` there makes it exit 2 at once, as a service with wrong settings does.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path


class Ready(BaseHTTPRequestHandler):
    """Answers 200 to everything."""

    def do_GET(self) -> None:
        """Any path."""
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Silent."""


def main() -> None:
    """Serves until a signal."""
    directory = Path(os.environ["FAKE_SERVICE_DIR"])
    name = sys.argv[1]
    ours = {key: value for key, value in os.environ.items() if key.startswith("PACER_")}
    (directory / f"{name}.{os.getpid()}.json").write_text(json.dumps(ours))
    if (directory / "refuse").exists():
        print("PACER_LOG__LEVEL: wrong")
        sys.exit(2)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print(json.dumps({"level": "warning", "event": "fake_started", "service": name}), flush=True)
    HTTPServer(("127.0.0.1", int(os.environ["PACER_HTTP__PORT"])), Ready).serve_forever()


if __name__ == "__main__":
    main()
