"""What a calibration found, as plain numbers, and whether the measures do what is asked of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

MIN_RANK = 0.95
"""A distance follows the doses where its rank correlation with them is above this."""

MIN_SPREADS = 10
"""The last dose must lie above the floor by more than so many of the floor's spreads."""

MIN_DOSES = 3
"""Fewer doses say nothing of an order."""


@dataclass(frozen=True)
class Point:
    """A distance over random subsets.

    Attributes:
        x: The dose or the number of images.
        mean: Over the subsets.
        spread: Their standard deviation.
    """

    x: int | float
    mean: float
    spread: float


@dataclass(frozen=True)
class Floor:
    """Real images against real images (protocol rule 12).

    Attributes:
        name: As in every report, ``floor_train_fd_mnist_n10000``.
        n: Images on either side.
        mean: Over ten random subsets.
        spread: Their standard deviation.
    """

    name: str
    n: int
    mean: float
    spread: float


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What is asked of a distance on one corruption, and what it did.

    Attributes:
        rank: Spearman's correlation of distance and dose; None where the distance is constant.
        spreads: The last dose above the floor, in the floor's spreads; None without a spread.
        within: Doses that are not told from real images: above the floor by no more than its
            spread or their own.
        failures: What it fails, in plain words; empty where it does what is asked.
    """

    rank: float | None
    spreads: float | None
    within: tuple[float, ...]
    failures: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class DoseResponse:
    """How a distance answers to one corruption.

    Attributes:
        corruption: Its name.
        unit: What a dose counts.
        identity: The dose that changes nothing: 0, or 1 for a number of times.
        points: One per further dose, ascending.
    """

    corruption: str
    unit: str
    identity: int
    points: tuple[Point, ...]

    @property
    def rises(self) -> bool:
        """Whether every dose gives a larger distance than the one before."""
        return all(a.mean < b.mean for a, b in pairwise(self.points))

    def not_above(self, floor: Floor) -> tuple[float, ...]:
        """Doses whose distance is not above that of real images."""
        return tuple(point.x for point in self.points if point.mean <= floor.mean)

    def verdict(self, floor: Floor) -> Verdict:
        """Whether the distance rises with the doses and leaves the floor."""
        means = [point.mean for point in self.points]
        rank = rank_correlation([point.x for point in self.points], means)
        above = means[-1] - floor.mean
        failures = []
        if len(means) >= MIN_DOSES and rank is None:
            failures.append("is the same at every dose")
        elif rank is not None and rank <= MIN_RANK:
            failures.append(f"does not rise with the doses (rank correlation {rank:.2f})")
        if above <= MIN_SPREADS * floor.spread:
            failures.append(f"does not leave the floor by {MIN_SPREADS} spreads at the last dose")
        return Verdict(
            rank=rank,
            spreads=above / floor.spread if floor.spread > 0 else None,
            within=tuple(
                p.x for p in self.points if p.mean - floor.mean <= max(floor.spread, p.spread)
            ),
            failures=tuple(failures),
        )


@dataclass(frozen=True, kw_only=True)
class ProbeResults:
    """Everything that was measured with one distance through one detector.

    Attributes:
        name: With its detector and n, ``fd_mnist_n10000``.
        detector: The detector's name.
        dim: Its number of features.
        n: Images on either side where nothing else is said.
        coarse: Whether n is so small for its features that bias is much of a value (rule 11).
        floors: Train images against the test split, ascending in n; the last is of ``n``.
        others: Test halves against each other, and train images against validation.
        responses: One per corruption.
        curves: Distance against n, ``x``, of train images (``real``) and of a damaged set
            (``blur 0.7``); unlike the floors with both sides drawn anew each time.
        ceilings: Name to distance, of n images without anything of the data but its pixels.
    """

    name: str
    detector: str
    dim: int
    n: int
    coarse: bool
    floors: tuple[Floor, ...]
    others: tuple[Floor, ...]
    responses: tuple[DoseResponse, ...]
    curves: dict[str, tuple[Point, ...]]
    ceilings: dict[str, float]

    @property
    def floor(self) -> Floor:
        """Train images against the test split at ``n``."""
        return self.floors[-1]

    def verdicts(self) -> dict[str, Verdict]:
        """Corruption to verdict, in the responses' order."""
        return {each.corruption: each.verdict(self.floor) for each in self.responses}


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """All that the card of a data set is written from.

    Attributes:
        key: Digest of what the numbers depend on; equal keys need no second measurement.
        command: What made it.
        dataset: The data set's name.
        sizes: Images by split.
        pool: Train images that were damaged.
        draws: Random subsets behind every mean.
        answers: One per detector and distance.
        not_applicable: What was not measured, to the reason.
        facts: Digests, versions and machine, as text.
    """

    key: str
    command: str
    dataset: str
    sizes: dict[str, int]
    pool: int
    draws: int
    answers: tuple[ProbeResults, ...]
    not_applicable: dict[str, str]
    facts: dict[str, str]


def rank_correlation(x: Sequence[float], y: Sequence[float]) -> float | None:
    """Spearman's rank correlation; None where it says nothing: y constant, or too few values."""
    from scipy import stats

    if len(y) < MIN_DOSES or len(set(y)) == 1:
        return None
    return float(stats.spearmanr(x, y).statistic)
