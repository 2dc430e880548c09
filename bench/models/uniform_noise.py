"""Uniform noise: the far end of every scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.config import ModelSettings
from bench.models import model
from bench.records import DataSpec

if TYPE_CHECKING:
    from bench.contracts import Trainable


@model("uniform_noise", settings=ModelSettings, family="baseline", paper="protocol rule 4")
def build(settings: ModelSettings, spec: DataSpec) -> Trainable:  # noqa: ARG001
    """Every pixel uniform in [0, 1]; no training."""
    from torch import nn

    from bench.contracts import EvalFns, Trainable

    return Trainable(
        modules={"identity": nn.Identity()},
        eval_fns=EvalFns(
            latent=lambda nets, n, noise: noise.uniform(n, *spec.shape),  # noqa: ARG005
            decode=lambda nets, z, labels: nets["identity"](z),  # noqa: ARG005
        ),
    )
