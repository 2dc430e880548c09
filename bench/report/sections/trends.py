"""How each family follows the study's x factor, at the end and at half the budget."""

from __future__ import annotations

from collections.abc import Sequence

from bench.report.sections import section
from bench.results.decisions import ALPHA
from bench.results.format import MISSING, bare_p, p_value, share, significant, table
from bench.results.halfway import both_budgets
from bench.results.results import Results, short
from bench.results.summary import arm_runs, budget
from bench.results.trends import Curve, trends
from bench.stats.trend import Trend


@section("Trends", after="Every cell", level=3)
def along_x(results: Results) -> str:
    """A row for each measure and family along x; empty without an x factor of three numbers."""
    text = trend_table(results, trends(results))
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


def _row(curve: Curve) -> list[str]:
    low, high = (end(curve.means, key=lambda pair: pair[1]) for end in (min, max))
    ends = [f"{significant(mean)}, {level}" for level, mean in (low, high)]
    start = [curve.series.title, f"`{curve.arm}`", str(curve.runs)]
    if curve.trend is None or curve.p is None or curve.p_levels is None:
        return [*start, *[MISSING] * 3, *ends, curve.shape]
    p = [bare_p(value) for value in _ps(curve)]
    return [*start, correlation(curve.trend), *p, *ends, curve.shape]


def _ps(curve: Curve) -> tuple[float, float]:
    return curve.p or 0.0, curve.p_levels or 0.0


def correlation(found: Trend) -> str:
    """``-0.72 [-0.90, -0.33]``."""
    return f"{share(found.rho)} [{share(found.low)}, {share(found.high)}]"


def trend_sentence(results: Results, curve: Curve) -> str:
    """What the test distance does along x, in words; empty where it was not tested."""
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


@section("Trends at half the budget", after="Figures", level=3, reads_curves=True)
def half_trends(results: Results) -> str:
    """Trends of validation at half the budget and at all of it; empty without curves."""
    half, full = both_budgets(results)
    if not half or not full:
        return ""
    parts = [budget(arm_runs(results), part) for part in (0.5, 1)]
    moved = [_moved(results, a, b, parts) for b in full for a in half if a.arm == b.arm]
    said = "\n".join(f"- {text}" for text in moved)
    note = "Columns as under Trends. What moves between half and all of it may not be at its end."
    return f"{said}\n\n{trend_table(results, [half, full])}\n\n{note}"


def _moved(results: Results, half: Curve, full: Curve, parts: Sequence[str]) -> str:
    """Where the lowest mean lies at half the budget and at all of it."""
    x = short(results.study.x or "")
    first, last = (min(c.means, key=lambda pair: pair[1])[0] for c in (half, full))
    start = f"`{full.arm}`: the lowest validation mean is at {x} {first} after {parts[0]} images"
    return f"{start} and {'still ' if first == last else ''}at {last} after {parts[1]}."
