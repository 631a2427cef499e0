"""Metrics of a service of several processes: every value lives in a file that all of them map, and a scrape adds up.

What a worker counted stays when it ends, and its successor counts on in the same file: counters do not go back.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Literal

from prometheus_client import CollectorRegistry, values
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.samples import Sample
from prometheus_client.values import MultiProcessValue

from shared.observability.processes import ProcessUse, use_of
from shared.observability.whole_health import read_state
from shared.observability.workers import Worker

EARLIEST: Literal["all"] = "all"
"""The mode of a gauge that holds a time, 0 for none: the library has no word for the least that is not 0."""


def share_metrics(worker: Worker) -> CollectorRegistry:
    """What a scrape of this worker shows; metrics that are made from now on are shared. Before the first metric."""
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(worker.directory)
    values.ValueClass = MultiProcessValue(process_identifier=lambda: worker.index)  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    registry.register(_Values(worker))
    registry.register(_Processes(worker))
    return registry


class _Values:
    """What all workers counted, ended ones too."""

    def __init__(self, worker: Worker) -> None:
        self._collector = MultiProcessCollector(None, path=str(worker.directory))  # type: ignore[no-untyped-call]

    def collect(self) -> Iterator[Metric]:
        """See prometheus_client."""
        for metric in self._collector.collect():  # type: ignore[no-untyped-call]
            metric.samples = list(_one_a_series(metric.samples))
            yield metric


def _one_a_series(samples: Iterable[Sample]) -> Iterator[Sample]:
    """The library leaves apart, by worker, what has the mode ``EARLIEST``."""
    earliest: dict[tuple[str, tuple[tuple[str, str], ...]], Sample] = {}
    for sample in samples:
        if "pid" not in sample.labels:
            yield sample
            continue
        labels = {name: value for name, value in sample.labels.items() if name != "pid"}
        series = (sample.name, tuple(sorted(labels.items())))
        known = earliest.get(series)
        if known is None or known.value == 0 or 0 < sample.value < known.value:
            earliest[series] = sample._replace(labels=labels)
    yield from earliest.values()


class _Processes:
    """The usual process_* metrics, of the parent and all workers together."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def collect(self) -> Iterator[Metric]:
        """See prometheus_client."""
        parent = os.getppid()
        before = use_of(parent)
        states = (read_state(self._worker.directory, index) for index in range(self._worker.count))
        pids = {os.getpid(), *(state.pid for state in states if state is not None)}
        live = [use for use in map(use_of, pids) if use is not None]
        if before is None:
            return
        # A worker that ended meanwhile is in what the parent has waited for, or in what it used while it lived.
        used = sum(use.seconds for use in live) + before.seconds + before.waited_for_seconds
        yield CounterMetricFamily("process_cpu_seconds", "Processor time of all processes", value=used)
        yield _gauge("process_resident_memory_bytes", "Resident memory, shared pages counted in each", live, before)
        yield _gauge("process_virtual_memory_bytes", "Virtual memory of all processes", live, before)
        yield _gauge("process_open_fds", "Open files of all processes", live, before)
        yield GaugeMetricFamily("process_start_time_seconds", "Start of the service, Unix time", value=before.started)


def _gauge(name: str, text: str, live: list[ProcessUse], parent: ProcessUse) -> GaugeMetricFamily:
    field = name.removeprefix("process_")
    return GaugeMetricFamily(name, text, value=float(sum(getattr(use, field) for use in (*live, parent))))
