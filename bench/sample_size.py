"""How many images a Frechet distance needs (protocol rule 11); without torch, for the report."""

from __future__ import annotations

COARSE = 10
"""Images for each feature below which a distance is marked as coarse."""

FEWEST_TO_EXTRAPOLATE = 5_000
"""Held-out images from which on a distance is extrapolated to infinitely many."""


def is_enough(n: int, dim: int) -> bool:
    """Whether the covariance of n features of that dimension has full rank; else: refused."""
    return n > dim


def is_coarse(n: int, dim: int) -> bool:
    """Whether n is below ten images for each feature: the bias is then a large part of a value.

    Args:
        n: Images of each side, the number at the end of ``fd_mnist_n10000``.
        dim: Features of the detector, the tag ``detector_dim`` of a run.
    """
    return n < COARSE * dim
