"""Whether two factors act on the distance apart from each other: families and x, or two factors."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass

from bench.results.decisions import ALPHA
from bench.results.format import MISSING, count, p_value, plural, share, table
from bench.results.numbers import Results, short
from bench.results.runs import Place
from bench.stats.tests import SEEDS_FOR_INTERVAL
from bench.stats.variance import Interaction, interaction

_ROOM = 2
"""Fewest levels of a factor that can interact."""


@dataclass(frozen=True)
class Crossing:
    """Two factors and every run of their grid.

    Attributes:
        first: What is crossed.
        second: With what.
        where: Empty, or ``in `vae```.
        found: The F test; None where it cannot be made, or there are fewer than three seeds.
        runs: Runs with a value.
        lost: Runs without one.
        is_log: Whether logarithms were tested; else a value is not positive.
    """

    first: str
    second: str
    where: str
    found: Interaction | None
    runs: int
    lost: int
    is_log: bool


Cells = list[tuple[Hashable, Hashable, Place]]


def interactions(results: Results) -> str:
    """A row for each pair of factors; empty where a study has no two that are crossed."""
    crossings = _crossings(results)
    if not any(crossing.found for crossing in crossings):
        return ""
    header = ["factors", "runs", "F (df)", "p", "partial eta squared", "of"]
    rows = [_row(crossing) for crossing in crossings]
    lost = sum(crossing.lost for crossing in crossings)
    left_out = f" Left out for want of a value: {plural(lost, 'run')}." if lost else ""
    notes = (
        "Least squares over all runs, main effects against all cell means; on logarithms, so that "
        "families whose distances keep one ratio do not interact, and because the spread over "
        "seeds grows with the mean. Partial eta squared is the interaction's share of what main "
        f"effects leave over.{left_out}"
    )
    said = " ".join(_sentence(crossing) for crossing in crossings if crossing.found)
    return f"{said}\n\n{table(header, rows)}\n\n{notes}"


def _crossings(results: Results) -> list[Crossing]:
    """Families by x; then the two factors of each arm that has just two, others would be noise."""
    x = results.study.x
    found = []
    if x is not None and len(results.arms) >= _ROOM:
        cells: Cells = [
            (arm, str(level), place)
            for arm in results.arms
            for level, place in results.along_x(arm)
        ]
        found.append(_crossing(results, ("family", short(x), ""), cells))
    for arm in results.arms:
        varied = _varied(results, arm)
        if len(varied) == _ROOM:
            one, two = varied
            grid: Cells = [
                (str(p.cell.factors[one]), str(p.cell.factors[two]), p)
                for p in results.places_of(arm)
            ]
            found.append(_crossing(results, (short(one), short(two), f"in `{arm}`"), grid))
    return found


def _varied(results: Results, arm: str) -> list[str]:
    """Factors with several values within an arm, x first."""
    places = results.places_of(arm)
    keys = [
        key
        for key in (places[0].cell.factors if places else ())
        if len({place.cell.factors[key] for place in places}) >= _ROOM
    ]
    return sorted(keys, key=lambda key: key != results.study.x)


def _crossing(results: Results, names: tuple[str, str, str], cells: Cells) -> Crossing:
    runs = [(v, a, b) for a, b, place in cells for v in place.values(results.headline)]
    seeds = {run.seed for _, _, place in cells for run in place.valued}
    values = [value for value, _, _ in runs]
    is_log = all(value > 0 for value in values)
    y = [math.log(value) for value in values] if is_log else values
    few = len(seeds) < SEEDS_FOR_INTERVAL
    found = None if few else interaction(y, [a for _, a, _ in runs], [b for _, _, b in runs])
    lost = sum(place.num_lost for _, _, place in cells)
    return Crossing(*names, found, len(runs), lost, is_log)


def _row(crossing: Crossing) -> list[str]:
    of = "logarithm of the distance" if crossing.is_log else "distance (not positive throughout)"
    start = [f"{crossing.first} x {crossing.second} {crossing.where}".strip(), count(crossing.runs)]
    if crossing.found is None:
        return [*start, *[MISSING] * 3, of]
    p = p_value(crossing.found.p).removeprefix("p = ").removeprefix("p ")
    return [*start, _ratio(crossing.found), p, share(crossing.found.share), of]


def _ratio(found: Interaction) -> str:
    return f"{found.f:,.2f} ({found.df}, {found.df_rest})"


def _sentence(crossing: Crossing) -> str:
    if crossing.found is None:
        return ""
    pair = f"{crossing.first} and {crossing.second}"
    where = f" {crossing.where}" if crossing.where else ""
    if crossing.found.p < ALPHA:
        return f"{pair[0].upper()}{pair[1:]} interact{where}: what one does depends on the other."
    return f"No interaction of {pair}{where} is seen at this number of seeds."
