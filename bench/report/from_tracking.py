"""Finds a study's runs in MLflow and has them reported; imports no torch."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from bench.plan import Identity, load_study
from bench.recorded_studies import find_recorded
from bench.report.writer import write_results
from bench.results.numbers import Results, read_results
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
    store = Store(uri)
    identity, experiment_id = find_recorded(
        store, name, tier=tier, dataset=dataset, sets=sets or []
    )
    return write_results(
        tracked_results(store, identity, experiment_id), out or Path("reports") / name
    )


def tracked_results(
    store: Store, identity: Identity, experiment_id: str, only: Collection[str] | None = None
) -> list[Results]:
    """What a store holds of a study, grouped as reports do; of the runs ``only`` where given.

    Raises:
        UsageError: There is no run.
    """
    records = store.records(experiment_id, HISTORIES)
    return read_results(
        load_study(identity.study),
        identity,
        [record for record in records if only is None or record.run_id in only],
        lambda run_id, picture: store.artifact(run_id, f"pictures/{picture}.png"),
    )
