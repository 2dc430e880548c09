"""The measures that sit the exam: functions of two sets of features, and what is asked of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Literal

from torch import Tensor

from bench.distances.clipped import clipped
from bench.distances.frechet import frechet_distance, moments
from bench.distances.pairs import K, Pairs, within
from bench.distances.vendi import vendi_score
from bench.distances.wasserstein import sliced_wasserstein
from bench.exam.checks import Kind
from bench.measures import is_enough

Scale = Literal["score", "distance"]
"""``score``: 1 for real data and 0 for the worst; ``distance``: 0 for real data, without an end."""

SPREADS = 10
"""A distance that a curve's noise could be, in spreads: within them all of it is level."""


@dataclass(frozen=True, kw_only=True)
class Examined:
    """A measure that sits the exam.

    Attributes:
        name: As the names of its values begin.
        kind: What is asked of it.
        scale: How its values become scores.
        says: What it is, in a few words.
    """

    name: str
    kind: Kind
    scale: Scale
    says: str

    def scores(self, means: Sequence[float], spreads: Sequence[float]) -> list[float]:
        """The scores of a curve, of its means over repetitions and their standard deviations.

        A distance has no unit of its own: v becomes u / (u + v), where u is the curve's median,
        or ``SPREADS`` of its median spread where that is more. Below zero, where an unbiased one
        falls by chance, it counts as 0.
        """
        if self.scale == "score":
            return list(means)
        unit = max(median(map(abs, means)), SPREADS * median(spreads)) or 1.0
        return [unit / (unit + max(mean, 0.0)) for mean in means]


Values = dict[str, float]

Group = Callable[[Tensor, Tensor], Values]
"""Real and fake set ``[n, d]`` and ``[m, d]`` to the values of one or more measures; those that the
sets are too small for, or of the wrong form, are left out."""


def _frechet(real: Tensor, fake: Tensor) -> Values:
    if not is_enough(min(len(real), len(fake)), real.shape[1]):
        return {}
    return {"fd": frechet_distance(moments(fake), moments(real))}


def _pairs(real: Tensor, fake: Tensor) -> Values:
    if min(len(real), len(fake)) <= K:
        return {}
    pairs = Pairs(fake, real, within(fake), within(real))
    return {"kd": pairs.kernel_distance().value, **asdict(pairs.overlap())}


def _sliced(real: Tensor, fake: Tensor) -> Values:
    if real.shape[1] != 2 or len(real) != len(fake):
        return {}
    return {"sw": sliced_wasserstein(fake, real)}


def _clipped(real: Tensor, fake: Tensor) -> Values:
    if min(len(real), len(fake)) <= K:
        return {}
    density, coverage = clipped(real, fake)
    return {"clipped_density": density, "clipped_coverage": coverage}


def _vendi(real: Tensor, fake: Tensor) -> Values:
    """As a share of what the real set has: the report shows both."""
    return {"vendi": vendi_score(fake) / vendi_score(real)}


GROUPS: tuple[Group, ...] = (_frechet, _pairs, _sliced, _clipped, _vendi)

EXAMINED = (
    Examined(name="fd", kind="both", scale="distance", says="Frechet distance"),
    Examined(name="kd", kind="both", scale="distance", says="kernel distance, cubic"),
    Examined(name="sw", kind="both", scale="distance", says="sliced Wasserstein, in the plane"),
    Examined(name="precision", kind="fidelity", scale="score", says="of 5 neighbours"),
    Examined(name="recall", kind="diversity", scale="score", says="of 5 neighbours"),
    Examined(name="density", kind="fidelity", scale="score", says="of 5 neighbours"),
    Examined(name="coverage", kind="diversity", scale="score", says="of 5 neighbours"),
    Examined(name="clipped_density", kind="fidelity", scale="score", says="of 5 neighbours"),
    Examined(name="clipped_coverage", kind="diversity", scale="score", says="of 5 neighbours"),
    Examined(name="vendi", kind="diversity", scale="score", says="as a share of the real set's"),
)

PAIRED = (
    ("precision", "recall"),
    ("density", "coverage"),
    ("clipped_density", "clipped_coverage"),
)
"""A measure of fidelity and one of diversity that belong together."""


def values(real: Tensor, fake: Tensor) -> Values:
    """Name to value of every measure that two sets of features allow."""
    return {name: value for group in GROUPS for name, value in group(real, fake).items()}
