"""Arms compared at their chosen cells: Welch's test, Holm's correction, a verdict in words."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from bench.results.facts import headline_floor
from bench.results.format import MISSING, p_value, significant, table, triple
from bench.results.numbers import Results
from bench.stats import SEEDS_FOR_INTERVAL, Difference, detectable, holm, welch

ALPHA = 0.05
POWER = 0.8

NO_DIFFERENCE = "no difference at this number of seeds"


@dataclass(frozen=True)
class Comparison:
    """Two arms.

    Attributes:
        a: First arm.
        b: Second arm.
        difference: Test distance of a minus that of b; None below three seeds each.
        p: Holm-corrected over the comparisons made; None with it.
        least: Smallest true difference that would be found with 80 % power at this many seeds.
        spread: The floor's spread, below which a difference is none; None where not measured.
    """

    a: str
    b: str
    difference: Difference | None = None
    p: float | None = None
    least: float | None = None
    spread: float | None = None

    @property
    def is_within_floor(self) -> bool:
        """Whether the difference is smaller than the floor's spread (protocol rule 12)."""
        d = self.difference
        return d is not None and self.spread is not None and abs(d.difference) < self.spread

    @property
    def lower(self) -> str | None:
        """The arm with the lower distance; None where there is no difference."""
        if self.difference is None or self.p is None or self.p >= ALPHA or self.is_within_floor:
            return None
        return self.a if self.difference.difference < 0 else self.b

    def verdict(self) -> str:
        """A sentence."""
        pair = f"`{self.a}` and `{self.b}`"
        if self.difference is None or self.p is None or self.least is None:
            return f"{pair}: not compared, fewer than three seeds with a value."
        d = self.difference
        if self.lower is not None:
            higher = self.b if self.lower == self.a else self.a
            ends = sorted((abs(d.low), abs(d.high)))
            by = triple(abs(d.difference), *ends)
            return f"`{self.lower}` is lower than `{higher}` by {by} ({p_value(self.p)})."
        if self.p < ALPHA:
            return (
                f"{pair} differ by {significant(abs(d.difference))}, less than the floor's spread "
                f"of {significant(self.spread or 0)}: no difference."
            )
        return (
            f"{pair}: {NO_DIFFERENCE} ({triple(d.difference, d.low, d.high)}, {p_value(self.p)}; "
            f"{significant(self.least)} would have been found with {POWER * 100:.0f} % power)."
        )


def compare(results: Results) -> list[Comparison]:
    """Every pair of arms at their chosen cells, by the headline distance."""
    values = {}
    for arm in results.arms:
        place = results.chosen(arm)
        values[arm] = place.values(results.headline) if place else []
    pairs = list(itertools.combinations(results.arms, 2))
    tested = [pair for pair in pairs if all(len(values[arm]) >= SEEDS_FOR_INTERVAL for arm in pair)]
    differences = [welch(values[a], values[b]) for a, b in tested]
    corrected = dict(zip(tested, holm([d.p for d in differences]), strict=True))
    found = dict(zip(tested, differences, strict=True))
    floor = headline_floor(results)
    spread = floor.spread if floor else None
    return [
        Comparison(
            a,
            b,
            difference=found.get((a, b)),
            p=corrected.get((a, b)),
            least=detectable(found[a, b], power=POWER, alpha=ALPHA / len(tested))
            if (a, b) in found
            else None,
            spread=spread,
        )
        for a, b in pairs
    ]


def winners(results: Results, comparisons: list[Comparison]) -> list[str]:
    """Arms that are lower than each of the others; at most one."""
    others = len(results.arms) - 1
    return [
        arm for arm in results.arms if others and sum(c.lower == arm for c in comparisons) == others
    ]


def comparison_table(comparisons: list[Comparison]) -> str:
    """Differences with their intervals and corrected p; empty without any pair."""
    if not comparisons:
        return ""
    header = ["pair", "difference [95 % interval]", "p (Welch)", "p (Holm)", "detectable", "lower"]
    rows = []
    for c in comparisons:
        pair = f"`{c.a}` - `{c.b}`"
        if c.difference is None or c.p is None or c.least is None:
            rows.append([pair, *[MISSING] * 4, "not compared: fewer than three seeds"])
            continue
        d = c.difference
        lower = f"`{c.lower}`" if c.lower else "no difference"
        p = [text.removeprefix("p = ").removeprefix("p ") for text in (p_value(d.p), p_value(c.p))]
        rows.append([pair, triple(d.difference, d.low, d.high), *p, significant(c.least), lower])
    notes = (
        "Test distance, each family at its chosen cell. The interval is not corrected. "
        "Detectable is the smallest true difference that these seeds would have shown with "
        "80 % probability, at the strictest step of Holm's correction."
    )
    return f"{table(header, rows)}\n\n{notes}"
