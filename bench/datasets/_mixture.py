"""Points of a plane from a known density: equal Gaussians at known places."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.datasets._splits import Arrays, Parts

LEVELS = 65_536
NUM_POINTS, NUM_HELD_OUT = 120_000, 10_000
"""Of which 100,000 are trained on; validation and test have 10,000 each."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Mixture:
    """A mixture of equally likely Gaussians of the plane with covariance ``sd``^2 I.

    Attributes:
        means: Of each one, ``(x, y)``.
        sd: Of each coordinate.
        extent: Least and largest coordinate of the square that is laid on 65,536 levels a side.
    """

    means: tuple[tuple[float, float], ...]
    sd: float
    extent: tuple[float, float]

    def draw(self, n: int, seed: int) -> tuple[Floats, NDArray[np.int64]]:
        """n points ``[n, 2]`` and the number of the Gaussian that each is from."""
        # Raw 64-bit words: NumPy keeps their stream for ever, which it does not for its normals.
        raw = np.random.PCG64(seed).random_raw(3 * n)
        u, v, w = ((raw >> np.uint64(11)) + 0.5).reshape(3, n) * 2.0**-53
        mode = np.minimum((w * len(self.means)).astype(np.int64), len(self.means) - 1)
        radius = self.sd * np.sqrt(-2 * np.log(u))  # Box and Muller 1958
        turn = np.stack([np.cos(2 * np.pi * v), np.sin(2 * np.pi * v)], axis=1)
        return np.asarray(self.means)[mode] + radius[:, None] * turn, mode

    def parts(self, seed: int) -> Parts:
        """The points of a data set, on levels, with the number of their Gaussian as label."""
        points, mode = self.draw(NUM_POINTS, seed)
        low, high = self.extent
        levels = np.rint((points - low) / (high - low) * (LEVELS - 1)).astype(np.uint16)
        return Parts(Arrays(levels.reshape(-1, 1, 1, 2), mode))
