"""Curves of many runs at once, read through an MLflow client; knows nothing of MLflow itself."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Protocol

from bench.tracking.tables import AT_ONCE

Points = list[tuple[int, float]]
"""``(images_seen, value)`` in order, one value per step."""

_THREADS = 8
_ALL = 2**31 - 1


class _Metric(Protocol):
    @property
    def run_id(self) -> str: ...
    @property
    def step(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def value(self) -> float: ...


@contextmanager
def without_collector() -> Iterator[None]:
    """Pauses the search for circles of objects: MLflow's many entities hold none.

    It would walk through all of them again and again, two thirds of the time of 10,000 runs.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def read_histories(client: Any, run_ids: Sequence[str], key: str) -> dict[str, Points]:
    """Run to its values of one metric; a run that has none is left out.

    A database is asked for 500 runs at once. Through a server, which gives one run at a time to
    its clients, eight requests are under way together.
    """
    with without_collector():
        # MLflow's clients have no bulk query, the store behind one does, where it can be reached.
        backend = getattr(getattr(client, "_tracking_client", None), "store", None)
        query = getattr(backend, "get_metric_history_bulk", None)
        return _from_server(client, run_ids, key) if query is None else _bulk(query, run_ids, key)


def by_run(stored: Iterable[_Metric]) -> dict[str, Points]:
    """The values of one metric of many runs, by run."""
    found: dict[str, list[_Metric]] = {}
    for metric in stored:
        found.setdefault(metric.run_id, []).append(metric)
    return {run_id: _in_order(metrics) for run_id, metrics in found.items()}


def _in_order(stored: Iterable[_Metric]) -> Points:
    """Values by step; after a resume a step may be stored twice, the later one counts."""
    latest = {m.step: m.value for m in sorted(stored, key=lambda m: m.timestamp)}
    return sorted(latest.items())


def _bulk(query: Any, run_ids: Sequence[str], key: str) -> dict[str, Points]:
    found: dict[str, Points] = {}
    for start in range(0, len(run_ids), AT_ONCE):
        found |= by_run(query(run_ids[start : start + AT_ONCE], key, _ALL))
    return found


def _from_server(client: Any, run_ids: Sequence[str], key: str) -> dict[str, Points]:
    with ThreadPoolExecutor(_THREADS) as pool:
        read = pool.map(lambda run_id: client.get_metric_history(run_id, key), run_ids)
        histories = {run_id: _in_order(m) for run_id, m in zip(run_ids, read, strict=True)}
    return {run_id: points for run_id, points in histories.items() if points}
