"""Checks on uniform distributions: surfaces, bodies, cubes and their numbers of points.

Räisä, van Breugel and van der Schaar 2025, arXiv 2505.22450, with the numbers of the code that they
published (commit d30d874).
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from bench.exam.asked import EXTREMES, shared
from bench.exam.checks import Check, Setting, in_dimensions, of_all
from bench.exam.criteria import bell, level, near
from bench.exam.draws import ball, on_sphere, sizes, torus, uniform

OVERLAP = 0.2
"""Share of each of two cubes that lies in the other."""


def sphere_surface(n: int) -> Check:
    """Samples on a smaller or larger sphere than that of real data."""

    def draw(
        dim: int, radius: float, real: torch.Generator, fake: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        return on_sphere(n, dim, real), radius * on_sphere(n, dim, fake)

    levels = tuple(round(0.1 + 0.225 * i, 3) for i in range(9))
    return Check(
        name="sphere's surface",
        says="Real data lie on the unit sphere, samples on one of another radius: nothing is shared.",
        knob="radius of the samples",
        settings=in_dimensions(dict.fromkeys((2, 16, 128), levels), draw),
        asked=(
            of_all("bounds", "identical", near(1, 1.0)),
            *EXTREMES,
            of_all("purpose", "shape", bell(1.0)),
        ),
    )


def sphere_and_torus(n: int) -> Check:
    """A ball within a torus, which never meet, and more and more samples."""

    def draw(
        is_ball: bool,
        size: float,
        real: torch.Generator,
        fake: torch.Generator,
    ) -> tuple[Tensor, Tensor]:
        m = round(size)
        if is_ball:
            return 0.8 * ball(n, 3, real), torus(m, fake)
        return torus(n, real), 0.8 * ball(m, 3, fake)

    return Check(
        name="ball and torus",
        says=(
            "A ball of radius 0.8 and a torus around it that it does not touch, one the real data "
            "and the other the samples, whose number grows."
        ),
        knob="number of samples",
        settings=(
            Setting(name="real ball", levels=sizes(n), draw=partial(draw, True)),
            Setting(name="real torus", levels=sizes(n), draw=partial(draw, False)),
        ),
        log=True,
        asked=(
            of_all("purpose", "shape", level(since=n)),
            of_all("bounds", "disjoint", near(0, "last"), at_a_bound=True),
        ),
    )


def cubes(
    size: tuple[int, int], dim: int, rngs: tuple[torch.Generator, torch.Generator]
) -> tuple[Tensor, Tensor]:
    """Two unit cubes that share a fifth of their volume."""
    start = 1 - OVERLAP ** (1 / dim)
    return uniform(size[0], dim, rngs[0]), start + uniform(size[1], dim, rngs[1])


def size_of_both(n: int) -> Check:
    """Two cubes that overlap, with more and more points in both."""

    def draw(
        dim: int, size: float, real: torch.Generator, fake: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        return cubes((round(size), round(size)), dim, (real, fake))

    return Check(
        name="size of both sets",
        says="Two unit cubes that share 0.2 of their volume, with more and more points in both.",
        knob="points of each set",
        settings=in_dimensions(dict.fromkeys((1, 8, 64), sizes(n)), draw),
        log=True,
        asked=(of_all("data", "shape", level(since=n)), shared(OVERLAP)),
    )


def size_of_fakes(n: int) -> Check:
    """The same, where only the samples grow in number."""

    def draw(
        dim: int, size: float, real: torch.Generator, fake: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        return cubes((n, round(size)), dim, (real, fake))

    return Check(
        name="size of the fake set",
        says="The same cubes; only the samples grow in number.",
        knob="number of samples",
        settings=in_dimensions(dict.fromkeys((1, 8, 64), sizes(n)), draw),
        log=True,
        asked=(of_all("hyperparameters", "shape", level(since=n)), shared(OVERLAP)),
    )
