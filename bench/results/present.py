"""Which runs have the settings that their study has at present: others never stand beside them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache

from bench.config import digest
from bench.errors import UsageError
from bench.plan.study import Cell, Identity, Study
from bench.results.format import plural
from bench.results.runs import PRECISION, RecordedRun, plain

PRESENT = "bench.settings"
"""Fact: arm or baseline to the digest of the settings that its runs were last planned with."""

_MOST, _SOME = 4, 20
"""Settings that a sentence names, and runs that it takes them from."""

_APART = ("train.seed", "data.dataset", PRECISION)
"""What is no setting of an arm: which run it is, which study, and what cells see to themselves."""


def settings_digest(cell: Cell, params: Mapping[str, str], study: Study) -> str:
    """Of the settings that all runs of a cell's arm share: without factors, seed and precision."""
    varied = _varied(cell, study)
    return digest({k: v for k, v in params.items() if not _is_one_of(k, varied)})


def of_present_settings(
    study: Study, identity: Identity, runs: Sequence[RecordedRun], facts: Mapping[str, str]
) -> tuple[list[RecordedRun], list[RecordedRun]]:
    """The runs of the settings that the study has at present, and the others.

    These settings were recorded when the study was last begun, in ``facts``; where they were not,
    they are what the study says. While no run has them, those that are there stay, if all of an
    arm are alike.

    Raises:
        UsageError: Runs of an arm have several settings, and nothing says which count.
    """
    cells = {cell.arm: cell for cell in reversed(study.cells(identity.tier))}
    planned = _read(facts.get(PRESENT, ""))

    def is_other(run: RecordedRun) -> bool:
        if run.arm not in cells:
            return False
        cell = cells[run.arm]
        if run.arm in planned:
            return settings_digest(cell, run.record.params, study) != planned[run.arm]
        return _contradicts(run, cell, study, identity)

    others = {id(run) for run in runs if is_other(run)}
    compared = [run for run in runs if run.arm in cells and not cells[run.arm].baseline]
    if all(id(run) in others for run in compared):  # the study was edited, and not begun since
        planned, others = {}, set()
    for arm in cells.keys() - planned.keys():
        alike = [run for run in runs if run.arm == arm and id(run) not in others]
        others |= {id(run) for run in _older(alike, cells[arm], study, identity)}
    return [r for r in runs if id(r) not in others], [r for r in runs if id(r) in others]


def former_said(former: Sequence[RecordedRun], present: Sequence[RecordedRun]) -> str:
    """How many runs of other settings are left out, and what they have; empty without any.

    Args:
        former: Those.
        present: The runs that are used.
    """
    if not former:
        return ""
    some = former[:_SOME]
    found = dict.fromkeys(text for run in some for text in _least_differing(run, present))
    said = f" ({', '.join(list(found)[:_MOST])})" if found else ""
    return (
        f"{plural(len(former), 'run')} of other settings than the study's present ones "
        f"{'is' if len(former) == 1 else 'are'} left out{said}"
    )


def _least_differing(run: RecordedRun, others: Sequence[RecordedRun]) -> list[str]:
    """How a run differs from that of its arm which is most like it."""
    found = [differing(run, other) for other in others if other.arm == run.arm]
    return min(found, key=len, default=[])


def differing(run: RecordedRun, other: RecordedRun) -> list[str]:
    """``train.num_images 12000``: the settings of a run that another has otherwise, but for its seed."""
    mine, theirs = run.record.params, other.record.params
    keys = sorted({*mine, *theirs} - {*_APART})
    return [f"{k} {mine.get(k, 'unset')}" for k in keys if mine.get(k) != theirs.get(k)]


def _older(
    runs: Sequence[RecordedRun], cell: Cell, study: Study, identity: Identity
) -> list[RecordedRun]:
    """Those of an arm that an older version made with other settings than a newer one did."""
    kinds: dict[str, list[RecordedRun]] = {}
    for run in runs:
        kinds.setdefault(settings_digest(cell, run.record.params, study), []).append(run)
    if len(kinds) < 2:
        return []
    newest = max(map(_version, runs))
    last = [kind for kind, each in kinds.items() if newest in map(_version, each)]
    if len(last) == 1:
        return [run for kind, each in kinds.items() if kind != last[0] for run in each]
    first, second = (each[0] for each in list(kinds.values())[:2])
    varied = _varied(cell, study)
    said = [
        text
        for pair in ((first, second), (second, first))
        for text in differing(*pair)
        if not _is_one_of(text.partition(" ")[0], varied)
    ]
    raise UsageError(
        f"runs of '{cell.arm}' are of {len(kinds)} kinds of settings ({', '.join(said[:_MOST])}), which "
        "stand in no comparison together, and none is known to be of the study's present ones: bench "
        f"run {identity.flags()} makes what is missing, and records which these are"
    )


def _contradicts(run: RecordedRun, cell: Cell, study: Study, identity: Identity) -> bool:
    """Whether a run has something otherwise that the study says of its arm, factors apart."""
    said = {**cell.settings, **identity.overrides}
    varied = _varied(cell, study)
    return any(
        not _is_one_of(key, varied)
        and (there := run.param(key)) is not None
        and plain(there) != plain(value)
        for key, value in said.items()
    )


def _varied(cell: Cell, study: Study) -> frozenset[str]:
    """Keys of what differs between runs of one arm."""
    width = {"model.width"} if study.hold_parameters else set()
    return frozenset({*_APART, *cell.factors, *study.spaces.get(cell.arm, ()), *width})


@cache
def _is_one_of(key: str, names: frozenset[str]) -> bool:
    """Whether a key is among them, however either is spelled."""
    return any(key == n or key.endswith(f".{n}") or n.endswith(f".{key}") for n in names)


def _version(run: RecordedRun) -> tuple[int, ...]:
    return tuple(int(n) for n in re.findall(r"\d+", run.tags.bench_version))


def _read(text: str) -> dict[str, str]:
    """Nothing of a tag that somebody has edited."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}
