"""Whatever bytes come over a connection: a problem document or an end, never a 5xx or a place taken for long."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from cli.up.free_ports import free_ports
from tests.support.crm_sender import NATIVE_TOKEN
from tests.support.edge_server import EdgePlan
from tests.support.eventually import eventually
from tests.support.processes import Processes, Running
from tests.support.raw_http import BODY, PATH, Reply, Wire, chunked, dribble, exchange, head, request, wire

MIB = 1_048_576
Serve = Callable[..., tuple[int, Running]]


@pytest.fixture
def served(processes: Processes, free_port: int) -> Serve:
    def start(**plan: float) -> tuple[int, Running]:
        asked = msgspec.json.encode(EdgePlan(**plan)).decode()  # type: ignore[arg-type]
        return free_port, processes.start("tests.support.edge_server", str(free_port), asked)

    return start


async def up(started: tuple[int, Running]) -> int:
    port, _ = started
    await eventually(lambda: exchange(port, head(method="GET", path="/livez")).code, equals=200, within_seconds=20)
    return port


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A server that all tests share which need none of their own."""
    started, number = Processes(tmp_path_factory.mktemp("edge")), free_ports(1)[0]
    running = started.start("tests.support.edge_server", str(number))
    asyncio.run(up((number, running)))
    yield number
    started.end_all()


def refusals(port: int) -> dict[str, float]:
    """By reason, of nobody's requests."""
    text = exchange(port, head(method="GET", path="/metrics")).body.decode()
    found = re.findall(r'ingest_deliveries_total\{outcome="rejected",reason="(\w+)",source="unknown"\} (\S+)', text)
    return {reason: float(number) for reason, number in found}


MALFORMED = {
    "no HTTP at all": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64,
    "HTTP/2's preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/0.9": b"GET /livez\r\n\r\n",
    "a method of nobody's": request(method="OBLITERATE"),
    "a method that is no word": request(method="P@ST"),
    "a length and chunks": head("Transfer-Encoding: chunked", length=5) + b"0\r\n\r\n",
    "chunks and a length": b"POST %s HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n"
    % PATH.encode(),
    "two lengths": head("Content-Length: 5", length=4) + b"abcd",
    "two equal lengths": head("Content-Length: 4", length=4) + b"abcd",
    "a negative length": head("Content-Length: -5"),
    "a length of no number": head("Content-Length: ten"),
    "a length of many digits": head("Content-Length: " + "9" * 40),
    "another coding": head("Transfer-Encoding: gzip") + b"0\r\n\r\n",
    "two codings": head("Transfer-Encoding: gzip, chunked") + b"0\r\n\r\n",
    "chunks twice": head("Transfer-Encoding: chunked", "Transfer-Encoding: chunked") + b"0\r\n\r\n",
    "a hidden coding": head("Transfer-Encoding: chunked, identity") + b"0\r\n\r\n",
    "chunks in HTTP/1.0": head("Transfer-Encoding: chunked", version="HTTP/1.0") + b"0\r\n\r\n",
    "a chunk of no size": head("Transfer-Encoding: chunked") + b"xyz\r\n",
    "a chunk of a negative size": head("Transfer-Encoding: chunked") + b"-1\r\n",
    "a folded header": head("X-One: 1\r\n 2"),
    "a space before the colon": head("Content-Length : 5"),
    "a control character in a header": head("X-One: a\x00b"),
    "a line feed alone": head().replace(b"\r\n", b"\n"),
    "an address of another kind": request(path="v1"),
    "an address with bytes": f"POST {PATH}é HTTP/1.1\r\n\r\n".encode("latin-1"),
    "a tunnel": head(method="CONNECT", path="127.0.0.1:80"),
    "another protocol": request("Connection: Upgrade", "Upgrade: h2c"),
}


