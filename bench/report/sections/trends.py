"""How each family follows the study's x factor, and whether the families follow it alike."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from bench.plan.study import DISTANCE
from bench.report.sections.comparisons import metric_of
from bench.results.decisions import ALPHA
from bench.results.facts import arm_runs, budget
from bench.results.format import MISSING, p_value, share, significant, table
from bench.results.numbers import Results, short
from bench.results.runs import Place, Run
from bench.stats.tests import SEEDS_FOR_INTERVAL, holm
from bench.stats.trend import LEVELS_FOR_TREND, Trend, trend


@dataclass(frozen=True)
class Measure:
    """What is followed along x.

    Attributes:
        title: Its name in the table.
        of: Run to its value, or None.
        lost: Where a run without a value ranks; None where it is left out.
    """

    title: str
    of: Callable[[Run], float | None]
    lost: float | None = None


@dataclass(frozen=True)
class Curve:
    """One family along x by one measure.

    Attributes:
        arm: The family.
        measure: What is followed.
        means: Level of x, as text, to the mean of the runs that have a value; in x's order.
        runs: Number of runs, lost ones where they rank.
        trend: The rank correlation; None below three seeds or levels, or where nothing differs.
        p: Its p, Holm-corrected over the families; None with it.
        p_levels: p of no difference between the levels, corrected in the same way.
    """

    arm: str
    measure: Measure
    means: tuple[tuple[str, float], ...]
    runs: int
    trend: Trend | None = None
    p: float | None = None
    p_levels: float | None = None

    @property
    def shape(self) -> str:
        """What the means do along x; a description and no test."""
        steps = [b > a for (_, a), (_, b) in pairwise(self.means) if a != b]
        turns = tuple(b for i, b in enumerate(steps) if i == 0 or b != steps[i - 1])
        return _SHAPES.get(turns, "turns more than once")


_SHAPES: dict[tuple[bool, ...], str] = {
    (): "is constant",
    (False,): "falls",
    (True,): "rises",
    (False, True): "falls, then rises",
    (True, False): "rises, then falls",
}
"""Whether each run of steps rises, to words."""


def trends(results: Results) -> str:
    """A row for each measure and family along x; empty without an x factor of three numbers."""
    text = trend_table(results, [along(results, measure) for measure in measures(results)])
    return f"{text}\n\n{_notes(results)}" if text else ""


def trend_table(results: Results, groups: Sequence[Sequence[Curve]]) -> str:
    """A row for each curve; empty without any."""
    x = short(results.study.x or "")
    rows = [_row(curve) for curves in groups for curve in curves]
    header = [
        *("measure", "family", "runs", f"rank correlation with {x} [95 %, approximate]"),
        *("p (Holm)", "p (any level, Holm)", f"lowest mean, at {x}", f"highest mean, at {x}"),
        "the mean along it",
    ]
    return table(header, rows, left=2) if rows else ""


def _notes(results: Results) -> str:
    x = short(results.study.x or "")
    return (
        f"After {budget(arm_runs(results))} real images per run: what is learnt by then, since "
        f"another {x} may need more of them. Spearman's correlation over all runs, negative where "
        f"values fall as {x} rises, interval after Bonett and Wright; p from 9,999 random "
        "permutations within seeds (with more than 200 runs by formula), of no correlation and of "
        "no difference between any levels, each corrected over the families of its measure. A run "
        "without a value ranks as the worst of a distance or a bound and is left out elsewhere. "
        "The last column describes the means and tests nothing."
    )


def measures(results: Results) -> list[Measure]:
    """The headline distance, then ELBOs, active units and whatever else is declared."""
    declared = [(p.measure, p.better) for p in results.study.planned if p.measure != DISTANCE]
    others = {metric_of(results, name): better for name, better in declared}
    elbos = {f"test/{name}": "higher" for name in results.elbos}
    worst = {"lower": math.inf, "higher": -math.inf}
    return [
        headline(results),
        *(_tracked(name, worst[better]) for name, better in {**elbos, **others}.items()),
        _tracked("test/active_units", None),
    ]


def headline(results: Results) -> Measure:
    """The test distance."""
    return _tracked(results.headline, math.inf)


def _tracked(metric: str, lost: float | None) -> Measure:
    title = f"{metric.partition('/')[0]} `{metric.partition('/')[2]}`"
    return Measure(title, lambda run: run.value(metric), lost)


def along(results: Results, measure: Measure) -> list[Curve]:
    """Each family that has the measure, its p corrected over all of them."""
    found = [curve for arm in results.arms if (curve := _curve(results, arm, measure))]
    known = [curve.trend for curve in found if curve.trend]
    p = iter(holm([t.p for t in known]))
    p_levels = iter(holm([t.p_levels for t in known]))
    return [
        Curve(c.arm, measure, c.means, c.runs, c.trend, next(p), next(p_levels)) if c.trend else c
        for c in found
    ]


def _curve(results: Results, arm: str, measure: Measure) -> Curve | None:
    """Not corrected; None where x is no number or has two levels, or no run has a value."""
    points: list[tuple[float, float, int]] = []
    means = []
    for x, place in results.along_x(arm):
        level = _number(x)
        if level is None:
            return None
        values = _values(place, measure)
        points += [(level, value, seed) for seed, value in values.items()]
        finite = [value for value in values.values() if math.isfinite(value)]
        if finite:
            means.append((level, str(x), math.fsum(finite) / len(finite)))
    if not means or len(results.along_x(arm)) < LEVELS_FOR_TREND:
        return None
    levels, values_, seeds = (list(each) for each in zip(*points, strict=True))
    few = len(set(seeds)) < SEEDS_FOR_INTERVAL or len(means) < LEVELS_FOR_TREND
    found = None if few else trend(levels, values_, seeds)
    return Curve(arm, measure, tuple((name, m) for _, name, m in sorted(means)), len(points), found)


def _values(place: Place, measure: Measure) -> dict[int, float]:
    """One value per seed; that of a lost run where it ranks."""
    values = {}
    for run in place.runs:
        value = measure.lost if run.is_lost else measure.of(run)
        if value is not None:
            values[run.seed] = value
    return values


def _number(x: object) -> float | None:
    try:
        return float(str(x))
    except ValueError:
        return None


def _row(curve: Curve) -> list[str]:
    low, high = (end(curve.means, key=lambda pair: pair[1]) for end in (min, max))
    ends = [f"{significant(mean)}, {level}" for level, mean in (low, high)]
    start = [curve.measure.title, f"`{curve.arm}`", str(curve.runs)]
    if curve.trend is None or curve.p is None or curve.p_levels is None:
        return [*start, *[MISSING] * 3, *ends, curve.shape]
    p = [p_value(value).removeprefix("p = ").removeprefix("p ") for value in _ps(curve)]
    return [*start, correlation(curve.trend), *p, *ends, curve.shape]


def _ps(curve: Curve) -> tuple[float, float]:
    return curve.p or 0.0, curve.p_levels or 0.0


def correlation(found: Trend) -> str:
    """``-0.72 [-0.90, -0.33]``."""
    return f"{share(found.rho)} [{share(found.low)}, {share(found.high)}]"


def trend_sentence(results: Results, curve: Curve) -> str:
    """What the headline distance does along x, in words; empty where it was not tested."""
    found, p, p_levels = curve.trend, curve.p, curve.p_levels
    if found is None or p is None or p_levels is None:
        return ""
    x = short(results.study.x or "")
    start = f"`{curve.arm}`: after {budget(arm_runs(results))} images the test distance"
    rho = f"rank correlation {correlation(found)}"
    if p < ALPHA:
        direction = "falls" if found.rho < 0 else "rises"
        return f"{start} {direction} with {x} ({rho}, {p_value(p)}){_turn(curve, x)}."
    if p_levels < ALPHA:
        return (
            f"{start} differs between values of {x} ({p_value(p_levels)}) but shows no single direction "
            f"({rho}, {p_value(p)}): its mean {curve.shape}."
        )
    return (
        f"{start} has no trend along {x} at this number of seeds "
        f"({rho}, {p_value(p)}; any difference between values: {p_value(p_levels)})."
    )


def _turn(curve: Curve, x: str) -> str:
    """That the lowest mean lies inside of the range or against the trend; else empty."""
    if curve.trend is None:
        return ""
    end = curve.means[-1 if curve.trend.rho < 0 else 0][0]
    lowest = min(curve.means, key=lambda pair: pair[1])[0]
    if lowest == end:
        return ""
    return (
        f"; its lowest mean is at {x} {lowest}, not at {end}, and whether it turns there is not "
        "tested"
    )
