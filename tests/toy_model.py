"""A whole model in one file, to copy: an autoencoder that learns brightness alone.

bench train toy --plugin tests/toy_model.py
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn

from bench.config import ModelSettings
from bench.contracts import EvalFns, Nets, OptimSpec, Phase, Scalars, Step, Trainable
from bench.models import model
from bench.records import DataSpec


class Settings(ModelSettings):
    """What `bench show toy` prints and `--set` changes."""

    lr: float = Field(1e-2, gt=0, description="Adam's learning rate")


@model("toy", settings=Settings, family="toy", paper="none: an example")
def build(settings: Settings, spec: DataSpec) -> Trainable:
    """One number per image, and images that are linear in it."""
    size = spec.shape[0] * spec.shape[1] * spec.shape[2]

    def loss(nets: Nets, step: Step) -> tuple[Tensor, Scalars]:
        z = step.images.flatten(1).mean(1, keepdim=True)
        error = (decode(nets, z, None) - step.images).square().flatten(1).sum(1).mean()
        return error, {"squared_error": error}

    def decode(nets: Nets, z: Tensor, labels: Tensor | None) -> Tensor:
        return torch.sigmoid(nets["decoder"](z)).view(-1, *spec.shape)

    return Trainable(
        modules={"decoder": nn.Linear(1, size)},
        optimizers={"adam": OptimSpec(modules=("decoder",), kind="adam", lr=settings.lr)},
        phases=[Phase(name="toy", optimizer="adam", loss=loss)],
        eval_fns=EvalFns(
            latent=lambda nets, n, noise: noise.uniform(n, 1), decode=decode, latent_dim=1
        ),
    )
