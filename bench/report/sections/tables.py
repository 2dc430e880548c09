"""The report's tables of results, as markdown."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.results.facts import elbo_remark, floors, headline_floor, real_value
from bench.results.format import (
    BELOW_GAUSSIAN,
    MISSING,
    NOT_APPLICABLE,
    count,
    distance_interval,
    footnotes,
    nats,
    plural,
    seconds,
    share,
    significant,
    span,
    table,
    with_interval,
)
from bench.results.numbers import GAUSSIAN, Results
from bench.results.runs import Place

_UPDATES = re.compile(r"cost/updates_(?P<phase>.+)")
_CLASS_DISTANCE = re.compile(r"test/class_fd_.+_n(?P<n>\d+)")
_MOST_ROWS = 200


@dataclass(frozen=True)
class Column:
    """A measured column: its heading, the value and how a mean with its interval is shown.

    Attributes:
        title: The heading.
        metric: Name of the value, ``test/...``.
        show: Number to text.
        kind: The registered metric that gives it.
    """

    title: str
    metric: str
    show: Callable[[float], str]
    kind: str

    def cell(self, place: Place) -> str:
        """Mean and interval; n/a where runs ended and the model has no such measure."""
        values = place.values(self.metric)
        if not values and place.valued:
            return NOT_APPLICABLE
        return with_interval(values, self.show, num_lost=place.num_lost)


def families(results: Results, bold: Sequence[str]) -> str:
    """Each arm at its chosen cell, then the baselines: quality.

    Args:
        results: What is shown.
        bold: Arms whose distance is lower than every other's by the declared test.
    """
    wanted = [*_elbo_columns(results), *_SAMPLE_COLUMNS, *_class_columns(results)]
    columns = _present(results, wanted)
    headline, best = results.headline, results.headline.replace("test/", "test_best/", 1)
    header = [
        "family",
        "chosen",
        "seeds",
        f"`{results.headline_name}` ↓ last checkpoint",
        f"`{results.headline_name}` ↓ best by validation",
        *(column.title for column in columns),
    ]
    rows = []
    for place in listed_places(results):
        last = distance(results, place, headline)
        seeds = count(len(place.values(headline)))
        cells = [f"**{last}**" if place.arm in bold else last, distance(results, place, best)]
        measured = [column.cell(place) for column in columns]
        rows.append([f"`{place.arm}`", _where(results, place), seeds, *cells, *measured])
    rows += [
        [f"`{arm}`", MISSING, "0", *[MISSING] * (len(columns) + 2)] for arm in _absent(results)
    ]
    return _noted(table(header, rows, left=2), _reasons(results, columns))


def costs(results: Results) -> str:
    """The same rows: what became of the runs, and what they cost."""
    columns = _present(
        results, [Column("active units", "test/active_units", _tenth, "active_units")]
    )
    header = ["family", "chosen", "runs", *(c.title for c in columns), *_COSTS]
    rows = []
    for place in listed_places(results):
        measured = [column.cell(place) for column in columns]
        cells = [_where(results, place), statuses(place), *measured, *_cost_cells(place)]
        rows.append([f"`{place.arm}`", *cells])
    return _noted(table(header, rows, left=3), "")


def grid(results: Results) -> str:
    """Every cell: in the plan's order along x, else from the lowest validation mean up."""
    columns = _present(
        results,
        [
            *_elbo_columns(results),
            Column("active units", "test/active_units", _tenth, "active_units"),
        ],
    )
    headline, primary = results.headline, results.primary
    header = [
        "family",
        "cell",
        "runs",
        f"validation `{results.primary_name}` ↓",
        f"test `{results.headline_name}` ↓",
        *(column.title for column in columns),
        "parameters",
        "chosen",
    ]
    chosen = {arm: results.chosen(arm) for arm in results.arms}
    places = [place for arm in results.arms for place in results.places_of(arm)]
    if results.study.x is None:
        means = {id(p): p.mean(primary) for p in places}
        places = sorted(places, key=lambda p: (means[id(p)] is None, means[id(p)] or 0.0))
    rows = []
    for place in places[:_MOST_ROWS]:
        cells = [distance_interval(place.values(primary), num_lost=place.num_lost)]
        cells += [distance(results, place, headline), *(c.cell(place) for c in columns)]
        parameters = span(place.values("cost/num_parameters"))
        mark = "chosen" if place is chosen[place.arm] else ""
        rows.append(
            [f"`{place.arm}`", results.label(place), statuses(place), *cells, parameters, mark]
        )
    hidden = len(places) - len(rows)
    rest = f"{plural(hidden, 'further cell')} in runs.csv." if hidden else ""
    notes = " ".join(filter(None, [elbo_remark(results), rest]))
    return _noted(table(header, rows, left=3), notes)


