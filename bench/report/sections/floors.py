"""Real images against real images: what a distance cannot tell apart."""

from __future__ import annotations

from bench.report.sections import section
from bench.report.sections._columns import (
    noted,
    tenth,
)
from bench.results.format import (
    MISSING,
    share,
    significant,
    table,
)
from bench.results.results import Results
from bench.results.summary import floor_of_test_metric, floors, real_value


@section("Floors", after="Runs and cost", level=3)
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
    shows = {"legible": share, "classes": tenth}
    known = {name: v for name in shows if (v := real_value(results, name)) is not None}
    real = ", ".join(f"`{name}` {shows[name](value)}" for name, value in known.items())
    floor = floor_of_test_metric(results)
    least = (
        f"Differences below {significant(floor.spread)}, the floor's spread, are no differences."
        if floor and floor.spread is not None
        else ""
    )
    header = ["real against real", "measure", "mean", "sd of ten subsets"]
    return noted(
        table(header, rows, left=2),
        " ".join(filter(None, [f"Real test images: {real}." if real else "", least])),
    )


def _spread(value: float | None) -> str:
    return MISSING if value is None else significant(value)
