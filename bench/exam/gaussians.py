"""Checks on Gaussians that are moved, widened, scaled, rounded.

Räisä, van Breugel and van der Schaar 2025, arXiv 2505.22450, with the numbers of the code that they
published (commit d30d874).
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from bench.exam.asked import EXTREMES, MOVED, SCALES
from bench.exam.checks import Asked, Check, Setting, dimensions, in_dimensions, of_all
from bench.exam.criteria import Criterion, bell, either, falls, level, near, rises
from bench.exam.draws import normal, powers, steps, uniform

REACHES = {1: 6.0, 8: 3.0, 64: 1.0}
"""Dimensions, to how far samples are moved along each."""


def mean_difference(n: int) -> Check:
    """Samples moved away from real data."""

    def draw(
        dim: int, mean: float, real: torch.Generator, fake: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        return normal(n, dim, real), normal(n, dim, fake) + mean

    levels = {dim: steps(reach) for dim, reach in REACHES.items()}
    return Check(
        name="mean difference",
        says="Two standard Gaussians, the samples' moved along every dimension.",
        knob="mean of the samples",
        settings=in_dimensions(levels, draw),
        asked=MOVED,
    )


def outlier(n: int) -> Check:
    """The same with one point far away in one of the sets."""

    def draw(
        dim: int, side: str, mean: float, real: torch.Generator, fake: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        sets = normal(n, dim, real), normal(n, dim, fake) + mean
        far = torch.full((1, dim), REACHES[dim], dtype=torch.float64)
        if side == "real":
            return torch.cat([sets[0], far]), sets[1]
        return sets[0], torch.cat([sets[1], far])

    settings = tuple(
        Setting(
            name=f"{side}, {dimensions(dim)}",
            levels=steps(reach),
            draw=partial(draw, dim, side),
        )
        for side in ("real", "fake")
        for dim, reach in REACHES.items()
    )
    return Check(
        name="outlier",
        says=(
            "The same, with one point more in the real or in the fake set, which lies where the "
            "samples' mean is at the last level."
        ),
        knob="mean of the samples",
        settings=settings,
        asked=MOVED,
    )


PARETO = 1.01
"""Shape of the heavy tail: its mean is there, its variance is not."""


def pareto(n: int) -> Check:
    """A difference of means beside a dimension with a heavy tail."""

    def with_tail(points: Tensor, rng: torch.Generator) -> Tensor:
        tail = (1 - uniform(len(points), 1, rng)) ** (-1 / PARETO)
        return torch.cat([points, tail], 1)

    def draw(mean: float, real: torch.Generator, fake: torch.Generator) -> tuple[Tensor, Tensor]:
        sets = normal(n, 1, real), normal(n, 1, fake) + mean
        return with_tail(sets[0], real), with_tail(sets[1], fake)

    return Check(
        name="heavy tail",
        says=(
            f"The same in one dimension, beside a second one that is Pareto ({PARETO}) in both sets."
        ),
        knob="mean of the samples",
        settings=(Setting(name="2 dimensions", levels=steps(6.0), draw=draw),),
        asked=MOVED,
    )


def wide(where: str) -> Criterion:
    """What diversity is of samples that spread far beyond real data."""
    return either(low=near(0, where), high=near(1, where))


DECADES = {1: 3.0, 8: 1.0, 64: 0.5}
"""Dimensions, to how many powers of ten the samples' spread goes down and up."""


def spread(n: int) -> Check:
    """Samples that are narrower or wider than real data."""

    def draw(
        dim: int, sd: float, real: torch.Generator, fake: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        return normal(n, dim, real), sd * normal(n, dim, fake)

    levels = {dim: powers(-reach, reach, 9) for dim, reach in DECADES.items()}
    return Check(
        name="standard deviation",
        says="Two Gaussians of mean 0, the samples' narrower or wider.",
        knob="standard deviation of the samples",
        settings=in_dimensions(levels, draw),
        log=True,
        asked=(
            of_all("bounds", "identical", near(1, 1.0)),
            Asked(
                desideratum="bounds",
                name="narrow",
                fidelity=near(1, "first"),
                diversity=near(0, "first"),
                both=near(0, "first"),
                at_a_bound=True,
            ),
            Asked(
                desideratum="bounds",
                name="wide",
                fidelity=near(0, "last"),
                diversity=wide("last"),
                both=near(0, "last"),
                at_a_bound=True,
            ),
            Asked(
                desideratum="purpose",
                name="shape",
                fidelity=falls(),
                diversity=either(low=bell(1.0), high=rises()),
                both=bell(1.0),
            ),
        ),
    )


def scaling(n: int) -> Check:
    """Two disjoint sets, in other units along a dimension that says nothing."""

    def draw(scale: float, real: torch.Generator, fake: torch.Generator) -> tuple[Tensor, Tensor]:
        units = torch.tensor([1.0, scale], dtype=torch.float64)
        moved = torch.tensor([6.0, 0.0], dtype=torch.float64)
        return normal(n, 2, real) * units, normal(n, 2, fake) * units + moved

    return Check(
        name="scaling one dimension",
        says=(
            "Two Gaussians in the plane, six standard deviations apart along the first dimension; "
            "the second one is measured in other units in both."
        ),
        knob="unit of the second dimension",
        settings=(Setting(name="2 dimensions", levels=powers(-3, 3, 7), draw=draw),),
        log=True,
        asked=SCALES,
    )


def disjoint_dimension(n: int) -> Check:
    """One dimension that tells the sets apart among more and more that do not."""

    def draw(extra: float, real: torch.Generator, fake: torch.Generator) -> tuple[Tensor, Tensor]:
        dim = round(extra) + 1
        samples = normal(n, dim, fake)
        samples[:, 0] += 6
        return normal(n, dim, real), samples

    return Check(
        name="one disjoint dimension",
        says=(
            "Two Gaussians, six standard deviations apart along one dimension and equal in all "
            "others, of which there are more and more."
        ),
        knob="equal dimensions",
        settings=(Setting(name="all", levels=(1, 3, 10, 30, 100, 300, 1000), draw=draw),),
        log=True,
        asked=(of_all("purpose", "shape", level()), *EXTREMES),
    )


def rounding(n: int) -> Check:
    """Whole numbers against numbers that are not, finer and finer."""

    def draw(
        rounded: str, scale: float, real: torch.Generator, fake: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        sets = scale * normal(n, 1, real), scale * normal(n, 1, fake)
        return (sets[0].round(), sets[1]) if rounded == "real" else (sets[0], sets[1].round())

    return Check(
        name="discrete or continuous",
        says=(
            "Two equal Gaussians in one dimension, one of them rounded to whole numbers: what is "
            "continuous is never a whole number, and whole numbers cover none of it."
        ),
        knob="standard deviation, in steps of the rounding",
        settings=tuple(
            Setting(name=f"{side} discrete", levels=powers(0, 3, 7), draw=partial(draw, side))
            for side in ("real", "fake")
        ),
        log=True,
        asked=(
            of_all("purpose", "shape", level()),
            # A continuous sample is off the real lattice, a discrete one within the real line.
            *(
                asked
                for where in ("first", "last")
                for asked in (
                    _at_an_end("real discrete", where, near(0, where), wide(where)),
                    _at_an_end("fake discrete", where, near(1, where), near(0, where)),
                )
            ),
        ),
    )


def _at_an_end(only: str, where: str, fidelity: Criterion, diversity: Criterion) -> Asked:
    return Asked(
        desideratum="bounds",
        name=f"{where} level",
        fidelity=fidelity,
        diversity=diversity,
        both=near(0, where),
        at_a_bound=True,
        only=only,
    )
