"""Which families cover the modes that the data are known to have: an answer where these are the question."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bench.measures import MeasureName, largest
from bench.results.format import code, count, join, measured, shown
from bench.results.results import Results
from bench.results.runs import CellRuns


def modes_covered(results: Results) -> str:
    """``all 8 modes are covered at every seed by ...``; empty where the modes are not known."""
    covered, good = _measure(results, "covered"), _measure(results, "good")
    if not covered or not good:
        return ""
    known = [place for place in results.chosen_cells if place.values(covered)]
    most = max((place.most(covered) for place in known), default=0.0)
    if not known or math.isinf(most):
        return ""
    all_of = [p for p in known if min(p.values(covered)) >= most and not p.num_lost]
    modes, is_alone = f"{count(most)} modes", max(len(p.values(covered)) for p in known) == 1
    every, some = ("at the only seed", "there") if is_alone else ("at every seed", "at some seed")
    if len(all_of) == len(known):
        return f"all {modes} are covered by every family {every} ({_good(all_of, good)})"
    if all_of:
        rest = len(known) - len(all_of)
        others = "other family misses" if rest == 1 else f"{count(rest)} other families miss"
        names = f"{join([code(p.arm) for p in all_of])} {every} ({_good(all_of, good)})"
        return f"all {modes} are covered by {names}; the {others} one or more {some}"
    best = max(known, key=lambda place: place.mean(covered) or 0.0)
    value = measured(covered, best.values(covered), most=most).partition(" §")[0]
    return (
        f"no family covers all {modes} {every}; the highest mean is that of {code(best.arm)}, "
        f"{value} ({_good([best], good)})"
    )


def _measure(results: Results, measure: str) -> str:
    """The test measure of that name at its largest number of samples; empty where there is none."""
    ends = [m for m in results.measured if (m.split, m.ending, m.measure) == ("test", "", measure)]
    names: Sequence[MeasureName] = largest(ends)
    return str(names[0]) if names else ""


def _good(places: Sequence[CellRuns], metric: str) -> str:
    """``0.87 of its samples lie at a mode``, of several in their order."""
    means = [mean for place in places if (mean := place.mean(metric)) is not None]
    whose = "its" if len(places) == 1 else "their"
    return f"{join([shown(metric, mean) for mean in means])} of {whose} samples lie at a mode"
