"""DDPM (Ho et al. 2020, arXiv 2006.11239): noise is taken from noise until an image is left."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, Self, cast

from pydantic import Field, model_validator

from bench.config import LARGEST, ModelSettings
from bench.models import Preset, model
from bench.records import DataSpec

if TYPE_CHECKING:
    from torch import Tensor

    from bench.contracts import Bound, Nets, Rng, Scalars, Step, Trainable
    from bench.models._ddpm import Diffusion


class Settings(ModelSettings):
    """Settings of the diffusion model."""

    width: int = Field(16, ge=1, le=1024, description="channels at the image, twice at its half")
    num_steps: int = Field(100, ge=2, le=10_000, description="steps T of noising, and of the bound")
    variance: Literal["posterior", "forward"] = Field(
        "posterior", description="of a step back, in sampling and bound (Ho et al., section 3.2)"
    )
    sampler: Literal["ancestral", "ddim"] = Field(
        "ancestral", description="fresh noise in each step back, or none (DDIM)"
    )
    sample_steps: int = Field(100, ge=1, le=10_000, description="steps back, at most num_steps")
    draws: int = Field(2, ge=1, le=1000, description="noisings of each image in a training step")
    lr: float = Field(2e-3, gt=0, le=LARGEST, description="Adam's learning rate")
    lr_stages: int = Field(
        4, ge=1, le=10, description="stage i lasts 3^i units of the budget at lr * 10^(-i/7)"
    )
    average: float = Field(0.99, ge=0, lt=1, description="decay of the weights' moving average")

    @model_validator(mode="after")
    def _steps_are_there(self) -> Self:
        if self.sample_steps > self.num_steps:
            raise ValueError(
                f"sample_steps must be at most num_steps={self.num_steps}, got {self.sample_steps}"
            )
        return self


@model(
    "ddpm",
    settings=Settings,
    family="diffusion",
    paper="Ho et al. 2020, arXiv 2006.11239",
    defaults={"train.batch_size": 50},
    presets={
        "ddim": Preset(
            "Song et al. 2021, arXiv 2010.02502, eta 0; the number of steps is ours",
            {"model.sampler": "ddim", "model.sample_steps": 20},
        ),
    },
)
def build(settings: Settings, spec: DataSpec) -> Trainable:
    """Diffusion model that tells the noise in an image; a bound on log p(x) of dequantised pixels."""
    from bench.contracts import BoundedDensity, EvalFns, OptimSpec, Phase, Trainable
    from bench.images import dequantise, from_symmetric, level_centres
    from bench.models._ddpm import Diffusion, noise_loss

    size, steps, is_ddim = math.prod(spec.shape), settings.sample_steps, settings.sampler == "ddim"

    diffusion = Diffusion(
        spec.shape,
        num_steps=settings.num_steps,
        width=settings.width,
        variance=settings.variance,
    )

    def observe(images: Tensor, noise: Rng) -> Tensor:
        return dequantise(images, spec.levels, noise.uniform(*images.shape))

    def bound(nets: Nets, x: Tensor, labels: Tensor | None, noise: Rng) -> Bound:  # noqa: ARG001
        found = network(nets).bound(2 * x - 1, noise)
        return found._replace(log_likelihood=found.log_likelihood + size * math.log(2))

    def loss(nets: Nets, step: Step) -> tuple[Tensor, Scalars]:
        x = observe(step.images.repeat(settings.draws, 1, 1, 1), step.noise)
        return noise_loss(network(nets), 2 * x - 1, step.noise), {}

    def latent(nets: Nets, n: int, noise: Rng) -> Tensor:  # noqa: ARG001
        return noise.normal(n, size * (1 if is_ddim else steps))

    def decode(nets: Nets, z: Tensor, labels: Tensor | None) -> Tensor:  # noqa: ARG001
        y = network(nets).sample(z.view(len(z), -1, *spec.shape), steps)
        return level_centres(from_symmetric(y), spec.levels)

    return Trainable(
        modules={"diffusion": diffusion},
        optimizers={
            "adam": OptimSpec(
                modules=("diffusion",), kind="adam", lr=settings.lr, num_stages=settings.lr_stages
            )
        },
        phases=[Phase(name="diffusion", optimizer="adam", loss=loss)],
        average={"diffusion": settings.average} if settings.average else {},
        eval_fns=EvalFns(
            latent=latent,
            decode=decode,
            latent_in_chunks=not is_ddim,
            density=BoundedDensity(
                likelihood_name="dequantised", kind="density", observe=observe, terms=bound
            ),
        ),
    )


def network(nets: Nets) -> Diffusion:
    """The module by its type."""
    return cast("Diffusion", nets["diffusion"])
