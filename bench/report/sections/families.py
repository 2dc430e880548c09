"""Families at their chosen cell: quality, then what became of the runs and what they cost."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bench.measures import MeasureName, largest
from bench.report.sections import section
from bench.report.sections._columns import (
    ACTIVE_UNITS,
    LowerEnd,
    MeasureColumn,
    distance,
    elbo_columns,
    noted,
    present,
    statuses,
)
from bench.results.format import (
    MISSING,
    NOT_APPLICABLE,
    code,
    count,
    prose,
    seconds,
    span,
    table,
)
from bench.results.naming import best
from bench.results.results import Results
from bench.results.runs import CellRuns

_UPDATES = re.compile(r"cost/updates_(?P<phase>.+)")
_CLASS_DISTANCE = ("test", "", "class_fd", "")


@section("Families at their chosen cell", after="Findings")
def families(results: Results) -> str:
    """Each arm at its chosen cell, then the baselines: quality.

    Bold is the distance that is lower than every other by the declared test, where nothing speaks
    against naming a best.
    """
    bold = best(results)
    wanted = [*elbo_columns(results), *_sample_columns(results), *_class_columns(results)]
    columns = present(results, wanted)
    test_metric = results.test_metric
    chosen_metric = test_metric.replace("test/", "test_best/", 1)
    header = [
        "family",
        "chosen",
        "seeds",
        f"{code(results.test_metric_name)} ↓ last checkpoint",
        f"{code(results.test_metric_name)} ↓ best by validation",
        *(column.title for column in columns),
    ]
    rows = []
    for place in [*results.chosen_cells, *results.baselines]:
        last = distance(results, place, test_metric)
        seeds = count(len(place.values(test_metric)))
        seeds += " fresh" if any(run.is_confirming for run in place.runs) else ""
        cells = [
            f"**{last}**" if place.arm in bold else last,
            distance(results, place, chosen_metric),
        ]
        measured = [column.cell(place) for column in columns]
        rows.append([code(place.arm), _where(results, place), seeds, *cells, *measured])
    rows += [
        [code(arm), MISSING, "0", *[MISSING] * (len(columns) + 2)]
        for arm in results.arms
        if results.chosen(arm) is None
    ]
    return noted(table(header, rows, left=2), _reasons(results, columns))


@section("Runs and cost", after="Theirs beside ours", level=3)
def costs(results: Results) -> str:
    """The same rows: what became of the runs, and what they cost."""
    columns = present(results, [ACTIVE_UNITS])
    header = ["family", "chosen", "runs", *(c.title for c in columns), *_COSTS]
    rows = []
    for place in [*results.chosen_cells, *results.baselines]:
        measured = [column.cell(place) for column in columns]
        cells = [_where(results, place), statuses(place), *measured, *_cost_cells(place)]
        rows.append([code(place.arm), *cells])
    return noted(table(header, rows, left=3), "")


_COSTS = ("parameters", "updates by phase", "train seconds", "test reads")


def _cost_cells(place: CellRuns) -> list[str]:
    runs = place.valued
    phases = {m["phase"] for r in runs for k in r.record.metrics if (m := _UPDATES.fullmatch(k))}
    updates = [f"{phase} {span(place.values(f'cost/updates_{phase}'))}" for phase in sorted(phases)]
    train = place.mean("cost/train_seconds")
    reads = [float(n) for run in runs if (n := run.tags.test_reads) is not None]
    return [
        span(place.values("cost/num_parameters")),
        ", ".join(updates) or MISSING,
        MISSING if train is None else seconds(train),
        span(reads),
    ]


def _where(results: Results, place: CellRuns) -> str:
    if place.is_outside:
        return "made elsewhere"
    return "baseline" if place.cell.baseline else prose(results.label(place)) or MISSING


def _sample_columns(results: Results) -> list[MeasureColumn]:
    """What orders noise, fitted Gaussian, memoriser and real images as its heading says.

    Where the true modes are known, how many are covered and how many samples are good.
    """
    ends = [m for m in largest(results.measured) if (m.split, m.ending) == ("test", "")]
    modes = [m for m in ends if m.measure in {"covered", "good"}]
    detector = MeasureName.parse(results.test_metric).detector
    overlap = [m for m in ends if m.detector == detector and m.measure in {"precision", "recall"}]
    return [
        *(MeasureColumn(f"{code(m.name)} ↑", str(m), "known_modes") for m in modes),
        *(MeasureColumn(f"{code(m.measure)} ↑", str(m), "overlap") for m in overlap),
        MeasureColumn("`classes` covered", "test/classes", "classes"),
        LowerEnd("`copied`, at least (1 = all)", "test/copied_low", "copying"),
    ]


def _class_columns(results: Results) -> list[MeasureColumn]:
    """What is measured of conditional models; the distance within classes at its largest n."""
    of_class = [
        m for m in results.measured if (m.split, m.prefix, m.measure, m.ending) == _CLASS_DISTANCE
    ]
    distances = sorted(of_class, key=lambda m: m.n or 0)[-1:]
    return [
        MeasureColumn("`class_accuracy` ↑", "test/class_accuracy", "class_accuracy"),
        *(MeasureColumn(f"{code(m.name)} ↓", str(m), m.known.metric) for m in distances),
        MeasureColumn("`class_share`", "test/class_share", "class_share"),
    ]


def _reasons(results: Results, columns: Sequence[MeasureColumn]) -> str:
    """Why some models lack a measure of the table, said once for each reason."""
    shown = {"frechet", *(column.kind for column in columns)}
    arms: dict[str, list[str]] = {}
    for run in results.runs:
        for reason in {why for kind, why in run.tags.reasons.items() if kind in shown}:
            arms.setdefault(reason, [])
            if run.arm not in arms[reason]:
                arms[reason].append(run.arm)
    said = [
        f"{prose(reason)} ({prose(', '.join(names))})" for reason, names in sorted(arms.items())
    ]
    return f"{NOT_APPLICABLE}: {'; '.join(said)}." if said else ""