@pytest.mark.parametrize("data", MALFORMED.values(), ids=list(MALFORMED))
async def test_what_cannot_be_read_in_one_way_is_refused_and_the_connection_ended(port: int, data: bytes) -> None:
    before = refusals(port)["malformed_request"]
    with wire(port) as connection:
        connection.send(data)
        assert connection.reply().told == (400, "malformed_request")
        assert connection.ended()
    assert refusals(port)["malformed_request"] == before + 1


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "PURGE"])
async def test_other_methods_are_told_so_and_may_go_on(port: int, method: str) -> None:
    with wire(port) as connection:
        connection.send(head(method=method, path=PATH))
        answer = connection.reply() if method != "HEAD" else head_reply(connection)
        assert answer.code == 405 and b"allow: POST" in answer.head
        if method != "HEAD":
            assert answer.reason == "method_not_allowed"
        connection.send(request())
        assert connection.reply().code == 202


def head_reply(connection: Wire) -> Reply:
    """An answer without a body, whatever its length says."""
    while b"\r\n\r\n" not in connection._unread:
        assert connection._read()
    top, _, connection._unread = connection._unread.partition(b"\r\n\r\n")
    return Reply(int(top.split(b" ", 2)[1]), top)


async def test_http_1_0_is_answered_and_closed(port: int) -> None:
    with wire(port) as connection:
        connection.send(request(version="HTTP/1.0"))
        assert connection.reply().code == 202
        assert connection.ended()


async def test_an_absolute_address_is_read(port: int) -> None:
    assert exchange(port, request(path=f"http://hooks.example.com{PATH}")).code == 202


async def test_pipelined_requests_are_answered_in_order(port: int) -> None:
    with wire(port) as connection:
        connection.send(request() + request(method="GET", body=b"") + request(body=b"{"))
        assert [connection.reply().code for _ in range(3)] == [202, 405, 400]


async def test_rubbish_behind_a_request_takes_nothing_from_its_answer(served: Serve) -> None:
    port = await up(served(confirmed_after=0.5))
    with wire(port) as connection:
        connection.send(request() + b"\x00rubbish\r\n\r\n")
        assert connection.reply().code == 202
        assert connection.ended()


async def test_hundreds_of_pipelined_requests_are_not_taken_up(served: Serve) -> None:
    port = await up(served(confirmed_after=0.2))
    with wire(port) as connection:
        connection.send(request() * 500)
        codes = [connection.reply().code for _ in range(40)]
    assert 1 <= codes.count(202) <= 20
    assert set(codes) <= {202, 0}


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (head("X-Filler: " + "x" * 40_000), (431, "head_too_large")),
        (head(*[f"X-{number}: 1" for number in range(200)]), (431, "head_too_large")),
        (head("X-" + "y" * 40_000 + ": 1"), (431, "head_too_large")),
        (head(path=f"{PATH}?{'q' * 9_000}"), (414, "url_too_long")),
        (head(path=f"{PATH}?{'q' * 300_000}"), (414, "url_too_long")),
    ],
    ids=["a long header", "many headers", "a long name", "a long query", "an endless query"],
)
async def test_a_head_out_of_bounds_is_refused(port: int, data: bytes, told: tuple[int, str]) -> None:
    before = refusals(port)[told[1]]
    with wire(port) as connection:
        connection.send(data)
        assert connection.reply().told == told
        assert connection.ended()
    assert refusals(port)[told[1]] == before + 1


async def test_an_endless_head_is_cut_long_before_it_costs_memory(served: Serve) -> None:
    started = served()
    port = await up(started)
    before = resident(started[1])
    with wire(port) as connection:
        connection.send(b"POST /v1/webhooks/native HTTP/1.1\r\n")
        sent = 0
        while sent < 64 * MIB and connection.send(b"X-Filler: " + b"x" * 65_000):
            sent += 65_010
    assert resident(started[1]) - before < 8 * MIB


async def test_endless_line_ends_before_a_request_are_cut(port: int) -> None:
    with wire(port) as connection:
        connection.send(b"\r\n" * 30_000)
        assert connection.reply().code in {414, 431}


