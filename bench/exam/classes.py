"""The checks on images in which a class is what a mode is.

After Räisä, van Breugel and van der Schaar 2025, arXiv 2505.22450, whose own are on points.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from bench.exam.asked import SCALES, dropped, invents, shared
from bench.exam.checks import Check, Draw, Setting, of_all
from bench.exam.criteria import level, near
from bench.exam.draws import LOST, powers, sizes
from bench.exam.pool import Pool, of_classes


def classes_draw(
    pool: Pool,
    real: Tensor,
    fake: Callable[[float], Tensor],
    size: Callable[[float], tuple[int, int]],
) -> Draw:
    """A draw of classes by their shares ``[K]``; those of the samples depend on the level."""

    def draw(
        x: float, real_rng: torch.Generator, fake_rng: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        assert pool.real_labels is not None
        assert pool.fake_labels is not None
        n, m = size(x)
        return (
            of_classes(pool.real, pool.real_labels, real, n, real_rng),
            of_classes(pool.fake, pool.fake_labels, fake(x), m, fake_rng),
        )

    return draw


def sequential_dropping(pool: Pool, n: int) -> Check:
    """Classes that the samples lose, one after the other."""
    number = torch.arange(pool.classes)
    draw = classes_draw(
        pool, torch.ones(pool.classes), lambda lost: number < pool.classes - lost, lambda _: (n, n)
    )
    return Check(
        name="sequential mode dropping",
        says="Real images; the samples lose whole classes, the last first.",
        knob="classes that are lost",
        settings=(Setting(name="by class", levels=tuple(map(float, number.tolist())), draw=draw),),
        asked=dropped(by=float((pool.classes - 1) // 2)),
    )


def simultaneous_dropping(pool: Pool, n: int) -> Check:
    """Classes that become rare together."""
    first = torch.arange(pool.classes) == 0
    draw = classes_draw(
        pool,
        torch.ones(pool.classes),
        lambda lost: torch.where(first, 1, 1 - lost),
        lambda _: (n, n),
    )
    return Check(
        name="simultaneous mode dropping",
        says="Real images; the samples lose a share of all classes but the first at once.",
        knob="share of the other classes that is lost",
        settings=(Setting(name="by class", levels=LOST, draw=draw),),
        asked=dropped(by=0.95),
    )


def invention(pool: Pool, n: int) -> Check:
    """Samples of fewer classes than real images, and of more."""
    number, known = torch.arange(pool.classes), pool.classes // 2
    draw = classes_draw(pool, (number < known).float(), lambda k: number < k, lambda _: (n, n))
    return Check(
        name="mode dropping and invention",
        says=(
            f"Real images of the first {known} of {pool.classes} classes, samples of the first, the "
            "first two and so on: beyond them what is real is held to be invented."
        ),
        knob="classes of the samples",
        settings=(
            Setting(name="by class", levels=tuple(map(float, (number + 1).tolist())), draw=draw),
        ),
        asked=invents(known),
    )


def disjoint_classes(pool: Pool, n: int) -> Check:
    """Two sets of no common class, and more and more samples."""
    one, other, levels = _halves(pool, n)
    draw = classes_draw(pool, one, lambda _: other, lambda m: (n, round(m)))
    return Check(
        name="disjoint classes",
        says="Real images of one half of the classes, samples of the other half, more and more.",
        knob="number of samples",
        settings=(Setting(name="by class", levels=levels, draw=draw),),
        log=True,
        asked=(
            of_all("purpose", "shape", level(since=n)),
            of_all("bounds", "disjoint", near(0, "last"), at_a_bound=True),
        ),
    )


def size_of_both(pool: Pool, n: int) -> Check:
    """Two sets that share a class, with more and more images."""
    one, other, levels = _halves(pool, n, common=1)
    draw = classes_draw(pool, one, lambda _: other, lambda m: (round(m), round(m)))
    return Check(
        name="size of both sets",
        says=f"Two halves of the classes that have one in common: {_share(pool):g} of either set.",
        knob="images of each set",
        settings=(Setting(name="by class", levels=levels, draw=draw),),
        log=True,
        asked=(of_all("data", "shape", level(since=n)), shared(_share(pool))),
    )


def size_of_fakes(pool: Pool, n: int) -> Check:
    """The same, where only the samples grow in number."""
    one, other, levels = _halves(pool, n, common=1)
    draw = classes_draw(pool, one, lambda _: other, lambda m: (n, round(m)))
    return Check(
        name="size of the fake set",
        says="The same classes; only the samples grow in number.",
        knob="number of samples",
        settings=(Setting(name="by class", levels=levels, draw=draw),),
        log=True,
        asked=(of_all("hyperparameters", "shape", level(since=n)), shared(_share(pool))),
    )


def _halves(pool: Pool, n: int, common: int = 0) -> tuple[Tensor, Tensor, tuple[float, ...]]:
    """Two sets of half of the classes, with so many in common, and sizes that they can fill."""
    number, half = torch.arange(pool.classes), pool.classes // 2
    one, start = number < half, half - common
    other = (number >= start) & (number < start + half)
    return (
        one.float(),
        other.float(),
        tuple(m for m in sizes(n) if m <= half * pool.most() / 2 or m <= n),
    )


def _share(pool: Pool) -> float:
    """One class of half of them."""
    return 1 / (pool.classes // 2)


def scaling(pool: Pool, n: int) -> Check:
    """Disjoint classes, with one feature in other units."""
    one, other, _ = _halves(pool, n)
    plain = classes_draw(pool, one, lambda _: other, lambda _: (n, n))

    def draw(scale: float, real: torch.Generator, fake: torch.Generator) -> tuple[Tensor, Tensor]:
        units = torch.ones(pool.real.shape[1], dtype=torch.float64)
        units[0] = scale
        sets = plain(scale, real, fake)
        return sets[0] * units, sets[1] * units

    return Check(
        name="scaling one feature",
        says=(
            "Real images of one half of the classes, samples of the other; the first feature of the "
            "detector is measured in other units in both."
        ),
        knob="unit of the first feature",
        settings=(Setting(name="by class", levels=powers(-3, 3, 7), draw=draw),),
        log=True,
        asked=SCALES,
    )


BY_CLASS = {
    "simultaneous mode dropping": simultaneous_dropping,
    "sequential mode dropping": sequential_dropping,
    "mode dropping and invention": invention,
    "disjoint classes": disjoint_classes,
    "size of both sets": size_of_both,
    "size of the fake set": size_of_fakes,
    "scaling one feature": scaling,
}
"""Checks that need classes."""
