"""The jars of Apache Kafka, fetched once by Maven and kept in the project's cache."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from shared.errors import ConfigurationError

PROJECT = Path(__file__).resolve().parents[2]
POM = PROJECT / "deploy" / "kafka" / "pom.xml"
MINIMUM_JAVA = 17
FETCH_SECONDS = 900


class KafkaNotRunnable(ConfigurationError):
    """This machine lacks what a local Kafka needs; the message says what to install."""

    reason = "kafka_not_runnable"


def kafka_version(pom: Path = POM) -> str:
    """The version that the POM names. Raises: KafkaNotRunnable without the POM."""
    try:
        found = re.search(r"<kafka\.version>([^<]+)</kafka\.version>", pom.read_text())
    except OSError as error:
        raise KafkaNotRunnable(f"{pom} is missing: run from a checkout of the project") from error
    if found is None:
        raise KafkaNotRunnable(f"{pom} names no kafka.version")
    return found[1]


def why_not() -> str | None:
    """What keeps a local Kafka from running here, None when nothing does. Costs one start of Java, no network."""
    try:
        java_version()
        if not _jars(_cache()) and shutil.which("mvn") is None:
            return "Maven (mvn) is not installed: it fetches Kafka's jars"
    except KafkaNotRunnable as error:
        return str(error)
    return None


def java_version() -> int:
    """The major version of `java`. Raises: KafkaNotRunnable below 17 or without one."""
    java = shutil.which("java")
    if java is None:
        raise KafkaNotRunnable(f"Java {MINIMUM_JAVA} or newer is not installed")
    shown = subprocess.run([java, "-version"], capture_output=True, text=True, check=False, timeout=60).stderr
    found = re.search(r'version "(\d+)', shown)
    if found is None or int(found[1]) < MINIMUM_JAVA:
        raise KafkaNotRunnable(f"Java {MINIMUM_JAVA} or newer is needed; this one says {shown.splitlines()[:1]}")
    return int(found[1])


def jars_present() -> bool:
    """True when nothing has to be fetched."""
    return _jars(_cache())


def fetch_jars(cache: Path | None = None) -> Path:
    """The directory with the jars; fetches them first where they are missing (about 130 MB).

    Safe with several processes at once: one fetches, the others wait for it; a fetch that was cut off leaves nothing.
    Raises: KafkaNotRunnable without Maven or when Maven fails.
    """
    cache = cache or _cache()
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _jars(cache):
            _fetch(cache)
    return cache / "libs"


def _cache() -> Path:
    """`.cache` of the checkout; the user's cache where the checkout is read-only."""
    home = PROJECT / ".cache"
    if not os.access(home if home.exists() else PROJECT, os.W_OK):
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pacer"
    return home / f"kafka-{kafka_version()}"


def _jars(cache: Path) -> bool:
    return (cache / "libs").is_dir()


def _fetch(cache: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise KafkaNotRunnable("Maven (mvn) is not installed: it fetches Kafka's jars")
    with tempfile.TemporaryDirectory(dir=cache) as work:
        libs = Path(work) / "libs"
        command = [maven, "-q", "-B", "-f", str(POM), "dependency:copy-dependencies", f"-DoutputDirectory={libs}"]
        ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=FETCH_SECONDS)
        if ended.returncode != 0:
            raise KafkaNotRunnable(f"Maven could not fetch Kafka's jars:\n{(ended.stdout + ended.stderr)[-1500:]}")
        libs.rename(cache / "libs")  # whole or not at all
