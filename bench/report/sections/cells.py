"""Every measure at the chosen cells, every cell, and the cells measured in another way."""

from __future__ import annotations

from bench.measures import MeasureName, largest
from bench.report.sections import section
from bench.report.sections._columns import (
    ACTIVE_UNITS,
    distance,
    elbo_columns,
    noted,
    present,
    statuses,
)
from bench.results.exams import exams
from bench.results.format import (
    NOT_APPLICABLE,
    code,
    join,
    measured,
    plural,
    prose,
    shown,
    span,
    table,
)
from bench.results.results import Results
from bench.results.scale import is_left_out
from bench.results.summary import elbo_remark

_MOST_ROWS = 200

FAILED = "¶"
"""Behind a measure that fails sanity checks in these features."""


@section("Every cell", after="Every measure")
def grid(results: Results) -> str:
    """Every cell: in the plan's order along x, else from the lowest validation mean up."""
    columns = present(results, [*elbo_columns(results), ACTIVE_UNITS])
    selection_metric = results.selection_metric
    header = [
        "family",
        "cell",
        "runs",
        f"validation {code(results.selection_metric_name)} ↓",
        f"test {code(results.test_metric_name)} ↓",
        *(column.title for column in columns),
        "parameters",
        "chosen",
    ]
    places = results.arm_cells
    if results.study.x is None:
        means = {id(p): p.mean(selection_metric) for p in places}
        places = sorted(places, key=lambda p: (means[id(p)] is None, means[id(p)] or 0.0))
    rows = []
    for place in places[:_MOST_ROWS]:
        cells = [
            measured(selection_metric, place.values(selection_metric), num_lost=place.num_lost)
        ]
        cells += [distance(results, place, results.test_metric), *(c.cell(place) for c in columns)]
        parameters = span(place.values("cost/num_parameters"))
        mark = "chosen" if place is results.chosen(place.arm) else ""
        rows.append(
            [
                code(place.arm),
                prose(results.label(place)),
                statuses(place),
                *cells,
                parameters,
                mark,
            ]
        )
    hidden = len(places) - len(rows)
    rest = f"{plural(hidden, 'further cell')} in runs.csv." if hidden else ""
    notes = " ".join(filter(None, [elbo_remark(results), rest]))
    return noted(table(header, rows, left=3), notes)


@section("Cells measured differently", after="Interaction")
def measured_differently(results: Results) -> str:
    """Cells of runs that must not share a column with the others."""
    return "\n\n## Cells measured differently\n\n".join(map(_other_cells, results.elsewhere))


def _other_cells(results: Results) -> str:
    context = results.measured_with
    said = (
        f"Detector digest {code(context.detector_digest)}, data digest {code(context.data_digest)}, "
        f"measure {code(context.selection_metric)}: not comparable with the tables and figures of this report."
    )
    return f"{said}\n\n{grid(results)}"


@section("Every measure", after="Spread over seeds", level=3)
def every_measure(results: Results) -> str:
    """A row for each measure; where it was taken at several n, the largest."""
    places = [*results.chosen_cells, *results.baselines]
    texts = {text for place in places for run in place.valued for text in run.record.metrics}
    names = [m for m in map(MeasureName.parse, texts) if not m.is_floor and not m.belongs]
    every = sorted((m for m in largest(names) if m.split == "test"), key=lambda m: m.name)
    blind = [m for m in every if is_left_out(results, m)]
    if not (on_test := [m for m in every if m not in blind]):
        return ""
    rows = []
    failed = {m.name: said for m in on_test if (said := _failed(results, m))}
    for name in (m.name for m in on_test):
        metric = f"test/{name}"
        means = [
            measured(metric, values, most=p.most(metric)) if (values := p.values(metric)) else ""
            for p in places
        ]
        real = next((v for p in places for v in p.values(f"{metric}_real")), None)
        rows.append(
            [
                f"{code(name)} {FAILED}" if name in failed else code(name),
                *(mean or NOT_APPLICABLE for mean in means),
                "" if real is None else shown(metric, real),
            ]
        )
    header = ["measure on test", *(code(place.arm) for place in places), "real images"]
    said = "What each is: `bench list metrics`; standard errors and every run's values: runs.csv."
    if failed:
        told = "; ".join(f"{code(name)} {prose(says)}" for name, says in failed.items())
        said += f" {FAILED} In the sanity checks of `bench exam`: {told}."
    if blind:
        left_out = join([code(m.name) for m in blind])
        said += (
            f" Left out, since by it noise is nearer to real images than every family: {left_out}."
        )
    return noted(table(header, rows), said)


def _failed(results: Results, name: MeasureName) -> str:
    """What a measure failed in the features of its detector; empty without an exam on record."""
    sat = (each.says(name.measure) for each in exams(results) if each.detector == name.detector)
    return "; ".join(filter(None, sat))
