"""The measures that sit the exam: functions of two sets of features, and what is asked of each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Literal

import torch
from torch import Tensor

from bench.distances.clipped import clipped
from bench.distances.feature_likelihood import feature_likelihood
from bench.distances.frechet import frechet_distance, moments
from bench.distances.mass import CELLS, FEWEST_OF_A_CELL, mass_test
from bench.distances.pairs import K, Pairs, within
from bench.distances.two_samples import FEWEST, classifier_bound
from bench.distances.vendi import vendi_score
from bench.distances.wasserstein import sliced_wasserstein
from bench.exam.checks import Kind
from bench.measures import is_enough
from bench.runtime import generator

Scale = Literal["score", "distance", "bounded"]
"""``score``: 1 for real data and 0 for the worst; ``distance``: 0 for real data, without an end;
``bounded``: 0 for real data and 1 for the worst."""

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
        if self.scale == "bounded":
            return [1 - mean for mean in means]
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


def _likelihood(real: Tensor, fake: Tensor) -> Values:
    """One half of the real set is held out, the other one trained on; as many samples as the ideal has."""
    real, fake = _mixed(real), _mixed(fake)
    train = real[1::2]
    m = min(len(fake), len(train) // 2)
    return {"fld": feature_likelihood(real[::2], fake[:m], train).divergence} if m > K else {}


def _classifier(real: Tensor, fake: Tensor) -> Values:
    if min(len(real), len(fake)) < FEWEST:
        return {}
    return {"js_bound": classifier_bound(_mixed(real), _mixed(fake)).distance}


def _mass(real: Tensor, fake: Tensor) -> Values:
    if len(real) + len(fake) < FEWEST_OF_A_CELL * CELLS:
        return {}
    return {"pqm_p": mass_test(real, fake).p}


def _mixed(points: Tensor) -> Tensor:
    """In a random order, of which the first are like the others."""
    return points[torch.randperm(len(points), generator=generator("exam", "order"))]


GROUPS: Mapping[Group, tuple[str, ...]] = {
    _frechet: ("fd",),
    _pairs: ("kd", "precision", "recall", "density", "coverage"),
    _sliced: ("sw",),
    _clipped: ("clipped_density", "clipped_coverage"),
    _vendi: ("vendi",),
    _likelihood: ("fld",),
    _classifier: ("js_bound",),
    _mass: ("pqm_p",),
}
"""Each with the names of its values."""

EXAMINED = (
    Examined(name="fd", kind="both", scale="distance", says="Frechet distance"),
    Examined(name="kd", kind="both", scale="distance", says="kernel distance, cubic"),
    Examined(name="sw", kind="both", scale="distance", says="sliced Wasserstein, in the plane"),
    Examined(name="fld", kind="both", scale="distance", says="feature likelihood divergence"),
    Examined(name="js_bound", kind="both", scale="bounded", says="a classifier's bound"),
    Examined(name="pqm_p", kind="both", scale="score", says="p of PQMass"),
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


NAMES = tuple(measure.name for measure in EXAMINED)


def values(real: Tensor, fake: Tensor, names: Collection[str] = NAMES) -> Values:
    """Name to value of every one of these measures that two sets of features allow."""
    return {
        name: value
        for group, gives in GROUPS.items()
        if not set(gives).isdisjoint(names)
        for name, value in group(real, fake).items()
        if name in names
    }
