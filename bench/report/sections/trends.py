"""How each family follows the study's x factor, at the end and at half the budget; interactions."""

from __future__ import annotations

from collections.abc import Sequence

from bench.report.sections import section
from bench.results.blocks import Step, family_blocks, step_between
from bench.results.decisions import ALPHA
from bench.results.format import (
    MISSING,
    bare_p,
    code,
    count,
    effect,
    join,
    p_value,
    plural,
    prose,
    share,
    significant,
    table,
)
from bench.results.results import Results
from bench.results.trends import Curve, both_budgets, trends
from bench.results.variance import Crossing, crossings
from bench.stats.trend import Trend
from bench.stats.variance import Interaction


@section("Trends", after="Every cell", level=3)
def along_x(results: Results) -> str:
    """A row for each measure and family along x; empty without an x factor of three numbers."""
    text = trend_table(results, trends(results))
    return f"{text}\n\n{_notes(results)}" if text else ""


def trend_table(results: Results, groups: Sequence[Sequence[Curve]]) -> str:
    """A row for each curve; empty without any."""
    x = prose(results.x_name)
    rows = [_row(curve) for curves in groups for curve in curves]
    header = [
        *("measure", "family", "runs", f"rank correlation with {x} within seeds"),
        *(
            f"a step of {x} [95 %]",
            "p (Holm)",
            "p (any level, Holm)",
            f"lowest mean, at {x}",
            f"highest mean, at {x}",
        ),
        "the mean along it",
    ]
    return table(header, rows, left=2) if rows else ""


def _notes(results: Results) -> str:
    x = prose(results.x_name)
    return (
        f"After {results.budget()} real images per run: what is learnt by then, since "
        f"another {x} may need more of them. Spearman's correlation within each seed, the mean over "
        f"seeds, negative where values fall as {x} rises; from ten seeds with an approximate bootstrap "
        f"interval over seeds. A step: what one value of {x} more multiplies (×) or adds, by a straight "
        "line through each seed's runs, where a direction is told and the means do not turn; the interval is over seeds, which are "
        "the independent ones, and not corrected. p from 9,999 random permutations within seeds, of no correlation and of no "
        "difference between any levels, each corrected over the families of its measure. A run "
        "without a value ranks as the worst of a distance or a bound and is left out elsewhere. "
        "The last column describes the means and tests nothing."
    )


def _row(curve: Curve) -> list[str]:
    low, high = (end(curve.means, key=lambda pair: pair[1]) for end in (min, max))
    ends = [f"{significant(mean)}, {level}" for level, mean in (low, high)]
    start = [curve.series.title, code(curve.arm), str(curve.runs)]
    found = curve.trend
    if found is None:
        return [*start, *[MISSING] * 4, *ends, curve.shape]
    shown = (
        correlation(found),
        _step(curve, found) or MISSING,
        bare_p(found.p),
        bare_p(found.p_levels),
    )
    return [*start, *shown, *ends, curve.shape]


def correlation(found: Trend) -> str:
    """``-0.72``, from ten seeds ``-0.72 [-0.90, -0.33]``."""
    if found.low is None or found.high is None:
        return share(found.rho)
    return f"{share(found.rho)} [{share(found.low)}, {share(found.high)}]"


def _step(curve: Curve, found: Trend) -> str:
    """What a step along x does; empty where a line would mislead: no direction is told, or the means turn."""
    if found.step is None or found.p >= ALPHA or is_turned(curve, found):
        return ""
    return effect(found.step)


def is_turned(curve: Curve, found: Trend) -> bool:
    """Whether the lowest mean lies before the end that the trend falls to."""
    return curve.lowest != curve.means[-1 if found.rho < 0 else 0][0]


def after_lowest(results: Results, curve: Curve, found: Trend) -> tuple[str, int, int]:
    """Of a curve that turns: the level after the lowest mean in the trend's direction; how many of the common seeds rise there."""
    order = [level for level, _ in (curve.means if found.rho < 0 else curve.means[::-1])]
    after = order[order.index(curve.lowest) + 1]
    cells = {str(x): place.by_seed(results.test_metric) for x, place in results.along_x(curve.arm)}
    low, high = cells[curve.lowest], cells[after]
    common = low.keys() & high.keys()
    return after, sum(high[seed] > low[seed] for seed in common), len(common)


def told_steps(results: Results, arm: str) -> list[Step]:
    """The steps from level to level that a paired test tells."""
    steps = [s for one in family_blocks(results) if one.arm == arm for s in one.steps]
    return [step for step in steps if step.p < ALPHA]


