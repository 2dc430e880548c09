"""The sanity checks that can be posed on images, in the features of a detector.

After Räisä, van Breugel and van der Schaar 2025, arXiv 2505.22450, whose own are on points: what
a class is takes the place of a mode. Both sets are train images, which halves of the split share
out, so that nothing of test or validation is read and both have one distribution.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from bench.exam.checks import Asked, Check, Setting, of_all
from bench.exam.classes import BY_CLASS
from bench.exam.criteria import falls, level, near
from bench.exam.pool import DOSES, FEWEST_CLASSES, Pool, some


def image_checks(pool: Pool, n: int) -> tuple[tuple[Check, ...], dict[str, str]]:
    """Every check of n images a set, and the reasons of those that cannot be posed."""
    plain = (noise(pool, n), outlier(pool, n), repetition(pool, n))
    if pool.classes < FEWEST_CLASSES:
        why = f"needs {FEWEST_CLASSES} classes or more, the data set has {pool.classes or 'none'}"
        return plain, dict.fromkeys(BY_CLASS, why)
    return (*plain, *(make(pool, n) for make in BY_CLASS.values())), {}


def noise(pool: Pool, n: int) -> Check:
    """Samples that are real images under noise."""

    def draw(dose: float, real: torch.Generator, fake: torch.Generator) -> tuple[Tensor, Tensor]:
        return some(pool.real, n, real), some(pool.noisy[dose], n, fake)

    return Check(
        name="noise",
        says="Real images, the samples under normal noise that is added to every pixel.",
        knob="standard deviation of the noise, white = 1",
        settings=(Setting(name="all classes", levels=DOSES, draw=draw),),
        asked=_FADING,
    )


_FADING = (
    of_all("bounds", "identical", near(1, "first")),
    of_all("bounds", "last extreme", near(0, "last"), at_a_bound=True),
    of_all("purpose", "shape", falls()),
)


def outlier(pool: Pool, n: int) -> Check:
    """The same with one noisy image in one of the sets."""

    def draw(
        side: str, dose: float, real: torch.Generator, fake: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        sets = some(pool.real, n, real), some(pool.noisy[dose], n, fake)
        far = some(pool.noisy[DOSES[-1]], 1, real)
        if side == "real":
            return torch.cat([sets[0], far]), sets[1]
        return sets[0], torch.cat([sets[1], far])

    return Check(
        name="outlier",
        says="The same, with one image more in the real or in the fake set, under the most noise.",
        knob="standard deviation of the noise, white = 1",
        settings=tuple(
            Setting(name=f"outlier is {side}", levels=DOSES, draw=partial(draw, side))
            for side in ("real", "fake")
        ),
        asked=_FADING,
    )


def repetition(pool: Pool, n: int) -> Check:
    """Few images, shown often."""

    def draw(times: float, real: torch.Generator, fake: torch.Generator) -> tuple[Tensor, Tensor]:
        few = some(pool.fake, -(-n // round(times)), fake)
        return some(pool.real, n, real), few.repeat(round(times), 1)[:n]

    levels = tuple(float(t) for t in (1, 2, 5, 10, 20, 50, 100, 200, 500) if t <= n // 2)
    return Check(
        name="repetition",
        says="Real images in both sets; the samples are fewer and fewer different ones.",
        knob="times each sample is shown",
        settings=(Setting(name="all classes", levels=levels, draw=draw),),
        log=True,
        asked=(
            of_all("bounds", "identical", near(1, "first")),
            Asked(
                desideratum="bounds",
                name="fewest",
                fidelity=near(1, "last"),
                diversity=near(0, "last"),
            ),
            Asked(
                desideratum="purpose",
                name="shape",
                fidelity=level(),
                diversity=falls(),
                both=falls(),
            ),
        ),
    )
