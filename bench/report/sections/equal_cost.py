"""Who is lowest at equal images, at equal seconds of training, at equal parameters."""

from __future__ import annotations

from bench.report.sections import section
from bench.report.sections._columns import noted
from bench.results.equal_cost import (
    PROCESSOR,
    AtCost,
    at_equal_images,
    at_equal_parameters,
    at_equal_seconds,
    clock,
)
from bench.results.format import MISSING, code, count, join, measured, prose, seconds, table
from bench.results.results import Results


@section("Who wins at equal cost", after="Runs and cost", level=3, reads_curves=True)
def equal_cost(results: Results) -> str:
    """One row for each cost; empty where there is nothing to compare."""
    images, time = at_equal_images(results), at_equal_seconds(results)
    parameters = at_equal_parameters(results)
    if len(results.chosen_cells) < 2 or images.amount is None:
        return ""
    of = "processor" if clock(results) == PROCESSOR else "clock"
    rows = [
        ["real images", count(images.amount), *_cells(results, images)],
        [f"seconds of training ({of})", _amount(time, of="s"), *_cells(results, time)],
        ["trained parameters", _amount(parameters), *_cells(results, parameters)],
    ]
    header = ["at equal", "how many", *(code(arm) for arm in results.arms), "lowest"]
    return noted(table(header, rows, left=2), _notes(results, of))


def _amount(at: AtCost, of: str = "") -> str:
    if at.amount is None:
        return MISSING
    return seconds(at.amount) if of else count(at.amount)


def _cells(results: Results, at: AtCost) -> list[str]:
    values = [
        measured(at.metric, at.values.get(arm, ()), num_lost=at.lost.get(arm, 0))
        for arm in results.arms
    ]
    return [*values, _lowest(results, at)]


def _lowest(results: Results, at: AtCost) -> str:
    """The arm of the lowest mean, with those that it is not clear of."""
    if not at.lowest or set(at.values) != set(results.arms):
        return MISSING
    if at.collapsed:
        return "none: all runs collapsed"
    near = join([code(arm) for arm in at.near])
    return code(at.lowest) + (f", not clear of {near}" if near else "")


def _sizes(results: Results) -> str:
    x = prose(results.x_name)
    return f"its chosen cell and those at other {x} in the same way" if x else "its chosen cell"


def _notes(results: Results, of: str) -> str:
    of_time = (
        "of all threads of the processor"
        if of == "processor"
        else "by the clock, since not every run has those of the processor"
    )
    said = [
        f"Validation {code(results.selection_metric_name)}, lower is better, mean and 95 % interval over seeds. Images and seconds are at the "
        "chosen cells, at what the run that spent least has spent: others are read off their curves, "
        "between two validations on logarithmic scales. Seconds are those of training alone, "
        f"{of_time}; where a run did not log them on the way they are taken as even over its images.",
        "Parameters are all that are trained, those of an encoder or a critic too.",
    ]
    if results.study.search:
        said.append(
            "At equal parameters nothing can be said: a search varies size along with all else."
        )
    elif at_equal_parameters(results).amount is None:
        said.append("No number of parameters lies between those of every family's cells.")
    else:
        said.append(
            f"At equal parameters each family is read off {_sizes(results)}, on the study's own seeds, "
            "by which cells are chosen."
        )
    said.append(
        "The lowest mean is clear of another where Welch's p, times the number of pairs of families, "
        "is below 0.05. At another cost another family may be lowest."
    )
    return " ".join(said)
