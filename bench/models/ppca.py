"""Probabilistic PCA in closed form (Tipping and Bishop 1999): what a linear VAE is to reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from bench.config import ModelSettings
from bench.models import model
from bench.records import DataSpec

if TYPE_CHECKING:
    from bench.contracts import Trainable


class Settings(ModelSettings):
    """Settings of probabilistic PCA."""

    latent_dim: int = Field(8, ge=1, le=1024, description="size of z, below that of an image")


@model(
    "ppca",
    settings=Settings,
    family="baseline",
    paper="Tipping and Bishop 1999, eqs. 7 and 8",
)
def build(settings: Settings, spec: DataSpec) -> Trainable:
    """Probabilistic PCA, fitted in closed form; no training."""
    import math
    from functools import partial

    from bench.contracts import Trainable
    from bench.errors import UsageError
    from bench.models._linear import linear_vae, solve
    from bench.variational.settings import VaeSettings

    if settings.latent_dim >= math.prod(spec.shape):
        raise UsageError(
            f"latent_dim={settings.latent_dim} leaves no pixel of {math.prod(spec.shape)} to sigma: "
            "take a smaller one"
        )
    wanted = VaeSettings(latent_dim=settings.latent_dim, likelihood="gaussian_linear")
    linear = linear_vae(wanted, spec)
    return Trainable(
        modules=linear.modules,
        initialise=partial(solve, levels=spec.levels),
        eval_fns=linear.eval_fns,
    )
