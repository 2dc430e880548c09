"""A full-covariance Gaussian fitted to the training images: the baseline every model has to beat."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

from bench.config import ModelSettings
from bench.models import model
from bench.records import DataSpec

if TYPE_CHECKING:
    from bench.contracts import Trainable


@model(
    "pixel_gaussian",
    settings=ModelSettings,
    family="baseline",
    paper="protocol rule 4",
)
def build(settings: ModelSettings, spec: DataSpec) -> Trainable:  # noqa: ARG001
    """Full-covariance Gaussian fitted to the training images; no training."""
    from bench.contracts import EvalFns, Trainable
    from bench.models._pixel_gaussian import PixelGaussian

    return Trainable(
        modules={"gaussian": PixelGaussian(spec.shape)},
        initialise=lambda nets, images: cast("PixelGaussian", nets["gaussian"]).fit(images),
        eval_fns=EvalFns(
            latent=lambda nets, n, noise: noise.normal(n, math.prod(spec.shape)),  # noqa: ARG005
            decode=lambda nets, z, labels: nets["gaussian"](z),  # noqa: ARG005
        ),
    )
