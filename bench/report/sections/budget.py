"""What was spent, and on what: images, seeds, runs, time."""

from __future__ import annotations

import math

from bench.dataset_names import short_name
from bench.report.origin import origin
from bench.report.sections import section
from bench.results.format import code, count, join, plural, prose, seconds, significant, span
from bench.results.results import Results
from bench.results.summary import completeness, tag_values

_HOUR, _MINUTE = 3_600, 60


@section("Budget", after="The scale of the distance", level=3)
def budget(results: Results) -> str:
    """One sentence on the images, one on the runs; of which commit they are, where that is clean."""
    if not results.arm_runs:
        return ""
    return " ".join(filter(None, [_images(results), _runs(results), origin(results)]))


def _images(results: Results) -> str:
    if not (images := results.budget()):
        return ""
    dataset = prose(short_name(results.identity.dataset))
    return f"{images} real images of {dataset} per run{epochs(results)}."


def _runs(results: Results) -> str:
    """``18 runs of 6 families on 3 seeds and 3 baselines, in training for 4.6 minutes on cpu.``"""
    seeds = completeness(results).seeds
    parts = [f"{plural(len(results.arm_runs), 'run')} of {_families(results)}"]
    if seeds:
        parts.append(f"on {plural(len(seeds), 'seed')}")
    if results.trials:
        parts.append(f"after {plural(len(results.trials), 'trial')} of a search")
    if results.baselines:
        parts.append(f"beside {plural(len(results.baselines), 'baseline')}")
    return f"{' '.join(parts)}{_time(results)}."


def _families(results: Results) -> str:
    number = len({run.arm for run in results.arm_runs})
    return "1 family" if number == 1 else f"{count(number)} families"


def _time(results: Results) -> str:
    """How long all of them trained, one after the other; empty where runs do not say it."""
    runs = [*results.arm_runs, *results.trials]
    known = [value for run in runs if (value := run.value("cost/train_seconds")) is not None]
    if not known:
        return ""
    devices = join([code(device) for device in tag_values(results.arm_runs, "device")])
    return (
        f"; {_duration(math.fsum(known))} of training in all{f' on {devices}' if devices else ''}"
    )


def _duration(total: float) -> str:
    if total >= _HOUR:
        return f"{total / _HOUR:.1f} hours"
    return f"{total / _MINUTE:.1f} minutes" if total >= _MINUTE else f"{seconds(total)} seconds"


def epochs(results: Results) -> str:
    """The budget as passes over the training images; empty of runs that do not say how many.

    Stacks that are drawn anew are passed over by none.
    """
    if any(run.param("data.stacks") != "fixed" for run in results.arm_runs):
        return ""
    sizes = tag_values(results.arm_runs, "train_images")
    budgets = [float(text) for run in results.arm_runs if (text := run.param("train.num_images"))]
    if len(sizes) != 1 or not budgets:
        return ""
    return f" ({span((b / int(sizes[0]) for b in budgets), lambda e: significant(e, 2))} epochs)"
