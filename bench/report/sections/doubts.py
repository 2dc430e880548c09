"""What speaks for and against an answer: whether families still learnt, and orders by other measures."""

from __future__ import annotations

from collections.abc import Sequence

from bench.report.sections import section
from bench.results.format import code, count, join, span
from bench.results.learning import learning_unknown, progress, still_learning
from bench.results.results import Results
from bench.results.robustness import Agreement, View, headline_order, views

MOST_NAMED = 3
"""Families that a sentence of the first screen names; of more it says how many."""

_SAYS: dict[Agreement, str] = {
    "same": "is the same",
    "beyond": "is another beyond the spread of the seeds",
    "within": "is another, which the seeds do not tell from it,",
}


@section("Whether the answer holds", after="Findings", level=3)
def holds(results: Results) -> str:
    """What the last half of the budget still brought, and the orders by other measures."""
    return " ".join(filter(None, [learning(results), robustness(results)]))


def doubts(results: Results) -> str:
    """Both in short, without the orders."""
    said = filter(None, [_learning_in_short(results), _robustness_in_short(results)])
    return " ".join(f"{text[0].upper()}{text[1:]}." for text in said)


def _learning_in_short(results: Results) -> str:
    found, unknown = progress(results), learning_unknown(results)
    if not found:
        return "whether they were still learning is not known" if results.arm_runs else ""
    late = [one.fall for one in found if one.is_learning]
    lacking = f"; of {_listed(unknown)} it is not known" if unknown else ""
    if not late:
        return f"none{' of the others' if unknown else ''} was still learning at the end of the budget{lacking}"
    fell = span((100 * fall for fall in late), lambda share: f"{share:.0f}")
    is_few = len(late) <= MOST_NAMED and len(late) < len(results.arms)
    are = f" ({_listed(still_learning(results))})" if is_few else ""
    order = ", and more images may change the order" if headline_order(results) else ""
    return (
        f"over the last half of the budget the validation distance still fell by {fell} %{are}"
        f"{order}{lacking}"
    )


def _listed(arms: Sequence[str]) -> str:
    return join([code(arm) for arm in arms])


def _robustness_in_short(results: Results) -> str:
    """How many other looks at the families have another order, and which beyond the seeds' spread."""
    found = [view for view in views(results) if view.agreement != "unknown"]
    if not found:
        return ""
    named = {
        agreement: [view for view in found if view.agreement == agreement] for agreement in _SAYS
    }
    same, within = len(named["same"]), len(named["within"])
    all_of = "all" if same == len(found) > 1 else count(same) if same else "none"
    said = [f"{all_of} give{'' if same > 1 else 's'} the same order"]
    if within:
        give = "gives" if within == 1 else "give"
        said.append(f"{within} {give} another that the seeds do not tell from it")
    if named["beyond"]:
        give = "gives" if len(named["beyond"]) == 1 else "give"
        titles = join([view.title for view in named["beyond"]])
        said.append(f"{titles} {give} another beyond the spread of the seeds")
    return f"of {len(found)} other looks at the families (measures, times, detectors) {join(said)}"


def who(results: Results, learning: Sequence[str], most: int | None = None) -> str:
    """``every family was``, ```vae` and `gan` were``; where they are more than ``most``, how many."""
    if len(learning) == len(results.arms):
        return "every family was"
    if most is not None and len(learning) > most:
        return f"{len(learning)} of {len(results.arms)} families were"
    return f"{join([code(arm) for arm in learning])} {'was' if len(learning) == 1 else 'were'}"


def learning(results: Results) -> str:
    """How much the last half of the budget still brought each family."""
    found = progress(results)
    if not found:
        return (
            "Whether they were still learning is not known: no validation was logged near half of the "
            "budget."
            if results.arm_runs
            else ""
        )
    fell = [f"{_percent(one.fall)} ({code(one.arm)})" for one in found if one.fall >= 0]
    rose = [f"{_percent(one.fall)} ({code(one.arm)})" for one in found if one.fall < 0]
    moved = {"fell by": fell, "rose by": rose}
    said = " and ".join(f"{verb} {join(each)}" for verb, each in moved.items() if each)
    late = still_learning(results)
    unknown = join([code(arm) for arm in learning_unknown(results)])
    over = (
        f"{who(results, late)} still learning (more than 10 %), and more images may change the order"
        if late
        else f"none{' of these' if unknown else ''} was still learning (more than 10 %)"
    )
    rest = (
        f"; of {unknown} it is not known, for want of a validation near half of it"
        if unknown
        else ""
    )
    return f"Over the last half of that budget the validation distance {said}: {over}{rest}."


def _percent(share: float) -> str:
    return f"{100 * abs(share):.0f} %"


def robustness(results: Results) -> str:
    """Whether the order is the same by other measures and at another time, in one sentence."""
    found = views(results)
    if not found:
        return ""
    order = f"The order by mean distance, {_order(headline_order(results))},"
    said = [
        f"{words} {_by(views_of)}"
        for agreement, words in _SAYS.items()
        if (views_of := [view for view in found if view.agreement == agreement])
    ]
    unknown = [view.title for view in found if view.agreement == "unknown"]
    lacking = [f"not measured: {join(unknown)}"] if unknown else []
    return f"{order} {'; '.join([*(said or ['was held against no other']), *lacking])}."


def _by(found: Sequence[View]) -> str:
    """``at half the budget, by precision (`vae`, `gan`) and by recall (`vae`, `gan`)``."""
    return join(
        [
            f"{'at' if 'budget' in v.title or 'checkpoint' in v.title else 'by'} {v.title}"
            + (f" ({_order(v.order)})" if v.agreement != "same" else "")
            for v in found
        ]
    )


def _order(arms: Sequence[str]) -> str:
    return ", ".join(map(code, arms))