@pytest.mark.parametrize("what", [b"", head()[:40], b"\r\n"])
async def test_a_head_that_does_not_come_is_cut(port: int, what: bytes) -> None:
    with wire(port) as connection:
        connection.send(what)
        if what:
            assert connection.reply().told == (408, "head_timeout")
        assert connection.ended(5)


async def test_a_head_a_byte_at_a_time_is_cut(port: int) -> None:
    with wire(port) as connection:
        dribble(connection, head("X-Filler: " + "x" * 500), every_seconds=0.05, for_seconds=5)
        assert connection.reply().told == (408, "head_timeout")


async def test_the_second_heads_time_begins_with_its_first_byte(port: int) -> None:
    with wire(port) as connection:
        connection.send(request())
        assert connection.reply().code == 202
        assert not connection.ended(2)  # four times as long as a head may take
        connection.send(request() + head()[:30])
        assert connection.reply().code == 202
        assert connection.reply().told == (408, "head_timeout")


async def test_a_connection_that_asks_for_nothing_more_is_ended(served: Serve) -> None:
    port = await up(served(keep_alive_seconds=1))
    with wire(port) as connection:
        connection.send(request())
        assert connection.reply().code == 202
        assert connection.ended(5)
        assert connection._unread == b"", "without a word: it asked for nothing"


async def test_an_answer_that_takes_longer_than_a_pause_may_is_still_given(served: Serve) -> None:
    port = await up(served(keep_alive_seconds=1, head_seconds=0.2, confirmed_after=3))
    with wire(port) as connection:
        connection.send(request())
        assert connection.reply().code == 202


async def test_a_body_a_byte_at_a_time_is_cut(port: int) -> None:
    with wire(port) as connection:
        connection.send(head(length=len(BODY)))
        dribble(connection, BODY, every_seconds=0.1, for_seconds=5)
        assert connection.reply().told == (408, "body_timeout")
        assert connection.ended()


async def test_trailers_and_extensions_of_chunks_have_an_end(port: int) -> None:
    floods = (b"1;" + b"e" * 200_000, b"0\r\nX-Trailer: " + b"t" * 200_000, b"0\r\n" + b"X-T: 1\r\n" * 200)
    for flood in floods:
        told = exchange(port, head("Transfer-Encoding: chunked") + b"2\r\n{}\r\n" + flood).told
        assert told in {(400, "malformed_request"), (431, "head_too_large")}


async def test_a_body_in_tiny_chunks_is_read(port: int) -> None:
    assert exchange(port, chunked(*[bytes([byte]) for byte in BODY])).code == 202


async def test_trailers_are_no_headers(port: int) -> None:
    data = chunked(BODY, end=b"0\r\nAuthorization: Bearer wrong\r\n\r\n")
    assert exchange(port, data).code == 202
    unsigned = data.replace(f"Authorization: Bearer {NATIVE_TOKEN}\r\n".encode(), b"")
    trailing = unsigned.replace(b"Bearer wrong", b"Bearer " + NATIVE_TOKEN.encode())
    assert exchange(port, trailing).told == (401, "missing_credentials")


async def test_chunks_over_the_limit_are_refused_and_may_still_be_sent(port: int) -> None:
    with wire(port) as connection:
        for part in [head("Transfer-Encoding: chunked"), *[b"10000\r\n" + b" " * 65_536 + b"\r\n"] * 60]:
            connection.send(part)
        assert connection.reply().told == (413, "body_too_large")
        connection.send(b"0\r\n\r\n" + request())
        assert connection.reply().code == 202


async def test_who_sends_on_for_ever_behind_a_refusal_is_cut(port: int) -> None:
    with wire(port) as connection:
        connection.send(head("Transfer-Encoding: chunked"))
        sent = 0
        while connection.send(b"10000\r\n" + b" " * 65_536 + b"\r\n"):
            sent += 65_536
            assert sent < 64 * MIB
    assert sent > 8 * MIB


async def test_a_sender_that_waits_to_be_asked_is_asked(port: int) -> None:
    with wire(port) as connection:
        connection.send(head("Expect: 100-continue", length=len(BODY)))
        assert connection.reply().code == 100
        connection.send(BODY)
        assert connection.reply().code == 202


