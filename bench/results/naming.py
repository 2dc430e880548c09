"""Whether a report may name a best family, and if not, why."""

from __future__ import annotations

from typing import Literal

from bench.results.decisions import winners
from bench.results.learning import learning_unknown, still_learning
from bench.results.results import Results, once
from bench.results.summary import against_gaussian

Against = Literal["collapsed", "gaussian", "learning", "learning unknown", "not shown", ""]


@once
def against_naming(results: Results) -> Against:
    """What speaks against naming the family of the lowest distance; empty where nothing does.

    ``collapsed``: every run of the chosen cells that has a value did. ``gaussian``: no mean is below
    that of the Gaussian fitted to the training images. ``learning``: the last half of the budget still lowered some
    family's distance by more than a tenth. ``learning unknown``: of some family that is not known.
    ``not shown``: it is not below every other by the declared tests.
    """
    places = [p for p in results.chosen_cells if p.mean(results.test_metric) is not None]
    if all(run.status == "collapsed" for place in places for run in place.valued):
        return "collapsed"
    beside = [against_gaussian(results, p, results.test_metric) for p in places]
    if all(one is not None and not one.mean_is_below for one in beside):
        return "gaussian"
    if still_learning(results):
        return "learning"
    if learning_unknown(results):
        return "learning unknown"
    return "" if winners(results) else "not shown"


def best(results: Results) -> list[str]:
    """The arm that is bold, at most one."""
    return [] if against_naming(results) else winners(results)
