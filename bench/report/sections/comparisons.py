"""The declared comparisons of arms at their chosen cells, said in words."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bench.plan.study import DISTANCE
from bench.report.sections import section
from bench.report.sections._words import NOT_APART, would_show
from bench.results.decisions import ALPHA, Comparison, comparisons
from bench.results.format import (
    LOST_RUNS,
    MISSING,
    bare_p,
    by,
    code,
    effect,
    footnotes,
    join,
    p_value,
    plural,
    share,
    significant,
    size,
    table,
)
from bench.results.results import Results
from bench.stats.groups import SEEDS_FOR_BOOTSTRAP, smallest_p, smallest_sign_flip_p
from bench.stats.tests import Difference

OUT_OF_RANGE = "none in range"
CANNOT = "cannot reach it"


def verdict(comparison: Comparison) -> str:
    """A sentence, and others where runs were lost, or have no partner of their seed."""
    return " ".join(filter(None, [_said(comparison), _lost(comparison), _common(comparison)]))


def _said(comparison: Comparison) -> str:
    d, p = comparison.difference, comparison.p
    measure = comparison.pair.planned.measure
    start = "" if measure == DISTANCE else f"{code(measure)}: "
    pair = f"{start}{code(comparison.a)} and {code(comparison.b)}"
    if d is None or p is None:
        return f"{pair}: not compared, fewer than three seeds with a value."
    sure = certainty(comparison)
    if comparison.winner is not None:
        return f"{start}{ordered(comparison, d)} ({sure})."
    if p < ALPHA:
        return (
            f"{pair} differ by {significant(comparison.apart)}, less than the floor's spread "
            f"of {significant(comparison.pair.spread or 0)}: no difference{_among(comparison)}."
        )
    if comparison.pair.looks and comparison.excludes is not None:
        return (
            f"{pair}: no difference {excluded(comparison)} or more, which the interval excludes "
            f"({effect(d)}, {sure})."
        )
    return (
        f"{pair}: {NOT_APART} ({effect(d)}, {sure}), which is not that they are equal: "
        f"{would_show(d, comparison.least or 0.0)}."
    )


def certainty(comparison: Comparison) -> str:
    """``p = 0.009; 1 of 3 runs of `vae` collapsed``: what stands in brackets behind a difference."""
    said = [p_value(comparison.p or 0.0), collapses(comparison)]
    return "; ".join(filter(None, said))


def collapses(comparison: Comparison) -> str:
    """How many of the runs that are compared collapsed, of each arm of which some did; else empty."""
    groups = {comparison.a: comparison.pair.first, comparison.b: comparison.pair.second}
    said = [
        f"{g.num_collapsed} of {plural(len(g.values), 'run')} of {code(arm)}"
        for arm, g in groups.items()
        if g.num_collapsed
    ]
    return f"{join(said)} collapsed" if said else ""


def _among(comparison: Comparison) -> str:
    collapsed = collapses(comparison)
    return f" ({collapsed})" if collapsed else ""


def _least(comparison: Comparison) -> str:
    """The smallest difference, or ratio, that these seeds would have shown, for a column."""
    d, least = comparison.difference, comparison.least
    if d is None or least is None:
        return ""
    return OUT_OF_RANGE if least > d.most else size(d, least)


def excluded(comparison: Comparison) -> str:
    """``by a factor of 1.25``: what the interval holds no difference as large as."""
    size, d = comparison.excludes or 0.0, comparison.difference
    is_ratio = d is not None and d.is_ratio
    return (
        f"by a factor of {significant(math.exp(size))}" if is_ratio else f"of {significant(size)}"
    )


def ordered(comparison: Comparison, d: Difference) -> str:
    """``a`` is lower than ``b`` by so much: the better arm first."""
    best = comparison.winner or ""
    other = comparison.b if best == comparison.a else comparison.a
    return f"{code(best)} is {comparison.pair.planned.better} than {code(other)} {by(d)}"


def _lost(comparison: Comparison) -> str:
    """That the test of means speaks of runs with values only; empty where it speaks of all."""
    if comparison.difference is None:
        return ""
    groups = {comparison.a: comparison.pair.first, comparison.b: comparison.pair.second}
    lost = [
        f"{plural(g.num_lost, 'run')} of {code(arm)}" for arm, g in groups.items() if g.num_lost
    ]
    return f"Not in this test of means, for want of a value: {join(lost)}." if lost else ""


def _common(comparison: Comparison) -> str:
    """That a paired test leaves out the seeds that one of the two lacks; empty where it has all."""
    number = comparison.pair.num_common
    return f"Tested over the {number} seeds at which both have a value." if number else ""


@section("Comparisons", after="Families at their chosen cell", level=3)
def compared(results: Results) -> str:
    """What the study declares, decided at the chosen cells."""
    return comparison_table(comparisons(results))


def comparison_table(found: Sequence[Comparison]) -> str:
    """Differences with their intervals, p and what stands beside them; empty without any pair."""
    if not found:
        return ""
    header = [
        *("pair", "first against second [interval]", "p", "p (Holm)", "p (permutation)"),
        *("P(first better)", "detectable", "better"),
    ]
    text = table(header, [_row(comparison) for comparison in found])
    said = [_test_note(found), _apart_note(found), _looks_note(found), _beside_note(found)]
    notes = [*said, footnotes(text)]
    return f"{text}\n\n{' '.join(filter(None, notes))}"


def _row(comparison: Comparison) -> list[str]:
    planned, d, p = comparison.pair.planned, comparison.difference, comparison.p
    pair = f"{code(planned.a)} - {code(planned.b)}"
    if planned.measure != DISTANCE:
        pair += f", {code(planned.measure)}, {planned.better} is better"
    if comparison.pair.first.num_lost or comparison.pair.second.num_lost:
        pair += f" {LOST_RUNS}"
    if comparison.pair.is_paired:
        pair += ", paired"
    if number := comparison.pair.num_common:
        pair += f" over {number} common seeds"
    beside = [_permutation(comparison), _improvement(comparison)]
    if d is None or p is None:
        return [pair, *[MISSING] * 3, *beside, MISSING, "not compared: fewer than three seeds"]
    best = code(comparison.winner) if comparison.winner else "not told apart"
    told = best + _among(comparison)
    return [pair, effect(d), bare_p(d.p), bare_p(p), *beside, _least(comparison), told]


def _permutation(comparison: Comparison) -> str:
    if comparison.permutation is None:
        return CANNOT
    marks = [
        "by ranks" if comparison.permutation.is_of_ranks else "",
        "" if comparison.permutation.is_exact else "drawn",
    ]
    return " ".join(filter(None, [bare_p(comparison.permutation.p), *marks]))


def _improvement(comparison: Comparison) -> str:
    found = comparison.improvement
    if found is None:
        return MISSING
    if found.low is None or found.high is None:
        return share(found.probability)
    return f"{share(found.probability)} [{share(found.low)}, {share(found.high)}]"


def _test_note(comparisons: Sequence[Comparison]) -> str:
    return (
        "Test values, each family at its chosen cell; the distance where no other measure is named. "
        f"Holm's correction is over {plural(len(comparisons), 'comparison')}: those that the study "
        f"declares, else every pair of families by distance. {_test(comparisons)} so corrected alone "
        "decides what is better. First against second is the ratio of geometric means where × stands, else the "
        "difference of means; its interval is at the level of its step of the correction, 95 % or "
        "more, and excludes equal means just where the corrected p is below 0.05. Detectable is the "
        "smallest true difference or factor "
        "that these seeds would have shown with 80 % probability at the strictest step of the "
        f"correction, p below {significant(comparisons[0].threshold)}"
        f"{_range_note(comparisons)}."
    )


def _range_note(comparisons: Sequence[Comparison]) -> str:
    if all(_least(comparison) != OUT_OF_RANGE for comparison in comparisons):
        return ""
    return f"; {OUT_OF_RANGE} where it is more than the measure's range"


def _apart_note(comparisons: Sequence[Comparison]) -> str:
    """Which arms of one model are no pairs, for want of common seeds; empty where all are."""
    pairs = [c.pair for c in comparisons if c.pair.is_testable and not c.pair.is_paired]
    named = [f"{code(p.planned.a)} and {code(p.planned.b)}" for p in pairs if p.is_one_model]
    if not named:
        return ""
    return (
        f"Of one model but with fewer than three common seeds, and so by Welch's test: {'; '.join(named)} "
        "(a cell chosen among several counts by its fresh seeds, an arm's only cell by its own)."
    )


def _looks_note(comparisons: Sequence[Comparison]) -> str:
    """How the study grew; empty for one of a size that was chosen beforehand."""
    looks = comparisons[0].pair.looks
    if not looks:
        return ""
    n = max(len(g.values) + g.num_lost for c in comparisons for g in (c.pair.first, c.pair.second))
    seen = sum(look <= n for look in looks)
    return (
        f"Seeds came in batches until every comparison showed a difference or excluded one that matters: "
        f"{plural(seen, 'look')}, declared at {join(list(map(str, looks)))} seeds. The corrected p and the "
        "intervals hold for all of these looks together (one level at each, Pocock 1977)."
    )


def _test(comparisons: Sequence[Comparison]) -> str:
    if not any(c.pair.is_paired for c in comparisons):
        return "Welch's test"
    return (
        "Paired: the two are one model with other settings, whose runs of a seed share their start and "
        "the order of images, and Student's paired test takes that away. That test, elsewhere Welch's,"
    )


def _beside_note(comparisons: Sequence[Comparison]) -> str:
    groups = [g for c in comparisons for g in (c.pair.first, c.pair.second)]
    parts = [
        "P(first better) is the share of pairs of runs in which the first family's is better, ties "
        "half, a lost run worse than any value."
    ]
    if any(c.improvement and c.improvement.low is not None for c in comparisons):
        parts.append(f"Its bootstrap interval, from {SEEDS_FOR_BOOTSTRAP} seeds, is approximate.")
    n = max((len(g.values) + g.num_lost for g in groups), default=0)
    if any(c.permutation is None for c in comparisons):
        least = {c.pair.is_paired for c in comparisons if c.permutation is None}
        values = [
            f"{significant(of(n), 2)} with {n} {what}"
            for is_paired, of, what in (
                (False, lambda n: smallest_p(n, n), "runs a side"),
                (True, smallest_sign_flip_p, "pairs"),
            )
            if is_paired in least
        ]
        parts.append(
            f"Permutation p, uncorrected, {CANNOT} where its smallest possible value "
            f"({', '.join(values)}) is not below that step."
        )
    texts = " ".join(_permutation(c) for c in comparisons)
    if "ranks" in texts:
        parts.append("By ranks: rank sums, lost runs tied behind all others.")
    if "drawn" in texts:
        parts.append("Drawn: from 9,999 random splits, the same each time, instead of all.")
    return " ".join(parts)
