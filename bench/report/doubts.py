"""What speaks for and against an answer: whether families still learnt, and orders by other measures."""

from __future__ import annotations

from collections.abc import Sequence

from bench.results.format import code, join
from bench.results.learning import learning_unknown, progress, still_learning
from bench.results.results import Results
from bench.results.robustness import Agreement, View, headline_order, views

_SAYS: dict[Agreement, str] = {
    "same": "is the same",
    "beyond": "is another beyond the spread of the seeds",
    "within": "is another, which the seeds do not tell from it,",
}


def who(results: Results, learning: Sequence[str]) -> str:
    """``every family was``, ```vae` and `gan` were``."""
    if len(learning) == len(results.arms):
        return "every family was"
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
