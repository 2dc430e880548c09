"""Names of measures: what stands in them, which way is better, how many images they need.

Without torch: the report reads what runs have measured.
"""

from __future__ import annotations

import re
from typing import Literal

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


Better = Literal["lower", "higher"]


_LOWER = (
    "fd_",
    "fdinf_",
    "fid_",
    "kd_",
    "kid_",
    "class_fd_",
    "bits_per_dim_",
    "mmd_posterior_",
    "reconstruction_error",
)


_HIGHER = (
    "elbo_",
    "iwae_",
    "ais_",
    "legible",
    "classes",
    "modes",
    "class_accuracy",
    "classifier_score_",
    "inception_score_",
    "precision_",
    "recall_",
    "density_",
    "coverage_",
)


_NEITHER = ("_gap", "_se", "_sd", "_low", "_high", "_real")
"""Endings of what says how certain another value is, or what real images have."""


def better(name: str) -> Better | None:
    """The better direction of ``fd_mnist_n10000`` and the like; None where there is none.

    There is none for what should be as in real images (spread, copying) or only describes a
    model (active units, KL).
    """
    if name.endswith(_NEITHER):
        return None
    if name.startswith(_LOWER):
        return "lower"
    return "higher" if name.startswith(_HIGHER) else None


INCEPTION = "inception"
"""The detector with the original weights, whose distance alone is called FID."""


def feature_name(base: str, detector: str | None, n: int | None = None) -> str:
    """Name of a value of features: ``fd_mnist_n10000``; Inception's ``fd`` alone is ``fid``.

    Protocol rules 9, 10 and 13: the detector and n are part of a name, and FID, KID and the
    Inception score are names of the measures in Inception's features only.
    """
    known = {"fd": "fid", "kd": "kid", "classifier_score": "inception_score"}
    stem = known.get(base) if detector == INCEPTION else None
    stem = stem or f"{base}_{detector}"
    return stem if n is None else f"{stem}_n{n}"


COUNTED = re.compile(r"(?P<stem>.+)_n(?P<n>\d+)(?P<tail>.*)")
"""A name with its number of images."""


BESIDE = ("_real", "_se", "_sd", "_low", "_high")
"""Endings of values that belong to another one."""


NOISE = ("floor_", "sampling_sd_", "reference_sd_")
"""Beginnings of values that say how certain another one is."""


WITHOUT_DETECTOR = ("elbo_", "iwae_", "ais_", "kl_", "reconstruction_", "bits_per_dim_", "active_")
"""What no feature network takes part in."""


INCEPTION_NAMES = ("fid_", "kid_", "inception_score_")
"""What bears no name of a detector, being Inception's alone."""
