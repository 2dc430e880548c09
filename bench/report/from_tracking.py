"""Finds a study's runs in MLflow and has them reported; imports no torch."""

from __future__ import annotations

from pathlib import Path

from bench.plan import load_study
from bench.recorded_studies import find_recorded
from bench.report.writer import write_report
from bench.tracking import Store

HISTORIES = ("train/", "val/")


def make_report(
    name: str,
    *,
    tier: str | None = None,
    dataset: str | None = None,
    sets: list[str] | None = None,
    out: Path | None = None,
    uri: str | None = None,
) -> Path:
    """Writes the report of what was run under that identity; its README's path.

    Raises:
        UsageError: Nothing was run under it; the sentence lists what was.
    """
    study = load_study(name)
    store = Store(uri)
    identity, experiment_id = find_recorded(
        store, name, tier=tier, dataset=dataset, sets=sets or []
    )
    return write_report(
        study,
        identity,
        store.records(experiment_id, HISTORIES),
        lambda run_id, picture: store.artifact(run_id, f"pictures/{picture}.png"),
        out or Path("reports") / name,
    )