def floor_table(results: Results) -> str:
    """Real images against real images; empty where no baseline run measured it."""
    says = {
        "train": "training images against the test split (a perfect memoriser)",
        "heldout": "halves of the test split against each other",
    }
    rows = [
        [says[f.split], f"`{f.measure}`", significant(f.mean), _spread(f.spread)]
        for f in floors(results)
    ]
    if not rows:
        return ""
    shows = {"legible": share, "classes": _tenth}
    known = {name: v for name in shows if (v := real_value(results, name)) is not None}
    real = ", ".join(f"`{name}` {shows[name](value)}" for name, value in known.items())
    floor = headline_floor(results)
    least = (
        f"Differences below {significant(floor.spread)}, the floor's spread, are no differences."
        if floor and floor.spread is not None
        else ""
    )
    header = ["real against real", "measure", "mean", "sd of ten subsets"]
    return _noted(
        table(header, rows, left=2),
        " ".join(filter(None, [f"Real test images: {real}." if real else "", least])),
    )


def distance(results: Results, place: Place, metric: str) -> str:
    """Mean and interval, marked where the mean does not beat the pixel Gaussian's."""
    text = distance_interval(place.values(metric), num_lost=place.num_lost)
    if place.cell.baseline or beats_gaussian(results, place, metric) is not False:
        return text
    return f"{text} {BELOW_GAUSSIAN}"


def beats_gaussian(results: Results, place: Place, metric: str) -> bool | None:
    """Whether the mean is below the pixel Gaussian's; None where one of them is missing.

    The best checkpoint is held against the Gaussian's only value, which is of the same n.
    """
    baseline, mean = results.baseline(GAUSSIAN), place.mean(metric)
    limit = baseline.mean(metric.replace("test_best/", "test/", 1)) if baseline else None
    return None if mean is None or limit is None else mean < limit


def statuses(place: Place) -> str:
    """``2 ok, 1 diverged``."""
    named = [f"{n} {status}" for status, n in place.status_counts().items() if n]
    return ", ".join(named) or "none"


def _tenth(value: float) -> str:
    return f"{value:.1f}"


_SAMPLE_COLUMNS = [
    Column("`legible` ↑", "test/legible", share, "legible"),
    Column("`copying` (0.5 = none)", "test/copying", share, "copying"),
    Column("`classes` covered", "test/classes", _tenth, "variety"),
]

_COSTS = ("parameters", "updates by phase", "train seconds", "test reads")


def _cost_cells(place: Place) -> list[str]:
    runs = place.valued
    phases = {m["phase"] for r in runs for k in r.record.metrics if (m := _UPDATES.fullmatch(k))}
    updates = [f"{phase} {span(place.values(f'cost/updates_{phase}'))}" for phase in sorted(phases)]
    train = place.mean("cost/train_seconds")
    reads = [float(r.record.tags["test_reads"]) for r in runs if "test_reads" in r.record.tags]
    return [
        span(place.values("cost/num_parameters")),
        ", ".join(updates) or MISSING,
        MISSING if train is None else seconds(train),
        span(reads),
    ]


def _where(results: Results, place: Place) -> str:
    if place.is_outside:
        return "made elsewhere"
    return "baseline" if place.cell.baseline else results.label(place) or MISSING


def listed_places(results: Results) -> list[Place]:
    """Each arm at its chosen cell, then the baselines."""
    chosen = [place for arm in results.arms if (place := results.chosen(arm))]
    return [*chosen, *results.baselines]


def _absent(results: Results) -> list[str]:
    return [arm for arm in results.arms if results.chosen(arm) is None]


def _elbo_columns(results: Results) -> list[Column]:
    return [Column(f"`{name}` ↑ (nats)", f"test/{name}", nats, "elbo") for name in results.elbos]


def _class_columns(results: Results) -> list[Column]:
    """What is measured of conditional models; the distance within classes at its largest n."""
    names = {name for run in results.runs for name in run.record.metrics}
    sizes = {int(found["n"]): name for name in names if (found := _CLASS_DISTANCE.fullmatch(name))}
    distances = [sizes[max(sizes)]] if sizes else []
    return [
        Column("`class_accuracy` ↑", "test/class_accuracy", share, "class_accuracy"),
        *(
            Column(f"`{name.partition('/')[2]}` ↓", name, significant, "class_frechet")
            for name in distances
        ),
        Column("`class_share`", "test/class_share", share, "class_share"),
    ]


def _present(results: Results, columns: Sequence[Column]) -> list[Column]:
    """The columns that some run has a value for."""
    return [c for c in columns if any(run.value(c.metric) is not None for run in results.runs)]


def _spread(value: float | None) -> str:
    return MISSING if value is None else significant(value)


def _reasons(results: Results, columns: Sequence[Column]) -> str:
    """Why some models lack a measure of the table, said once for each reason."""
    shown = {"frechet", *(column.kind for column in columns)}
    arms: dict[str, list[str]] = {}
    for run in results.runs:
        reasons = json.loads(run.record.tags.get("not_applicable", "{}"))
        for reason in {reason for kind, reason in reasons.items() if kind in shown}:
            arms.setdefault(reason, [])
            if run.arm not in arms[reason]:
                arms[reason].append(run.arm)
    said = [f"{reason} ({', '.join(names)})" for reason, names in sorted(arms.items())]
    return f"{NOT_APPLICABLE}: {'; '.join(said)}." if said else ""


def _noted(text: str, note: str) -> str:
    notes = " ".join(filter(None, [footnotes(text), note]))
    return f"{text}\n\n{notes}" if notes else text
