"""RealNVP (Dinh et al. 2017, arXiv 1605.08803): an invertible map of images to noise."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

from pydantic import Field

from bench.config import LARGEST, ModelSettings
from bench.models import model
from bench.records import DataSpec

if TYPE_CHECKING:
    from torch import Tensor

    from bench.contracts import Nets, Scalars, Step, Trainable
    from bench.models._realnvp import RealNvp


class Settings(ModelSettings):
    """Settings of RealNVP."""

    num_couplings: int = Field(8, ge=2, le=64, description="affine couplings, of halves in turn")
    hidden: int = Field(256, ge=1, le=8192, description="units of a coupling's two hidden layers")
    lr: float = Field(1e-3, gt=0, le=LARGEST, description="Adam's learning rate")
    lr_stages: int = Field(
        4, ge=1, le=10, description="stage i lasts 3^i units of the budget at lr * 10^(-i/7)"
    )
    average: float = Field(0.999, ge=0, lt=1, description="decay of the weights' moving average")


@model(
    "realnvp",
    settings=Settings,
    family="flow",
    paper="Dinh et al. 2017, arXiv 1605.08803",
    defaults={"train.batch_size": 50},
)
def build(settings: Settings, spec: DataSpec) -> Trainable:
    """RealNVP: log p(x) of dequantised pixels is exact, by change of variables."""
    from bench.contracts import EvalFns, ExactDensity, OptimSpec, Phase, Trainable
    from bench.distances.gaussians import standard_log_prob
    from bench.images import dequantise, level_centres
    from bench.models._realnvp import RealNvp, log_prob

    flow = RealNvp(spec.shape, num_couplings=settings.num_couplings, hidden=settings.hidden)
    density = ExactDensity(
        likelihood_name="dequantised",
        kind="density",
        observe=lambda images, noise: dequantise(images, spec.levels, noise.uniform(*images.shape)),
        log_prob=lambda nets, x, labels: log_prob(nets["flow"], x),  # noqa: ARG005
    )

    def loss(nets: Nets, step: Step) -> tuple[Tensor, Scalars]:
        log_px = log_prob(nets["flow"], density.observe(step.images, step.noise)).mean()
        return -log_px, {"log_likelihood_nats": log_px}

    def decode(nets: Nets, z: Tensor, labels: Tensor | None) -> Tensor:  # noqa: ARG001
        return level_centres(flow_of(nets).to_images(z), spec.levels)

    return Trainable(
        modules={"flow": flow},
        optimizers={
            "adam": OptimSpec(
                modules=("flow",), kind="adam", lr=settings.lr, num_stages=settings.lr_stages
            )
        },
        phases=[Phase(name="flow", optimizer="adam", loss=loss)],
        initialise=lambda nets, images: flow_of(nets).fit(images, spec.levels),
        average={"flow": settings.average} if settings.average else {},
        eval_fns=EvalFns(
            latent=lambda nets, n, noise: noise.normal(n, math.prod(spec.shape)),  # noqa: ARG005
            decode=decode,
            latent_dim=math.prod(spec.shape),
            prior_log_prob=lambda nets, z: standard_log_prob(z),  # noqa: ARG005
            density=density,
        ),
    )


def flow_of(nets: Nets) -> RealNvp:
    """The module by its type."""
    return cast("RealNvp", nets["flow"])
