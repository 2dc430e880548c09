"""Runs that came as a bundle, taken into a study: as if they had been run in its folder.

Each gets the folder that its configuration and seed have here, with its journal and its result, and
from there the store is told as of any other run: so the same run is taken once, the study goes on
where others have left it, and a merge that was killed continues. There is no checkpoint.
"""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.errors import UsageError
from bench.files import made_folder
from bench.records import CONTESTED, OWNER, RunRecord, TrialResult
from bench.study.plan import StudyPlan
from bench.study.tracked import TrackedStudy
from bench.tracking.bundle import Bundle
from bench.tracking.delivery import JOURNAL_TAG, PLACED
from bench.tracking.entries import FAILED, FINISHED, About, Entry, keep_picture
from bench.tracking.experiments import IDENTITY, NAME
from bench.tracking.journal import write_journal
from bench.training.checkpoint import LAST, load_result, save_result

_NAME = re.compile("[0-9A-Za-z][0-9A-Za-z_-]*")
"""What a folder may be called that somebody else has named."""


@dataclass(frozen=True, kw_only=True)
class _Arrival:
    """A run as it came."""

    record: RunRecord
    bundle: Bundle
    about: About
    result: TrialResult


@dataclass
class Merged:
    """What became of a bundle's runs.

    Attributes:
        added: Folders of those that came in.
        known: Those that were there with the same values.
        contested: Those whose place has other values: that which was there counts, both are kept.
        left_out: Run ids of those that have not ended, are begun here, or take no place in a study:
            what a search superseded, runs measured again, images made elsewhere.
    """

    added: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    contested: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def require_whole(bundle: Bundle) -> None:
    """Reads all of a bundle, so that nothing is merged where a part of it means nothing.

    Raises:
        UsageError: Some of it cannot be read, or a run has no place that could be its own.
    """
    for record in bundle.records(bundle.study.identity.key):
        bundle.curves(record.run_id)
        if not _NAME.fullmatch(record.run_id) or not _NAME.fullmatch(_folder(record) or "none"):
            raise UsageError(
                f"'{bundle.uri}' holds a run that names no folder of a study "
                f"({record.about.folder!r}): make it again with `bench bundle`"
            )


def merge(bundle: Bundle, tracked: TrackedStudy) -> Merged:
    """Takes a bundle's own study into that of the same identity, which nobody else may be running.

    The store is told by ``TrackedStudy.deliver``.

    Args:
        bundle: Of one study, looked through by ``require_whole``.
        tracked: The study here.
    """
    plan, merged = tracked.plan, Merged()
    tracked.describe(_facts(bundle, tracked))
    labels = {run.key: run.label for run in plan.everything()}
    for record in bundle.records(plan.identity.key):
        key = _folder(record)
        if not record.finished or record.about.role not in PLACED or not key:
            merged.left_out.append(record.run_id)
            continue
        label = labels.get(key) or f"{record.about.family} seed={record.about.seed}"
        about, result = _about(record, bundle, plan, label), record.about.result(record.metrics)
        run = _Arrival(record=record, bundle=bundle, about=about, result=result)
        there = load_result(plan.folder / key)
        if there is None and (plan.folder / key / LAST).exists():
            merged.left_out.append(record.run_id)
        elif there is None:
            _write(plan.folder / key, run)
            merged.added.append(key)
        elif _same(there, result):
            merged.known.append(key)
        else:
            _contest(plan, key, run)
            merged.contested.append(key)
    return merged


def _facts(bundle: Bundle, tracked: TrackedStudy) -> dict[str, str]:
    """What is said of the study as a whole there and not yet here; whose it is, is said here."""
    known = tracked.store.experiment_tags(tracked.experiment_id).keys() | {OWNER, NAME}
    theirs = {key: text for key, text in bundle.study.tags.items() if key not in known}
    return {**theirs, IDENTITY: tracked.plan.identity.model_dump_json()}


def _folder(record: RunRecord) -> str:
    """Name of its folder within the study's; empty where it had none."""
    return Path(record.about.folder).name


def _about(record: RunRecord, bundle: Bundle, plan: StudyPlan, label: str) -> About:
    own = {key: text for key, text in record.tags.items() if key != JOURNAL_TAG}
    came = record.about.came_in or f"{bundle.digest[:12]}/{record.run_id}"
    tags = {**own, "folder": f"{plan.folder.name}/{_folder(record)}", "came_in": came}
    return About(experiment=plan.identity.key, name=label, params=record.params, tags=tags)


def _contest(plan: StudyPlan, key: str, run: _Arrival) -> None:
    """Keeps beside a run one of the same configuration and seed with other values."""
    about, came = run.about, run.about.tags["came_in"]
    folder = plan.folder / f"{CONTESTED}-{came.replace('/', '-')}"
    if load_result(folder) is None:
        place = f"{plan.folder.name}/{folder.name}"
        tags = {"folder": place, "role": CONTESTED, "contests": f"{plan.folder.name}/{key}"}
        _write(folder, replace(run, about=replace(about, tags={**about.tags, **tags})))


def _write(folder: Path, run: _Arrival) -> None:
    """The journal first: with its result a run is finished."""
    made_folder(folder)
    write_journal(folder, run.about, _told(folder, run))
    save_result(folder, run.result)


def _told(folder: Path, run: _Arrival) -> Iterator[Entry]:
    """What a run told, by images seen; its pictures are those of the end."""
    record, bundle, now = run.record, run.bundle, int(time.time() * 1000)
    curves = {
        name: bundle.curves(record.run_id).get(name) or [(0, value)]
        for name, value in record.metrics.items()
    }
    steps: dict[int, dict[str, float]] = defaultdict(dict)
    for name, points in curves.items():
        for step, value in points:
            steps[step][name] = value
    last = max(steps, default=0)
    steps[last] |= run.result.shown
    for step in sorted(steps):
        yield Entry(at=now, step=step, metrics=steps[step])
    for file in bundle.pictures(record.run_id):
        if (png := bundle.artifact(record.run_id, file)) and _NAME.fullmatch(Path(file).stem):
            keep_picture(folder, Path(file).stem, last, png)
            yield Entry(at=now, step=last, picture=Path(file).stem)
    yield Entry(at=now, state=FAILED if run.result.status == "failed" else FINISHED)


def _same(a: TrialResult, b: TrialResult) -> bool:
    """Whether two runs of one configuration and seed ended alike, but for what it took."""
    return (a.status, _values(a.metrics)) == (b.status, _values(b.metrics))


def _values(metrics: Mapping[str, float]) -> dict[str, str]:
    """As text, in which NaN is NaN."""
    return {k: repr(float(v)) for k, v in metrics.items() if not k.startswith("cost/")}
