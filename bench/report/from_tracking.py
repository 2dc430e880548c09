"""Finds a study's runs in MLflow and has them reported; imports no torch."""

from __future__ import annotations

from pathlib import Path

from bench.config import parse_assignments
from bench.errors import UsageError
from bench.plan import Identity, load_study
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

    Without any of ``tier``, ``dataset`` and ``sets``, a study that was run under one identity
    alone is that one.

    Raises:
        UsageError: Nothing was run under it; the sentence lists what was.
    """
    study = load_study(name)
    store = Store(uri)
    recorded = {
        Identity.model_validate_json(e.tags["bench.identity"]): e
        for e in store.experiments()
        if e.tags.get("bench.study") == name
    }
    chosen = tier or "classroom"
    overrides = parse_assignments(sets or [])
    wanted = Identity(
        study=name, tier=chosen, dataset=dataset or study.tier(chosen).dataset, overrides=overrides
    )
    found = [identity for identity in recorded if identity.names_same(wanted)]
    if not found and tier is None and dataset is None and not overrides:
        found = list(recorded)
    if len(found) != 1:
        raise UsageError(_not_one(wanted, list(recorded), store.uri))
    identity = found[0]
    records = store.records(recorded[identity].experiment_id, HISTORIES)
    return write_report(
        study,
        identity,
        records,
        lambda run_id, picture: store.artifact(run_id, f"pictures/{picture}.png"),
        out or Path("reports") / name,
    )


def _not_one(wanted: Identity, recorded: list[Identity], uri: str) -> str:
    """Why it is not clear which runs to report, and what can be done."""
    if not recorded:
        return f"no runs of {wanted.study} in '{uri}': run `bench run {wanted.flags()}` first"
    known = " or ".join(sorted(f"`bench report {identity.flags()}`" for identity in recorded))
    return f"no runs of {wanted.flags()} in '{uri}': give {known}"
