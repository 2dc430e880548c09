"""``bench list runs``: every tracked run in a line, the last begun below, read without MLflow."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bench.cli.ending import SHORT
from bench.cli.options import Say, columns
from bench.errors import UsageError
from bench.records import DISTANCE_SHOWN
from bench.registry import closest
from bench.results.format import MISSING, significant
from bench.tracking.mlflow import REPORT, Store, record_of
from bench.tracking.recorded import open_recorded

if TYPE_CHECKING:
    from bench.tracking.experiments import Experiment
    from bench.tracking.tables import StoredRun

_HEAD = ("id", "study", "run", "status", "distance", "begun")
_DIGITS = 4
_DEFAULT = "0"
"""The experiment that MLflow makes itself, which has no run of ours."""


def list_runs(study: str | None, *, uri: str | None, say: Say) -> dict[str, Any]:
    """Id to what is known of each run of a study, or of the whole store.

    Raises:
        UsageError: No store, no runs, or none of that study.
    """
    store = open_recorded(uri)
    found = [
        (one, run)
        for one in _experiments(store, study)
        for run in store.stored_runs(one.id)
        if REPORT not in run.tags
    ]
    if not found:
        raise UsageError(f"no runs in '{store.uri}': run `bench train` or `bench run` first")
    found.sort(key=lambda each: each[1].begun or 0)
    rows = {run.run_id: _row(one, run) for one, run in found}
    say("\n".join(columns([_HEAD, *(_line(run_id, row) for run_id, row in rows.items())])))
    return rows


def _experiments(store: Store, study: str | None) -> list[Experiment]:
    """Those of a study, by its name or that of its experiment; all where none is named."""
    found = store.experiments()
    if study is None:
        return found
    chosen = [one for one in found if study in _called(one)]
    if not chosen:
        known = sorted({name for one in found if one.id != _DEFAULT for name in _called(one)[:1]})
        raise UsageError(closest(study, known, kind="study", what="recorded"))
    return chosen


def _called(one: Experiment) -> tuple[str, ...]:
    return (one.identity.study, one.given) if one.identity else (one.given,)


def _row(one: Experiment, run: StoredRun) -> dict[str, Any]:
    about = record_of(run).about
    return {
        "study": one.given,
        "run": run.tags.get("mlflow.runName", ""),
        "model": about.model,
        "seed": about.seed,
        "status": about.status or run.status.lower(),
        "distance": run.metrics.get(DISTANCE_SHOWN),
        "begun": None if run.begun is None else _moment(run.begun).isoformat(),
    }


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds // 1000, UTC)


def _line(run_id: str, row: dict[str, Any]) -> list[str]:
    """The run as the table has it; the hour is the machine's own."""
    value, begun = row["distance"], row["begun"]
    return [
        run_id[:SHORT],
        row["study"],
        row["run"],
        row["status"],
        MISSING if value is None else significant(value, _DIGITS),
        f"{datetime.fromisoformat(begun).astimezone():%Y-%m-%d %H:%M}" if begun else MISSING,
    ]
