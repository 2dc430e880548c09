"""The first screen's table: what the distance is of noise, of real images, and of each family."""

from __future__ import annotations

from bench.report.sections import section
from bench.results.format import by, code, measured, p_value, prose, shown, significant, table
from bench.results.results import GAUSSIAN, REAL_IMAGES, Results
from bench.results.scale import FLOOR, NOISE, Mark, scale

_IS = {
    REAL_IMAGES: "training images shown again",
    GAUSSIAN: "drawn from a Gaussian fitted to the training images",
    NOISE: "every value drawn at random",
    FLOOR: "of training against those of the test split",
}


@section("The scale of the distance", after="Answer at a glance", level=3)
def distances(results: Results) -> str:
    """Three columns, the nearest to real images first; empty while nothing has a distance."""
    marks = scale(results)
    if not marks:
        return ""
    lowest = next((mark for mark in marks if mark.is_lowest), None)
    against = f"against {code(lowest.name)}, the lowest family" if lowest else "what it is"
    header = ["images of", against, f"test {code(results.test_metric_name)} ↓"]
    return table(header, [_row(results, mark) for mark in marks], left=2)


def _row(results: Results, mark: Mark) -> list[str]:
    metric = results.test_metric
    if mark.place is None:
        value = significant(mark.mean)
    elif mark.is_family:
        value = measured(metric, mark.place.values(metric), num_lost=mark.place.num_lost)
    else:
        value = shown(metric, mark.mean)
    return [_name(results, mark), _said(mark), value]


def _name(results: Results, mark: Mark) -> str:
    if mark.place is None:
        return mark.name
    label = prose(results.label(mark.place)) if mark.is_family else ""
    return f"{code(mark.name)} ({label})" if label else code(mark.name)


def _said(mark: Mark) -> str:
    """What a family's value is against the lowest, by the declared test; else what was shown."""
    if not mark.is_family:
        is_outside = mark.place is not None and mark.place.is_outside
        return "images made elsewhere" if is_outside else _IS.get(mark.name, "baseline")
    if mark.is_lowest:
        return "the lowest mean"
    one = mark.comparison
    if one is None or one.difference is None or one.p is None:
        return "not tested"
    if one.winner is None:
        return f"not told apart ({p_value(one.p)})"
    is_higher = one.winner != mark.name
    return f"{'higher' if is_higher else 'lower'} {by(one.difference)} ({p_value(one.p)})"
