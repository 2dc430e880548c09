"""Checks on modes that are lost, invented or taken for one.

Räisä, van Breugel and van der Schaar 2025, arXiv 2505.22450, with the numbers of the code that they
published (commit d30d874).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from bench.exam.asked import dropped, invents
from bench.exam.checks import Asked, Check, Setting, in_dimensions, of_all
from bench.exam.criteria import either, falls, level, near
from bench.exam.draws import LOST, mixture, normal

MODES = 10

INVENTED = (
    (5.46794328, -4.08481523),
    (4.87211875, -13.64864684),
    (-16.39432073, 9.09802249),
    (-2.15447941, 12.46200019),
    (11.55784483, -4.96049923),
    (-24.60558474, 14.18020818),
    (16.84215967, -3.18710751),
    (-5.47807206, -6.77247129),
    (9.46726546, 1.05922347),
    (-5.40346201, -17.29490131),
)
"""Means of the check of invention; real data have the first five."""

KNOWN = 5


def one_or_two_modes(n: int) -> Check:
    """Samples of one mode where real data have two, with the same mean and variance."""

    def draw(
        dim: int, apart: float, real: torch.Generator, fake: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        means = torch.tensor([[-apart / 2], [apart / 2]], dtype=torch.float64).expand(2, dim)
        samples = math.sqrt(1 + apart**2) * normal(n, dim, fake)
        return mixture(means, 1.0, torch.ones(2), n, real), samples

    levels = tuple(float(i) for i in range(6))
    return Check(
        name="one mode for two",
        says=(
            "Real data are two unit Gaussians that move apart along every dimension, samples one "
            "wide Gaussian of variance 1 + distance²."
        ),
        knob="distance of the two modes along each dimension",
        settings=in_dimensions(dict.fromkeys((1, 8, 64), levels), draw),
        asked=(
            of_all("bounds", "identical", near(1, "first")),
            Asked(
                desideratum="purpose",
                name="shape",
                fidelity=falls(),
                diversity=either(low=falls(), high=level()),
                both=falls(),
            ),
        ),
    )


WIDTHS = {1: 1 / 6, 8: 1 / 3, 64: 1.0}
"""Dimensions, to the standard deviation of each of the ten modes."""


def modes_of(dim: int) -> Tensor:
    """Ten means on the diagonal, from 0 to 10, ``[10, dim]``."""
    return torch.linspace(0, 10, MODES, dtype=torch.float64)[:, None].expand(MODES, dim)


def simultaneous_dropping(n: int) -> Check:
    """Nine of ten modes that become rare together."""

    def draw(
        dim: int, share: float, real: torch.Generator, fake: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        means, sd, equal = modes_of(dim), WIDTHS[dim], torch.ones(MODES)
        left = torch.cat([equal[:1], equal[1:] * (1 - share)])
        return mixture(means, sd, equal, n, real), mixture(means, sd, left, n, fake)

    return Check(
        name="simultaneous mode dropping",
        says="Ten modes on a diagonal; the samples lose a share of nine of them at once.",
        knob="share of nine modes that is lost",
        settings=in_dimensions(dict.fromkeys(WIDTHS, LOST), draw),
        asked=dropped(by=0.95),
    )


def sequential_dropping(n: int) -> Check:
    """Modes that are lost one after the other."""

    def draw(
        dim: int, lost: float, real: torch.Generator, fake: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        means, sd, equal = modes_of(dim), WIDTHS[dim], torch.ones(MODES)
        left = (torch.arange(MODES) < MODES - lost).float()
        return mixture(means, sd, equal, n, real), mixture(means, sd, left, n, fake)

    levels = tuple(float(i) for i in range(MODES))
    return Check(
        name="sequential mode dropping",
        says="The same ten modes; the samples lose whole ones, the last first.",
        knob="modes that are lost",
        settings=in_dimensions(dict.fromkeys(WIDTHS, levels), draw),
        asked=dropped(by=4.0),
    )


def invention(n: int) -> Check:
    """Samples of fewer modes than real data, and of more."""
    means, sd = torch.tensor(INVENTED, dtype=torch.float64), 0.25

    def draw(modes: float, real: torch.Generator, fake: torch.Generator) -> tuple[Tensor, Tensor]:
        number = torch.arange(len(means))
        shares = (number < KNOWN).float(), (number < modes).float()
        return mixture(means, sd, shares[0], n, real), mixture(means, sd, shares[1], n, fake)

    levels = tuple(float(i) for i in range(1, MODES + 1))
    return Check(
        name="mode dropping and invention",
        says="Real data have the first five of ten modes in the plane, samples the first one to ten.",
        knob="modes of the samples",
        settings=(Setting(name="2 dimensions", levels=levels, draw=draw),),
        asked=invents(KNOWN),
    )
