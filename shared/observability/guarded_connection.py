"""An HTTP/1.1 connection that a slow, endless or ambiguous peer cannot keep: uvicorn's, with bounds around its parser.

uvicorn bounds neither the time nor the size of a request's head, nor what follows an answer, nor trailers. Times are
checked once a second by ``look``, not by a timer a request: that costs a request nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, cast

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from shared.observability.cuts import ANSWERS, CutReason

HEAD_SECONDS = 10.0
"""From a request's first byte, or the connection, to its last header. Senders put all of it into one segment."""
HEAD_BYTES = 32_768
URL_BYTES = 8_192
HEADERS = 100
"""CRMs send fifteen, proxies add ten."""
PIECE_BYTES = 16_384
"""So much is parsed between two looks at the bounds."""
FRAMING_BYTES = 32_768
"""Of a body in chunks, beside its content and ``FRAMING_RATIO`` times that: sizes, extensions, trailers."""
FRAMING_RATIO = 8
DISCARD_BYTES = 16_777_216
"""What is thrown away behind an early answer, so that a sender that writes on can still read it."""
DISCARD_SECONDS = 10.0
LINGER_SECONDS = 2.0
PIPELINED = 16
"""Requests that wait for the answers of those before them; webhooks' senders have none."""
STALLED_SECONDS = 30.0
"""A peer that does not take its answer for so long is gone."""
_HEAD, _BODY, _IDLE, _LINGERING = range(4)
"""What a connection is at; numbers, since they are compared several times a request. Lingering: answered for the last
time, it reads on for a moment, for an end amid unread bytes would take the answer away.
"""
_CODING, _EXPECT = b"transfer-encoding", b"expect"


class _Cut(Exception):
    """Raised within the parser's callbacks, which end with it."""