@pytest.mark.parametrize(
    ("lines", "length", "told"),
    [((), 2 * MIB, (413, "body_too_large")), (("X-One: 1",), 99 * MIB, (413, "body_too_large"))],
)
async def test_a_sender_that_would_be_refused_is_not_asked(
    port: int, lines: tuple[str, ...], length: int, told: tuple[int, str]
) -> None:
    with wire(port) as connection:
        connection.send(head("Expect: 100-continue", *lines, length=length))
        assert connection.reply().told == told
        assert connection.ended(), "the next request would be taken for the body"


async def test_a_new_connection_takes_the_place_of_the_idlest(served: Serve) -> None:
    port = await up(served(connections=8, head_seconds=30))
    idle = [Wire(port) for _ in range(20)]
    assert exchange(port, request()).code == 202
    assert sum(each.ended(0.2) for each in idle) >= 12
    for each in idle:
        each.socket.close()


async def test_who_is_being_served_keeps_its_place_and_others_are_told(served: Serve) -> None:
    port = await up(served(connections=8, confirmed_after=3))
    busy = [Wire(port) for _ in range(8)]
    for each in busy:
        each.send(request())
    await eventually(lambda: exchange(port, request()).told, equals=(429, "too_many_connections"), within_seconds=2)
    assert [each.reply().code for each in busy] == [202] * 8
    for each in busy:
        each.socket.close()


def resident(running: Running) -> int:
    """Bytes of memory."""
    return int(Path(f"/proc/{running.pid}/statm").read_text().split()[1]) * 4096


async def test_a_flood_of_unfinished_bodies_stays_within_its_bytes(served: Serve) -> None:
    started = served(bodies_in_flight=8 * MIB, slow_seconds=20, head_seconds=20)
    port, running = await up(started), started[1]
    before = resident(running)
    flood = [Wire(port) for _ in range(150)]
    for each in flood:
        each.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * MIB)
        each.send(head(length=MIB) + b" " * (MIB - 10))
    assert exchange(port, request()).code == 202, "a real sender's body has its place"
    assert resident(running) - before < 8 * MIB + 64 * MIB, "bodies and what connections buffer, not 150 MiB"
    assert {each.reply().told for each in flood[:20]} == {(429, "overloaded")}
    for each in flood:
        each.socket.close()
    assert exchange(port, request()).code == 202


PARSED_LARGE = [b"1," * 99_000 + b"1", b"{}," * 49_000 + b"{}", b'"abcdefg",' * 99_000 + b"1"]
"""Insides of arrays that take most memory when they are parsed."""


@pytest.mark.parametrize("inside", PARSED_LARGE, ids=["numbers", "objects", "texts"])
async def test_what_grows_when_it_is_parsed_is_not_kept_while_kafka_is_slow(served: Serve, inside: bytes) -> None:
    started = served(confirmed_after=2, slow_seconds=20)
    port, running = await up(started), started[1]
    body = b'[{"id":"1","type":"deal.won","occurred_at":"2026-11-23T09:30:00Z","more":[%s]}]' % inside
    exchange(port, request(body=body))
    before, senders = resident(running), [Wire(port) for _ in range(24)]
    for each in senders:
        each.send(request(body=body))
    assert {each.reply().code for each in senders} == {202}
    peak = int(re.findall(r"VmHWM:\s+(\d+)", status(running))[0]) * 1024
    assert peak - before < 24 * (len(body) + MIB)
    for each in senders:
        each.socket.close()


def status(running: Running) -> str:
    return Path(f"/proc/{running.pid}/status").read_text()


async def test_nothing_of_it_all_was_a_500_or_an_exception(served: Serve) -> None:
    started = served()
    port = await up(started)
    for data in MALFORMED.values():
        for cut in (len(data) // 3, len(data) // 2, len(data)):
            with wire(port) as connection:
                connection.send(data[:cut])
    assert exchange(port, request()).code == 202
    assert "Traceback" not in started[1].output and "unexpected_error" not in started[1].output
