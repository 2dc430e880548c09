"""The tables of a calibration card, and the words that go with them and with the figures."""

from __future__ import annotations

from collections.abc import Mapping

from bench.calibration.figures import stem
from bench.calibration.numbers import (
    MIN_RANK,
    MIN_SPREADS,
    Calibration,
    DoseResponse,
    Floor,
    Point,
    ProbeResults,
)
from bench.measures import MeasureName
from bench.results.format import MISSING, code, count, join, share, significant, table

PIXELS = ("blur", "noise", "contrast")
"""Corruptions that the examples show."""

_WITHIN = "°"

_PAIRS = {
    "test/floor_train": "train against test",
    "val/floor_train": "train against validation",
    "test/floor_heldout": "halves of test",
}


def asked(calibration: Calibration) -> str:
    """Every requirement, distance by distance and corruption by corruption."""
    rows = [
        [
            code(results.name),
            name,
            f"NO: it {join(verdict.failures)}" if verdict.failures else "yes",
            MISSING if verdict.rank is None else share(verdict.rank),
            MISSING if verdict.spreads is None else significant(verdict.spreads),
            ", ".join(f"{dose:g}" for dose in verdict.within) or "none",
        ]
        for results in calibration.answers
        for name, verdict in results.verdicts().items()
    ]
    header = [
        "distance",
        "corruption",
        "does what is asked",
        "rank correlation with dose",
        "last dose above the floor, in its spreads",
        "doses within the spread",
    ]
    return (
        f"{table(header, rows, left=3)}\n\n"
        f"Asked: a rank correlation (Spearman) of distance and dose above {MIN_RANK}, and a last "
        f"dose above the floor by more than {MIN_SPREADS} of its spreads. A distance that fails is "
        "blind there; that is a finding about the distance and its detector, not an error."
    )


def floors(calibration: Calibration) -> str:
    """A row per pair of sets and n, a column per distance; and the ceilings."""
    cells = [_floor_cells(each) for each in calibration.answers]
    rows = sorted({key for found in cells for key in found}, key=lambda key: (key[0], -key[1]))
    floors = table(
        ["real against real", "n", *(code(stem(each)) for each in calibration.answers)],
        [
            [list(_PAIRS.values())[p], count(n), *(c.get((p, n), MISSING) for c in cells)]
            for p, n in rows
        ],
    )
    names = list(calibration.answers[0].ceilings)
    ceilings = table(
        ["ceiling", *names],
        [
            [code(each.name), *(significant(each.ceilings[name]) for name in names)]
            for each in calibration.answers
        ],
    )
    return (
        f"{floors}\n\n"
        f"Mean ± spread, the standard deviation over {calibration.draws} random subsets, with n "
        "images on either side. Those of the Frechet distance stand in runs and reports as "
        "`floor_train_<distance>_n<n>` and `floor_heldout_<distance>_n<n>`. Compare equal n only."
        f"\n\n{ceilings}"
    )


def _floor_cells(results: ProbeResults) -> dict[tuple[int, int], str]:
    """Place in ``_PAIRS`` and n, to the distance of those sets."""
    named = [(MeasureName.parse(each.name), each) for each in (*results.floors, *results.others)]
    return {
        (list(_PAIRS).index(f"{name.split}/{name.prefix}"), floor.n): value(floor)
        for name, floor in named
    }


def examples(calibration: Calibration) -> str:
    """The picture of damaged images, and how to read the figures below it."""
    pixels = [r for r in calibration.answers[0].responses if r.corruption in PIXELS]
    said = [f"{r.corruption} {', '.join(f'{p.x:g}' for p in r.points)} ({r.unit})" for r in pixels]
    alt = (
        f"Two training images undamaged and at six doses of {join([r.corruption for r in pixels])}."
    )
    return (
        f"![{alt}](figures/examples.png)\n\nTwo training images as they are and at each dose, two "
        f"rows for each of {'; '.join(said)}.\n\nIn the figures dots are means over random subsets, "
        "bars their spread, the standard deviation; gray line and band are the floor and its spread. "
        f"Hollow dots, {_WITHIN} in the tables, are doses above the floor by less than its spread or "
        "their own: not told from real images."
    )


def doses(results: ProbeResults, drawn: Mapping[str, str]) -> str:
    """Figure and table of one distance."""
    most = max(len(response.points) for response in results.responses)
    rows = [_dose_row(response, results.floor, most) for response in results.responses]
    words = table(["dose: mean ± spread", *[""] * most], rows)
    return f"{drawn[f'doses_{stem(results)}']}\n\n{words}"


def _dose_row(response: DoseResponse, floor: Floor, most: int) -> list[str]:
    within = response.verdict(floor).within
    cells = [
        f"{p.x:g}: {value(p)}{f' {_WITHIN}' if p.x in within else ''}" for p in response.points
    ]
    return [f"{response.corruption} ({response.unit})", *cells, *[""] * (most - len(cells))]


def against_n(calibration: Calibration, drawn: Mapping[str, str]) -> str:
    """Figure of all distances, and what falls in it."""
    return (
        f"{drawn['against_n']}\n\nBoth sides are drawn anew for each of {calibration.draws} pairs "
        "of subsets; bars are standard deviations. What falls with n is the bias of small sets: "
        "distances of different n are not compared. The kernel distance has no such bias."
    )


def value(point: Point | Floor) -> str:
    """``6.08 ± 0.26``."""
    return " ± ".join((significant(point.mean), significant(point.spread, 2)))
