"""Which way a measure is better, where one way is."""

from __future__ import annotations

from typing import Literal

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
