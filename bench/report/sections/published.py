"""Numbers of publications beside ours: what each is worth, by the budget, the seeds and the interval."""

from __future__ import annotations

from collections.abc import Sequence

from bench.report.sections import section
from bench.results.decisions import metric_of
from bench.results.format import (
    MISSING,
    code,
    join,
    measured,
    plural,
    prose,
    shown,
    significant,
    table,
)
from bench.results.published import Reached, all_reached
from bench.results.results import Results

HEADER = ["of", "measure", "source", "theirs", "ours", "verdict"]


@section("Published numbers beside ours", after="Theirs beside ours", level=3)
def published_numbers(results: Results) -> str:
    """The table of this data set; empty for a study that is to reach no number."""
    found = [one for one in all_reached(results) if one.is_comparable]
    if not found:
        return ""
    rows = [beside_ours(results, one) for one in found]
    note = (
        "A number is called reproduced by three runs or more that did not collapse and that saw as "
        "many images as theirs, where the whole 95 % interval of ours is as near as is allowed; "
        "before that the two are not comparable, and the row says how far ours is."
    )
    return "\n\n".join([table(HEADER, rows, left=6), protocols(found), note])


def beside_ours(results: Results, one: Reached) -> list[str]:
    """A row of ``HEADER``."""
    return [
        code(one.published.arm),
        code(one.metric.partition("/")[2]),
        prose(one.published.source.partition(",")[0]),
        theirs(one),
        "; ".join([ours(one), *_beside(results, one)]),
        verdict(one),
    ]


def protocols(found: Sequence[Reached]) -> str:
    """A list of how the numbers were measured, and of what differs here, each way once."""
    arms: dict[tuple[str, str, str], list[str]] = {}
    for one in found:
        theirs = one.published
        arms.setdefault((theirs.source, theirs.protocol, theirs.differs), []).append(theirs.arm)
    return "\n".join(
        f"- {prose(source)}, of {join([code(arm) for arm in dict.fromkeys(names)])}: {prose(protocol)}."
        + (f" Here: {prose(differs)}." if differs else "")
        for (source, protocol, differs), names in arms.items()
    )


def _beside(results: Results, one: Reached) -> list[str]:
    """Other values of the same runs."""
    said = []
    for name in one.published.beside:
        metric = metric_of(results, name)
        values = [value for run in one.runs if (value := run.value(metric)) is not None]
        if values:
            said.append(
                f"{code(metric.partition('/')[2])} {significant(sum(values) / len(values))}"
            )
    return said


def theirs(one: Reached) -> str:
    """``6.3 ± 0.5``."""
    published = one.published
    if one.target is None:
        return MISSING
    if published.against:
        return f"{shown(one.metric, one.target)} ({code(published.against)})"
    spread = "" if published.spread is None else f" ± {published.spread:g}"
    return f"{published.value:g}{spread}"


def ours(one: Reached) -> str:
    """The mean with its interval."""
    return measured(one.metric, one.values, most=one.most) if one.values else MISSING


def verdict(one: Reached) -> str:
    """From how far ours is off, with how many runs, at which share of their images."""
    if one.off is None:
        return "not run yet"
    if not one.is_comparable:
        return f"not comparable: theirs is of {prose(one.published.dataset)}"
    within = f"{one.published.within:g}"
    side = "above" if one.off > 0 else "below"
    apart = f"{significant(abs(one.off), 2)} {side} theirs" if one.off else "the same as theirs"
    if not one.is_whole:
        return f"not comparable yet: {apart} after {percent(one.share or 0)} of their images"
    close = abs(one.off) <= one.published.within
    if not one.can_be_judged:
        said = "within" if close else "more than"
        return f"no verdict{_too_few(one)}: {apart}, {said} {within}"
    told = {True: "reproduced", False: "not reproduced", None: "undecided"}[one.is_near]
    return f"{told}: {apart}{_reach(one)}, where {within} is allowed"


def _too_few(one: Reached) -> str:
    """How many runs there are that did not collapse, and how many did."""
    number = len(one.runs)
    if one.num_sound == number:
        return f" of {plural(number, 'run')}"
    if one.num_sound == 0:
        return f", its {plural(number, 'run')} collapsed"
    return f", {number - one.num_sound} of {plural(number, 'run')} collapsed"


def _reach(one: Reached) -> str:
    """The interval of our mean less theirs, where it decides nothing."""
    between = one.interval
    if one.is_near is not None or between is None or between.low is None or between.high is None:
        return ""
    return f" [{significant(between.low, 2)}, {significant(between.high, 2)}]"


def percent(share: float) -> str:
    """``1.2 %``."""
    return f"{significant(100 * share, 2)} %"
