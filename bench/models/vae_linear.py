"""Linear VAE (Lucas et al. 2019, arXiv 1911.02469): probabilistic PCA by gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from bench.config import LARGEST
from bench.models import model
from bench.records import DataSpec
from bench.variational.settings import VaeSettings

if TYPE_CHECKING:
    from bench.contracts import Trainable


class Settings(VaeSettings):
    """Settings of the linear VAE."""

    latent_dim: int = Field(8, ge=1, le=1024, description="size of z")
    likelihood: str = Field("gaussian_linear", description="registered likelihood")
    posterior: str = Field(
        "full_covariance", description="registered posterior; a diagonal one learns its axes slowly"
    )
    kl_warmup: float = Field(0.0, ge=0, le=1, description="share of the budget with a rising KL")
    lr: float = Field(2e-2, gt=0, le=LARGEST, description="Adam's learning rate")
    lr_stages: int = Field(
        8, ge=1, le=10, description="stage i lasts 3^i units of the budget at lr * 10^(-i/7)"
    )


@model(
    "vae_linear",
    settings=Settings,
    family="vae",
    paper="Lucas et al. 2019, arXiv 1911.02469",
    defaults={"train.batch_size": 500},
)
def build(settings: Settings, spec: DataSpec) -> Trainable:
    """Linear VAE: D-8-D without an activation, whose optimum `ppca` has in closed form."""
    from bench.models._linear import linear_vae

    return linear_vae(settings, spec)
