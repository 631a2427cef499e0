"""What the local Kafka is made of, without starting one."""

from __future__ import annotations

import re
import socket
import struct
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from cli.up.free_ports import LOOPBACK, free_ports, is_free
from cli.up.kafka_jars import POM, KafkaNotRunnable, fetch_jars, java_version, kafka_version
from cli.up.kafka_probe import answers_metadata


@contextmanager
def _server(answer: bytes) -> Iterator[int]:
    """A listener that answers the first request with the bytes given and closes."""
    with socket.create_server((LOOPBACK, 0)) as listening:

        def serve() -> None:
            with suppress(OSError):
                connection, _ = listening.accept()
                with connection:
                    connection.recv(1000)
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1]
        thread.join(5)


def _metadata(brokers: int) -> bytes:
    body = struct.pack(">ii", 1, brokers)
    return struct.pack(">i", len(body)) + body


def test_a_broker_that_names_one_is_ready() -> None:
    with _server(_metadata(1)) as port:
        assert answers_metadata(LOOPBACK, port)


@pytest.mark.parametrize("answer", [_metadata(0), b"", b"HTTP", b"\x00\x00\x00\x04oops"])
def test_anything_else_is_not(answer: bytes) -> None:
    with _server(answer) as port:
        assert not answers_metadata(LOOPBACK, port)


def test_a_closed_port_is_not() -> None:
    assert not answers_metadata(LOOPBACK, free_ports(1)[0])


def test_the_pom_names_the_version() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", kafka_version(POM))


def test_without_the_pom_it_says_where_to_run(tmp_path: Path) -> None:
    with pytest.raises(KafkaNotRunnable, match="checkout"):
        kafka_version(tmp_path / "pom.xml")


def test_without_java_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(KafkaNotRunnable, match="Java 17"):
        java_version()


def test_an_old_java_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    java = tmp_path / "java"
    java.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\"' >&2\n")
    java.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(KafkaNotRunnable, match="newer is needed"):
        java_version()


def test_free_ports_are_different() -> None:
    assert len(set(free_ports(20))) == 20


def test_a_listening_port_is_not_free() -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        assert not is_free(taken.getsockname()[1])


MAVEN = """#!/bin/sh
for argument in "$@"; do case "$argument" in -DoutputDirectory=*) libs="${argument#*=}";; esac; done
echo call >> "$CALLS"
/bin/mkdir -p "$libs" && /bin/sleep 0.1 && echo jar > "$libs/kafka.jar"
"""


def _install_maven(directory: Path, monkeypatch: pytest.MonkeyPatch, script: str = MAVEN) -> Path:
    maven = directory / "mvn"
    maven.write_text(script)
    maven.chmod(0o755)
    monkeypatch.setenv("PATH", str(directory))
    monkeypatch.setenv("CALLS", str(directory / "calls"))
    return directory / "calls"


def test_several_at_once_fetch_the_jars_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    calls = _install_maven(tmp_path, monkeypatch)
    with ThreadPoolExecutor(3) as threads:
        found = set(threads.map(fetch_jars, [tmp_path / "cache"] * 3))
    assert (calls.read_text(), [path.name for path in found.pop().iterdir()]) == ("call\n", ["kafka.jar"])


def test_a_failed_fetch_leaves_nothing_and_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _install_maven(tmp_path, monkeypatch, "#!/bin/sh\necho 'no such artifact'; exit 1\n")
    with pytest.raises(KafkaNotRunnable, match="no such artifact"):
        fetch_jars(tmp_path / "cache")
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["lock"]