def trend_sentence(results: Results, curve: Curve) -> str:
    """What the test distance does along x, in words; empty where it was not tested."""
    found, x = curve.trend, prose(results.x_name)
    if found is None:
        return ""
    p, p_levels = found.p, found.p_levels
    start = f"{code(curve.arm)}: after {results.budget()} images the test distance"
    rho = f"rank correlation {correlation(found)}"
    if p < ALPHA:
        step = _step(curve, found)
        rho = f"a step of {x}: {step}, {rho}" if step else rho
        direction = "falls" if found.rho < 0 else "rises"
        return f"{start} {direction} with {x} ({rho}, {p_value(p)}){_turn(results, curve, found)}."
    if p_levels < ALPHA:
        return (
            f"{start} differs between values of {x} ({p_value(p_levels)}) but shows no single direction "
            f"({rho}, {p_value(p)}): its mean {curve.shape}."
        )
    return (
        f"{start} has no trend along {x} that the ranks of so few seeds tell "
        f"({rho}, {p_value(p)}; any difference between values: {p_value(p_levels)}); its mean "
        f"{curve.shape}{_told(results, curve.arm)}."
    )


def _told(results: Results, arm: str) -> str:
    """The steps that are told seed by seed; empty without any."""
    steps = [
        f"from {s.before} to {s.after} {effect(s.difference)}, {p_value(s.p)}"
        for s in told_steps(results, arm)
    ]
    return f"; told seed by seed: {join(steps)}" if steps else ""


def _turn(results: Results, curve: Curve, found: Trend) -> str:
    """Whether the distance turns where its lowest mean lies inside of the range; else empty."""
    if not is_turned(curve, found):
        return ""
    after, rising, common = after_lowest(results, curve, found)
    x, end = prose(results.x_name), curve.means[-1 if found.rho < 0 else 0][0]
    lowest = f"its lowest mean is at {x} {curve.lowest}, not at {end}"
    step = step_between(results, curve.arm, curve.lowest, after)
    if step is None:
        return f"; {lowest}, and whether it turns there is not tested"
    d, p = step
    seeds = f"{count(rising)} of {count(common)} seeds rise"
    so_much = f"from {x} {curve.lowest} to {after} {effect(d)}, {p_value(p)}; {seeds}"
    if p < ALPHA and d.difference > 0:
        return f"; it turns at its lowest mean: {so_much}"
    return f"; {lowest}, but no turn there is told from chance ({so_much})"


@section("Trends at half the budget", after="Figures", level=3, reads_curves=True)
def half_trends(results: Results) -> str:
    """Trends of validation at half the budget and at all of it; empty without curves."""
    half, full = both_budgets(results)
    if not half or not full:
        return ""
    parts = [results.budget(part) for part in (0.5, 1)]
    moved = [_moved(results, a, b, parts) for b in full for a in half if a.arm == b.arm]
    said = "\n".join(f"- {text}" for text in moved)
    note = "Columns as under Trends. What moves between half and all of it may not be at its end."
    return f"{said}\n\n{trend_table(results, [half, full])}\n\n{note}"


def _moved(results: Results, half: Curve, full: Curve, parts: Sequence[str]) -> str:
    """Where the lowest mean lies at half the budget and at all of it."""
    start = (
        f"{code(full.arm)}: the lowest validation mean is at {prose(results.x_name)} {half.lowest}"
    )
    still = "still " if half.lowest == full.lowest else ""
    return f"{start} after {parts[0]} images and {still}at {full.lowest} after {parts[1]}."


@section("Interaction", after="Trends", level=3)
def interactions(results: Results) -> str:
    """A row for each pair of factors; empty where a study has no two that are crossed."""
    found = crossings(results)
    if not any(crossing.found for crossing in found):
        return ""
    header = ["factors", "runs", "F (df)", "p", "partial eta squared", "of"]
    lost = sum(crossing.lost for crossing in found)
    left_out = f" Left out for want of a value: {plural(lost, 'run')}." if lost else ""
    notes = (
        "Least squares over all runs, main effects against all cell means; on logarithms, so that "
        "families whose distances keep one ratio do not interact, and because the spread over "
        "seeds grows with the mean. What the runs of a family and seed share is taken away first, where "
        "none of them is missing. Partial eta squared is the interaction's share of what main "
        f"effects leave over.{left_out}"
    )
    said = " ".join(_crossing_sentence(one, one.found) for one in found if one.found)
    return f"{said}\n\n{table(header, map(_crossing_row, found))}\n\n{notes}"


def _crossing_row(crossing: Crossing) -> list[str]:
    of = "logarithm of the distance" if crossing.is_log else "distance (not positive throughout)"
    start = [f"{_pair(crossing, 'x')} {crossing.where}".strip(), count(crossing.runs)]
    found = crossing.found
    if found is None:
        return [*start, *[MISSING] * 3, of]
    ratio = f"{found.f:,.2f} ({found.df}, {found.df_rest})"
    return [*start, ratio, bare_p(found.p), share(found.share), of]


def _crossing_sentence(crossing: Crossing, found: Interaction) -> str:
    pair = _pair(crossing, "and")
    where = f" {crossing.where}" if crossing.where else ""
    if found.p < ALPHA:
        return f"{pair[0].upper()}{pair[1:]} interact{where}: what one does depends on the other."
    return f"No interaction of {pair}{where} is seen at this number of seeds."


def _pair(crossing: Crossing, word: str) -> str:
    return prose(f"{crossing.first} {word} {crossing.second}")
