"""A study's runs as a tracking store or a bundle holds them; imports no torch."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from typing import Protocol

from bench.errors import UsageError
from bench.plan.study import Identity, Study
from bench.records import CONFIRM, OWNER, SEEDS, RunRecord
from bench.results.results import Curves, Point, Results, read_results
from bench.results.runs import RecordedRun
from bench.results.siblings import fact
from bench.results.summary import RUN_PAGES
from bench.tracking.address import run_page
from bench.tracking.bundle import Bundle
from bench.tracking.experiments import Experiment


class Source(Protocol):
    """What runs are read from: a store, or a bundle."""

    uri: str

    @property
    def has_pictures(self) -> bool:
        """Whether it keeps what runs have drawn."""

    def experiments(self) -> list[Experiment]:
        """The studies that it holds, among others."""

    def plan(self, identity: Identity, /) -> Study:
        """What a study's runs were planned by."""

    def records(self, experiment_id: str, /) -> list[RunRecord]:
        """Every run of an experiment, without curves."""

    def histories(
        self, run_ids: Sequence[str], name: str, /
    ) -> Mapping[str, Sequence[tuple[int, float]]]:
        """A curve of many runs, by run."""

    def artifact(self, run_id: str, path: str, /) -> bytes | None:
        """Content of an artifact; None where there is none of that path."""

    def image(self, run_id: str, name: str, step: int, /) -> bytes | None:
        """A picture as it was at a step; None where only the last one is kept."""

    def experiment_tags(self, experiment_id: str, /) -> dict[str, str]:
        """What was said of an experiment as a whole."""


def bundled_results(
    bundle: Bundle,
    only: Collection[str] | None = None,
    *,
    seeds: int | None = None,
    said: Mapping[str, str] | None = None,
) -> Results:
    """What a bundle holds of its own study; arguments as of ``tracked_results``."""
    identity = bundle.study.identity
    return tracked_results(bundle, identity, identity.key, only, seeds=seeds, said=said)


def tracked_results(
    store: Source,
    identity: Identity,
    experiment_id: str,
    only: Collection[str] | None = None,
    *,
    seeds: int | None = None,
    said: Mapping[str, str] | None = None,
) -> Results:
    """What a store holds of a study, grouped as reports do; of the runs ``only`` where given.

    Curves and pictures are read when a figure asks for them. What is ``said`` of the study as a
    whole stands before what the store says.

    Raises:
        UsageError: There is no run.
    """
    records = store.records(experiment_id)
    chosen = [record for record in records if only is None or record.run_id in only]
    told = store.experiment_tags(experiment_id)
    facts = {k: v for k, v in told.items() if k.startswith("bench.") and k != OWNER} | dict(
        said or {}
    )
    if seeds is not None and SEEDS in facts:
        planned = (int(n) for n in facts[SEEDS].split(",") if n.isdecimal())
        facts[SEEDS] = ",".join(str(min(n, seeds)) for n in planned)
    if page := run_page(store.uri, experiment_id, ""):
        facts[RUN_PAGES] = page
    return read_results(
        store.plan(identity),
        identity,
        chosen if seeds is None else _first_seeds(chosen, seeds),
        cache(partial(_picture, store)),
        facts=facts,
        curves=_read_once(store.histories),
    )


def _picture(store: Source, run_id: str, picture: str) -> bytes | None:
    """The last picture of a name, or with ``@24000`` that of a step."""
    name, _, step = picture.partition("@")
    return (
        store.image(run_id, name, int(step))
        if step
        else store.artifact(run_id, f"pictures/{name}.png")
    )


def with_siblings(source: Source, results: Results) -> Results:
    """The same, with what the source's other studies of the same data set hold as a fact."""
    mine = results.identity
    found = {e.identity: e.id for e in source.experiments() if e.identity and e.identity != mine}
    others = []
    for identity, experiment in sorted(found.items(), key=lambda pair: pair[0].key):
        if identity.dataset == mine.dataset:
            with contextlib.suppress(UsageError):  # no runs yet, or its study file is gone
                others.append(tracked_results(source, identity, experiment))
    return replace(results, facts={**results.facts, **fact(results, others)})


def _first_seeds(records: Sequence[RunRecord], number: int) -> list[RunRecord]:
    """Without the runs of later seeds; baselines, trials and images made elsewhere stay."""
    later: set[tuple[str, int]] = set()
    for role in ("run", CONFIRM):
        seeds = sorted({RecordedRun(r).seed for r in records if r.about.role == role})
        later |= {(role, seed) for seed in seeds[number:]}
    return [r for r in records if (r.about.role, RecordedRun(r).seed) not in later]


def _read_once(read: Curves) -> Curves:
    """Keeps what was read: several figures show one curve."""
    known: dict[str, dict[str, Sequence[Point]]] = {}

    def curves(run_ids: Sequence[str], name: str) -> Mapping[str, Sequence[Point]]:
        there = known.setdefault(name, {})
        if missing := [run_id for run_id in run_ids if run_id not in there]:
            there.update({run_id: [] for run_id in missing} | dict(read(missing, name)))
        return {run_id: there[run_id] for run_id in run_ids}

    return curves
