"""Runs side by side: a row for each measure, and what tests say of the columns."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from bench.compare.config_groups import ConfigGroup, config_groups, measures
from bench.measures import MeasureName
from bench.plan.study import Planned
from bench.results.decisions import Comparison, Group, Pair, decide
from bench.results.format import code, count, join
from bench.results.runs import RecordedRun
from bench.stats.tests import SEEDS_FOR_INTERVAL

COSTS = ("num_parameters", "train_seconds", "images_seen")

NO_TEST = "One run each: no test, and nothing is marked as best."

_FACTS: dict[str, Callable[[RecordedRun], str | None]] = {
    "data digest": lambda run: run.tags.data_digest,
    "detector digest": lambda run: run.tags.detector_digest,
    "likelihood": lambda run: run.tags.passport,
    "most images measured": lambda run: run.param("eval.max_samples"),
}
"""What values must share to be compared."""


@dataclass(frozen=True)
class Row:
    """One measure of the columns that were measured alike.

    Attributes:
        measure: The name of ``test/fd_mnist_n10000``, taken apart.
        members: Numbers of the columns whose values may stand here.
        apart: What tells it from another row of the same measure, such as a detector's digest.
        comparisons: Pairs of members; empty where one has fewer than three values.
    """

    measure: MeasureName
    members: tuple[int, ...]
    apart: tuple[str, ...] = ()
    comparisons: tuple[Comparison, ...] = ()

    @property
    def metric(self) -> str:
        """``test/fd_mnist_n10000``."""
        return str(self.measure)

    @property
    def best(self) -> int | None:
        """The column that is better than every other one by the corrected test."""
        won = [int(c.winner) for c in self.comparisons if c.winner is not None]
        others = len(self.members) - 1
        return next((i for i in self.members if others and won.count(i) == others), None)


@dataclass(frozen=True)
class SideBySide:
    """Columns, rows, and what to know of them."""

    columns: Sequence[ConfigGroup]
    rows: Sequence[Row]
    notes: Sequence[str]


def side_by_side(runs: Sequence[RecordedRun]) -> SideBySide:
    """Runs of one configuration pooled over their seeds, the others in columns beside them.

    Raises:
        UsageError: Two runs of one configuration have one seed.
    """
    found = config_groups(runs)
    split = "test" if any(column.names("test") for column in found) else "val"
    chosen = {MeasureName.parse(run.measured_with.selection_metric).series.name for run in runs}
    names = sorted(measures(found, split), key=lambda name: name.series.name not in chosen)
    rows = [row for name in names for row in _rows(found, name)]
    costs = [_cost(found, name) for name in COSTS]
    notes = [] if split == "test" else ["No run has test values: these are of validation."]
    notes += [said for what, of in _FACTS.items() if (said := _differing(found, what, of))]
    notes += [*_sizes(found, rows), *_budgets(found), _tests(found, rows)]
    return SideBySide(found, [*rows, *(row for row in costs if row.members)], notes)


def _rows(found: Sequence[ConfigGroup], name: MeasureName) -> list[Row]:
    """One row, or one for each way of measuring where columns differ in that."""
    metric = str(name)
    groups: dict[tuple[tuple[str, str], ...], list[int]] = {}
    for i, column in enumerate(found):
        if column.values(metric):
            groups.setdefault(column.measured_with(name), []).append(i)
    facts = {fact for context in groups for fact in context}
    varied = {key for key, _ in facts if len({value for k, value in facts if k == key}) > 1}
    return [
        Row(
            name,
            tuple(members),
            tuple(f"{key} {value or 'unknown'}" for key, value in context if key in varied),
            tuple(_compared(found, name, members)),
        )
        for context, members in groups.items()
    ]


def _cost(found: Sequence[ConfigGroup], name: str) -> Row:
    metric = f"cost/{name}"
    return Row(MeasureName.parse(metric), tuple(i for i, c in enumerate(found) if c.values(metric)))


def _compared(
    found: Sequence[ConfigGroup], name: MeasureName, members: Sequence[int]
) -> list[Comparison]:
    """Every pair of columns, where all have three values and one direction is better."""
    direction, metric = name.better, str(name)
    few = any(len(found[i].values(metric)) < SEEDS_FOR_INTERVAL for i in members)
    if direction is None or few or len(members) < 2:
        return []
    groups, models = {}, {}
    for i in members:
        known = found[i].by_seed(metric)
        groups[i] = Group(tuple(known.values()), found[i].num_lost, tuple(known))
        models[i] = found[i].runs[0].tags.model
    floor = str(replace(name, prefix="floor_train", ending="sd"))
    spreads = [value for i in members for value in found[i].values(floor)]
    return decide(
        [
            Pair(
                planned=Planned(a=str(a), b=str(b), better=direction),
                first=groups[a],
                second=groups[b],
                spread=max(spreads, default=None),
                scale=name.scale,
                is_one_model=models[a] == models[b] != "",
            )
            for a, b in itertools.combinations(members, 2)
        ]
    )


def _differing(
    found: Sequence[ConfigGroup], what: str, of: Callable[[RecordedRun], str | None]
) -> str:
    """What columns differ in, so that values of it never share a row; else nothing."""
    labels = _by_value(found, of)
    if len(labels) < 2:
        return ""
    said = ", ".join(f"{code(value)} ({join(names)})" for value, names in labels.items())
    return f"Not comparable, and never in one row, are values of another {what}: {said}."


def _by_value(
    found: Sequence[ConfigGroup], of: Callable[[RecordedRun], str | None]
) -> dict[str, list[str]]:
    """Value to the labels of the columns that have it."""
    labels: dict[str, list[str]] = {}
    for column in found:
        if value := next((v for run in column.runs if (v := of(run))), None):
            labels.setdefault(value, []).append(code(column.label))
    return labels


def _sizes(found: Sequence[ConfigGroup], rows: Sequence[Row]) -> list[str]:
    """Measures that columns have at no common n."""
    names: dict[str, dict[str, list[str]]] = {}
    for row in rows:
        if row.measure.n is not None:
            labels = [code(found[i].label) for i in row.members]
            sizes = names.setdefault(row.measure.series.name, {})
            sizes.setdefault(str(row.measure.n), []).extend(labels)
    return [
        f"{code(stem)} is of {join([f'{n} images ({join(labels)})' for n, labels in each.items()])}: "
        "distances of different n are not compared."
        for stem, each in names.items()
        if len(each) > 1
    ]


def _budgets(found: Sequence[ConfigGroup]) -> list[str]:
    labels = _by_value(found, lambda run: run.param("train.num_images"))
    if len(labels) < 2:
        return []
    said = ", ".join(f"{count(float(n))} ({join(names)})" for n, names in labels.items())
    return [f"The budgets in real images differ: {said}."]


def _tests(found: Sequence[ConfigGroup], rows: Sequence[Row]) -> str:
    if len(found) == 1:
        return "All runs are of one configuration: there is nothing to test."
    if all(len(column.runs) == 1 for column in found):
        return NO_TEST
    if not any(row.comparisons for row in rows):
        return (
            "No test: a column has fewer than three runs with a value. Nothing is marked as best."
        )
    return (
        "Bold is better than every other column at 5 %, by Student's paired test of columns of one model "
        "that share three seeds, else by Welch's, Holm-corrected over the pairs of a row, where every "
        "column has three values or more. Rows are not corrected for "
        "each other: of twenty equal ones, one may be bold by chance."
    )
