"""A distance through one detector, held against real images and whatever else it is shown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from torch import Tensor

from bench.calibration.numbers import DoseResponse, Floor, Point, ProbeResults
from bench.contracts import Detector, Features
from bench.distances.frechet import frechet_to
from bench.distances.kernel import FEWEST, MAX_DIM, cubic_sums, kernel_distance, mmd_squared
from bench.evaluation.reference import ReferenceData
from bench.measures import feature_name, is_coarse
from bench.metrics.floors import (
    NUM_SUBSETS,
    To,
    floor_heldout,
    floor_train,
    mean_and_spread,
    subset,
)

SMALLEST = 50
MANY_FEATURES_MOST = 1_000
"""Images per kernel distance of many features, which has no shortcut; its mean is that of any n."""


@dataclass(frozen=True, kw_only=True)
class Distance:
    """A distance between two sets of features.

    Attributes:
        base: ``fd`` or ``kd``.
        to: Features of the reference to the distance from it.
        fewest: Images on either side below which it has no value.
        most: The number above which it is not measured, for its cost.
    """

    base: str
    to: Callable[[Tensor], To]
    fewest: int
    most: int


def distances(dim: int, most: int) -> tuple[Distance, ...]:
    """Frechet and kernel distance for that many features, of at most so many images."""
    to, fewer = (_kernel_to, most) if dim <= MAX_DIM else (_pairs_to, MANY_FEATURES_MOST)
    return (
        Distance(base="fd", to=frechet_to, fewest=dim + 1, most=most),
        Distance(base="kd", to=to, fewest=FEWEST, most=min(most, fewer)),
    )


def counts_up_to(n: int, fewest: int) -> list[int]:
    """50, 100, 200, 500, 1,000, ... below n, and n."""
    series = [digit * 10**power for power in range(1, 6) for digit in (1, 2, 5)]
    return [k for k in series if max(SMALLEST, fewest) <= k < n] + [n]


class DistanceProbe:
    """One distance through one detector, with what it said of each set that it was shown.

    Args:
        reference: The data.
        detector: The feature network.
        distance: Which distance.

    Attributes:
        points: Corruption, unit and the dose that changes nothing, to what each dose gave.
        curves: Name of a set to its distance against n.
        ceilings: Name of a set to its distance.
    """

    def __init__(self, reference: ReferenceData, detector: Detector, distance: Distance) -> None:
        self.reference, self.detector, self.distance = reference, detector, distance
        self.n = distance.most
        test = reference.real_features("test", self.n, detector).features
        self.to = {n: distance.to(test[:n]) for n in counts_up_to(self.n, distance.fewest)}
        self.points: dict[tuple[str, str, int], list[Point]] = defaultdict(list)
        self.curves: dict[str, tuple[Point, ...]] = {}
        self.ceilings: dict[str, float] = {}

    def name(self, n: int) -> str:
        """``fd_mnist_n10000``."""
        return feature_name(self.distance.base, self.detector.name, n)

    def point(self, dose: float, sets: Iterable[Tensor]) -> Point:
        """Mean and spread over the features of several sets of n images."""
        return Point(dose, *mean_and_spread([self.to[self.n](part) for part in sets]))

    def curve(self, features: Tensor) -> tuple[Point, ...]:
        """Distance against n, both sides drawn anew each time: how its bias falls."""
        test = every(self.reference, "test", self.detector).features
        points = []
        for n in self.to:
            pairs = (
                (subset(features, n, "dose", i), subset(test, n, "reference", i))
                for i in range(NUM_SUBSETS)
            )
            values = [self.distance.to(reference)(part) for part, reference in pairs]
            points.append(Point(n, *mean_and_spread(values)))
        return tuple(points)

    def results(self) -> ProbeResults:
        """Everything that it said, with its floors."""
        return ProbeResults(
            name=self.name(self.n),
            detector=self.detector.name,
            dim=self.detector.dim,
            n=self.n,
            coarse=self.distance.base == "fd" and is_coarse(self.n, self.detector.dim),
            floors=tuple(self._floor("test", n, to) for n, to in self.to.items()),
            others=tuple(self._other_floors()),
            responses=tuple(
                DoseResponse(corruption=name, unit=unit, identity=identity, points=tuple(points))
                for (name, unit, identity), points in self.points.items()
            ),
            curves=self.curves,
            ceilings=self.ceilings,
        )

    def _floor(self, split: str, n: int, to: To) -> Floor:
        """Train images against a split, from the subsets that the metric ``floors`` draws."""
        train = every(self.reference, "train", self.detector).features
        return Floor(f"{split}/floor_train_{self.name(n)}", n, *floor_train(train, n, to))

    def _other_floors(self) -> Iterator[Floor]:
        """Halves of test against each other, and train images against validation."""
        test = every(self.reference, "test", self.detector).features
        half = min(len(test) // 2, self.n)
        if half >= self.distance.fewest:
            name = f"test/floor_heldout_{self.name(half)}"
            yield Floor(name, half, *floor_heldout(test, half, self.distance.to))
        n = min(len(self.reference.images("val")), self.n)
        if n >= self.distance.fewest:
            val = self.reference.real_features("val", n, self.detector).features
            yield self._floor("val", n, self.distance.to(val))


def every(reference: ReferenceData, split: str, detector: Detector) -> Features:
    """A detector on all images of a split, in their fixed random order."""
    return reference.real_features(split, len(reference.images(split)), detector)


def _kernel_to(reference: Tensor) -> To:
    target = cubic_sums(reference)
    return lambda features: kernel_distance(cubic_sums(features), target)


def _pairs_to(reference: Tensor) -> To:
    return lambda features: mmd_squared(features, reference).value
