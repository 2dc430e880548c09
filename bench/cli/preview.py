"""What a study would run, before it runs: a table and a line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.cli.options import columns
from bench.config import Flat, RunConfig
from bench.plan.space import FINALIST, KNOWN, SETTINGS, Space
from bench.plan.study import Identity
from bench.records import Scalar
from bench.study.cells import matched_deviation
from bench.study.plan import PlannedRun, StudyPlan

if TYPE_CHECKING:
    import torch


def plan_line(
    identity: Identity, runs: Sequence[PlannedRun], seconds: float, *, done: int = 0
) -> str:
    """``depth_sweep (classroom) on digits: 48 runs, 540,000 images, about 5 min``.

    Where some are done: ``..., done: 40, to do: 8, about 45 s``.
    """
    images = sum(run.config.train.num_images for run in runs if not run.cell.baseline)
    trials = sum(run.stage == "trial" for run in runs)
    number = f"{trials} trials and {len(runs) - trials} runs" if trials else f"{len(runs)} runs"
    to_do = len(runs) - done
    state = f", done: {done}, to do: {to_do}" if done else ""
    about = f"about {duration(seconds)}" if to_do else "nothing would run"
    return (
        f"{identity.study} ({identity.tier}) on {identity.dataset}: {number}, "
        f"{images:,} images{state}, {about}"
    )


def plan_table(runs: Sequence[PlannedRun], spaces: dict[str, Space]) -> list[str]:
    """One line for each cell: its seeds or trials, images, and the settings in which cells differ.

    A trial's searched settings are shown as what they are chosen from.
    """
    cells: dict[str, list[PlannedRun]] = {}
    for run in runs:
        cells.setdefault(f"{run.role} {run.sampler} {run.name}", []).append(run)
    trained = [some[0] for some in cells.values() if not some[0].cell.baseline]
    differing = _differing([run.config.settings() for run in trained])
    rows = [("cell", "runs", "images", "settings that differ")]
    for some in cells.values():
        first = some[0]
        space = {} if first.cell.baseline else spaces.get(first.cell.arm, {})
        images = "-" if first.cell.baseline else f"{first.config.train.num_images:,}"
        name = f"{first.cell.arm} chosen" if first.confirms else first.name
        rows.append((name, _numbers(some), images, _settings(first, differing, space)))
    return columns(rows)


def matched_line(plan: StudyPlan) -> str:
    """How equal the numbers of parameters are, or an empty text where the study matches none."""
    reference = plan.study.hold_parameters
    if not reference:
        return ""
    share = matched_deviation(plan.study, plan.identity, plan.spec())
    return (
        f"width is chosen so that every cell has the parameters of {as_text(reference)}: "
        f"at most {share:.1%} from them"
    )


def as_text(values: dict[str, Scalar]) -> str:
    """``lr=0.002 depth=3``, without prefixes, numbers to four digits."""
    return " ".join(
        f"{key.rpartition('.')[2]}={value:.4g}"
        if isinstance(value, float)
        else f"{key.rpartition('.')[2]}={value}"
        for key, value in values.items()
    )


def _differing(flats: Sequence[Flat]) -> list[str]:
    """Keys that have more than one value among the configurations that have them."""
    values: dict[str, set[str]] = {}
    for flat in flats:
        for key, value in flat.items():
            values.setdefault(key, set()).add(str(value))
    apart = {"model", "train.seed"}
    return [key for key, found in values.items() if len(found) > 1 and key not in apart]


def _settings(run: PlannedRun, differing: Sequence[str], space: Space) -> str:
    if run.cell.baseline:
        return ""
    if run.confirms:
        return "of the lowest mean validation distance, on fresh seeds"
    # What the study did not set are the models' defaults, which `bench show MODEL` tells.
    settings = {**run.cell.settings, **run.cell.matched}
    said = [key for key in differing if key in settings and key not in space]
    fixed = as_text({key: run.config.settings()[key] for key in said})
    if run.stage == "run":
        known = run.cell.factors.get(SETTINGS) == KNOWN
        found = "known before the search" if known else "best of the search" if space else ""
        return " ".join(part for part in (fixed, found) if part)
    chosen = ", ".join(f"{key.rpartition('.')[2]} {found}" for key, found in space.items())
    return " ".join(part for part in (fixed, f"one of: {chosen}") if part)


def _numbers(runs: Sequence[PlannedRun]) -> str:
    """``seeds 0..2``, ``trials 0..11``, ``finalists 0..3`` or ``seed 0``."""
    trial = FINALIST if runs[0].is_finalist else "trial"
    kind = "seed" if runs[0].stage == "run" else trial
    found = sorted(run.number for run in runs)
    return f"{kind} {found[0]}" if len(found) == 1 else f"{kind}s {found[0]}..{found[-1]}"


def seconds_by_label(runs: Sequence[PlannedRun], device: torch.device) -> dict[str, float]:
    """Seconds per run by its label; runs that differ in their seed alone share one timing."""
    from bench.runtime import prepare
    from bench.training.forecast import seconds_per_run
    from bench.training.parts import reference_for

    prepare(threads=1)
    timed: dict[str, float] = {}
    for run in runs:
        if (key := _without_seed(run.config)) not in timed:
            timed[key] = seconds_per_run(run.config, reference_for(run.config, device))
    return {run.label: timed[_without_seed(run.config)] for run in runs}


def _without_seed(config: RunConfig) -> str:
    train = config.train.model_copy(update={"seed": 0})
    return config.model_copy(update={"train": train}).digest


def duration(seconds: float) -> str:
    """``45 s``, ``12 min`` or ``3.4 h``."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