class GuardedConnection(HttpToolsProtocol):
    """``most`` connections; ``on_cut`` is told of every one that is refused."""

    def __init__(self, most: int, on_cut: Callable[[CutReason], object], **others: Any) -> None:  # noqa: ANN401 - uvicorn's
        super().__init__(**others)
        self._most = most
        self._on_cut = on_cut
        self._why = CutReason.MALFORMED_REQUEST
        self._phase = _HEAD
        self._since = self.loop.time()
        self._stalled_since: float | None = None
        self._fed = self._content = self._trailers = 0
        self._coded = False

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 - asyncio's own is narrowed by uvicorn
        """Makes room for itself where there is none, at the cost of who has waited longest without a request."""
        super().connection_made(transport)
        if len(self.connections) <= self._most:
            return
        others: Iterable[Any] = (each for each in self.connections if each is not self)
        waiting = [each for each in others if isinstance(each, GuardedConnection) and each.waits]
        oldest = min(waiting, key=lambda each: each._since, default=self)  # noqa: SLF001 - one of us
        if oldest is self or oldest._has_begun:  # noqa: SLF001 - as above
            oldest.cut(CutReason.TOO_MANY_CONNECTIONS)
        oldest.transport.close()

    @property
    def waits(self) -> bool:
        """Whether nothing is being worked off here."""
        return self._phase in (_HEAD, _IDLE) and self._answered

    @property
    def _has_begun(self) -> bool:
        return self._phase == _HEAD and self._fed > 0

    @property
    def _answered(self) -> bool:
        cycle = cast("RequestResponseCycle | None", self.cycle)  # uvicorn says that it is always there
        return cycle is None or cycle.response_complete or cycle.disconnected

    def data_received(self, data: bytes) -> None:
        """In pieces, so that no head is ever parsed far beyond its bound."""
        for start in range(0, len(data), PIECE_BYTES):
            self._feed(data[start : start + PIECE_BYTES])  # a piece that is all of it is no copy

    def _feed(self, piece: bytes) -> None:
        if self._phase == _IDLE:
            self._begin()
        self._fed += len(piece)
        if self._phase == _LINGERING or self.transport.is_closing():
            if self._fed > DISCARD_BYTES:
                self.transport.abort()
            return
        try:
            self.parser.feed_data(piece)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.cut(self._why)
            return
        if self._phase != _IDLE:
            self._check_sizes()
        elif "path" not in cast("dict[str, object]", self.scope):  # another request has begun within the piece
            self._begin()
            self._fed = 1

    def _begin(self) -> None:
        self._phase, self._since, self._fed = _HEAD, self.loop.time(), 0

    def _check_sizes(self) -> None:
        if self._phase == _HEAD and self._fed > HEAD_BYTES:
            self.cut(CutReason.HEAD_TOO_LARGE if self.headers else CutReason.URL_TOO_LONG)
        elif self._phase == _BODY:
            if self._answered and self._fed > DISCARD_BYTES:
                self.transport.abort()
            elif self._coded and self._fed > HEAD_BYTES + FRAMING_BYTES + (FRAMING_RATIO + 1) * self._content:
                self.cut(CutReason.MALFORMED_REQUEST)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Of the head; trailers are counted and left out. Raises: _Cut."""
        if self._phase == _BODY:  # headers that come late could say who sends, unseen by whoever is before us
            self._trailers += 1
            if self._trailers > HEADERS:
                self._raise(CutReason.HEAD_TOO_LARGE)
            return
        name = name.lower()
        if name == _CODING:
            if self._coded or value.strip().lower() != b"chunked":  # who decodes it in another way sees another body
                self._raise(CutReason.MALFORMED_REQUEST)
            self._coded = True
        elif name == _EXPECT:
            self.expect_100_continue = value.lower() == b"100-continue"
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Raises: _Cut."""
        if len(self.url) > URL_BYTES:
            self._raise(CutReason.URL_TOO_LONG)
        if len(self.headers) > HEADERS or (self._fed > HEAD_BYTES and self._head_bytes > HEAD_BYTES):
            self._raise(CutReason.HEAD_TOO_LARGE)
        if self.parser.should_upgrade() or len(self.pipeline) >= PIPELINED:
            self._raise(CutReason.MALFORMED_REQUEST)  # the parser would take the body for another protocol
        super().on_headers_complete()
        self._phase = _BODY
        version = self.scope["http_version"]
        if version != "1.1" and (self._coded or version != "1.0"):
            self._raise(CutReason.MALFORMED_REQUEST)

    @property
    def _head_bytes(self) -> int:
        return sum(len(name) + len(value) for name, value in self.headers)

    def on_body(self, body: bytes) -> None:
        """Counts content apart from framing; otherwise as uvicorn, which asks for upgrades that there are none of."""
        self._content += len(body)
        cycle = self.cycle
        if cycle.response_complete:
            return
        cycle.body += body
        if len(cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        cycle.message_event.set()

    def on_message_complete(self) -> None:
        """The request is here; as uvicorn, without its upgrades."""
        cycle = self.cycle
        if not cycle.response_complete:
            cycle.more_body = False
            cycle.message_event.set()
        self._phase = _IDLE
        self._content = self._trailers = 0
        self._coded = False

    def on_response_complete(self) -> None:
        """Goes on to the next request, or waits for one; as uvicorn, without a timer a request."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self._since = self.loop.time()
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self._phase == _BODY and self.expect_100_continue and not self._content:
            self.transport.close()  # it may never send the body that the parser waits for

    def pause_writing(self) -> None:
        """The peer does not take its answer."""
        self._stalled_since = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        """It does again."""
        self._stalled_since = None
        super().resume_writing()

    def look(self, now: float) -> None:
        """Ends what has taken too long; ``now`` is the loop's time. Called about once a second."""
        if self._stalled_since is not None and now - self._stalled_since > STALLED_SECONDS:
            self.transport.abort()
        elif self.flow.read_paused:
            self._since = now  # it is we who do not read
        elif self._phase == _HEAD and self._answered and now - self._since > HEAD_SECONDS:
            self._end_slow_head()
        elif self._has_overstayed(now - self._since):
            self.transport.abort() if self._phase == _LINGERING else self.transport.close()

    def _end_slow_head(self) -> None:
        if self._has_begun:
            self.cut(CutReason.HEAD_TIMEOUT)
        else:
            self.transport.close()

    def _has_overstayed(self, seconds: float) -> bool:
        if self._phase == _LINGERING:
            return self._answered and seconds > LINGER_SECONDS
        if self._phase == _BODY:
            return self._answered and seconds > DISCARD_SECONDS
        return self._phase == _IDLE and self._answered and seconds > self.timeout_keep_alive

    def cut(self, reason: CutReason) -> None:
        """Answers for the last time. A request before it that is being worked off is answered first and instead."""
        if self._phase == _LINGERING or self.transport.is_closing():
            return
        self._on_cut(reason)
        self._phase, self._since = _LINGERING, self.loop.time()
        if not self._answered and not self.cycle.more_body:
            self.cycle.keep_alive = False
        elif self.pipeline or (not self._answered and self.cycle.response_started):
            self.transport.close()
        else:
            self._answer_and_hang_up(ANSWERS[reason])

    def _answer_and_hang_up(self, answer: bytes) -> None:
        if not self._answered:  # whoever waits for the rest of its body learns that it does not come
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.write(answer)
        self.transport.write_eof()

    def _raise(self, reason: CutReason) -> None:
        self._why = reason
        raise _Cut(reason)
