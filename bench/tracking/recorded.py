"""Which studies a tracking store holds, and which of them a command means."""

from __future__ import annotations

from collections.abc import Sequence

from bench.config import parse_assignments
from bench.errors import UsageError
from bench.plan.files import load_study
from bench.plan.study import Identity
from bench.tracking.address import database_path, store_uri
from bench.tracking.mlflow import Store


def open_recorded(uri: str | None) -> Store:
    """The store that runs were recorded in; asking for runs makes none.

    Raises:
        UsageError: There is no such database, or the store does not open.
    """
    path = database_path(store_uri(uri))
    if path is not None and not path.exists():
        raise UsageError(
            f"no runs are recorded in '{path}', which is not there: go to the folder that they were "
            "made in, or give their store with --tracking-uri"
        )
    return Store(uri)


def find_recorded(
    store: Store, name: str, *, tier: str | None, dataset: str | None, sets: Sequence[str]
) -> tuple[Identity, str]:
    """The identity that was run, and the id of its experiment.

    Without any of ``tier``, ``dataset`` and ``sets``, a study that was run under one identity
    alone is that one.

    Raises:
        UsageError: Nothing was run under it; the sentence lists what was.
    """
    study = load_study(name)
    recorded = _studies(store, name)
    chosen = tier or "classroom"
    overrides = parse_assignments(list(sets))
    wanted = Identity(
        study=name, tier=chosen, dataset=dataset or study.tier(chosen).dataset, overrides=overrides
    )
    found = [identity for identity in recorded if identity.names_same(wanted)]
    if not found and tier is None and dataset is None and not overrides:
        found = list(recorded)
    if len(found) != 1:
        raise UsageError(_not_one(wanted, list(recorded), store.uri))
    return found[0], recorded[found[0]]


def experiment_of(store: Store, identity: Identity) -> str | None:
    """Id of the experiment of exactly that identity; None where the store has none."""
    return _studies(store, identity.study).get(identity)


def _studies(store: Store, name: str) -> dict[Identity, str]:
    """Every identity under which a study was run, and the id of its experiment."""
    return {
        experiment.identity: experiment.id
        for experiment in store.experiments()
        if experiment.identity and experiment.identity.study == name
    }


def _not_one(wanted: Identity, recorded: list[Identity], uri: str) -> str:
    """Why it is not clear which runs are meant, and what can be done."""
    if not recorded:
        return f"no runs of {wanted.study} in '{uri}': run `bench run {wanted.flags()}` first"
    known = " or ".join(sorted(f"`{identity.flags()}`" for identity in recorded))
    return f"no runs of {wanted.flags()} in '{uri}': give {known}"
