"""``bench report``: finds a study's runs in MLflow and has them reported; no torch."""

from __future__ import annotations

from pathlib import Path

from bench.plan.files import load_study
from bench.report.writer import write_results
from bench.results.tracked import tracked_results
from bench.tracking.mlflow import Store
from bench.tracking.recorded import find_recorded


def make_report(
    name: str,
    *,
    tier: str | None = None,
    dataset: str | None = None,
    sets: list[str] | None = None,
    out: Path | None = None,
    uri: str | None = None,
    seeds: int | None = None,
) -> Path:
    """Writes the report of what was run under that identity; its README's path.

    With ``seeds``, of each cell the first so many seeds of those that were run.

    Raises:
        UsageError: Nothing was run under it; the sentence lists what was.
    """
    load_study(name)  # a name that no file has is told before a database is made
    store = Store(uri)
    identity, experiment_id = find_recorded(
        store, name, tier=tier, dataset=dataset, sets=sets or []
    )
    results = tracked_results(store, identity, experiment_id, seeds=seeds)
    return write_results(results, out or Path("reports") / name)
