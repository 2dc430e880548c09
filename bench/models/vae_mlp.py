"""Fully connected VAE (Kingma and Welling 2014, arXiv 1312.6114)."""

from __future__ import annotations

from pydantic import Field
from torch import nn

from bench.contracts import Trainable
from bench.models import model
from bench.nets import MlpDecoder, MlpEncoder
from bench.records import DataSpec
from bench.variational import VaeSettings, assemble


class MlpVaeSettings(VaeSettings):
    """Settings of the fully connected VAE."""

    hidden: int = Field(400, ge=1, description="units of each hidden layer")
    num_hidden: int = Field(1, ge=1, le=5, description="hidden layers on each side")
    latent_dim: int = Field(20, ge=1, le=1024, description="size of z")
    lr: float = Field(1e-3, gt=0, description="Adam's learning rate")
    kl_warmup: float = Field(0.0, ge=0, le=1, description="share of the budget with a rising KL")


@model(
    "vae_mlp",
    settings=MlpVaeSettings,
    family="vae",
    paper="Kingma and Welling 2014, arXiv 1312.6114",
    defaults={"train.batch_size": 128},
)
def build(settings: MlpVaeSettings, spec: DataSpec) -> Trainable:
    """Fully connected VAE: D-400-20-400-D by default, ReLU."""
    hidden = [settings.hidden] * settings.num_hidden
    features = MlpEncoder(spec.shape, hidden=hidden[:-1], out_dim=settings.hidden, act=nn.ReLU)
    decoder = MlpDecoder(spec.shape, hidden=hidden, in_dim=settings.latent_dim, act=nn.ReLU)
    return assemble(settings, spec, features=features, feature_dim=settings.hidden, decoder=decoder)
