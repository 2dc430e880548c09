"""Fully connected GAN (Goodfellow et al. 2014, arXiv 1406.2661)."""

from __future__ import annotations

from pydantic import Field
from torch import nn

from bench.adversarial import GanSettings, play
from bench.contracts import Trainable
from bench.losses.adversarial import non_saturating
from bench.models import model
from bench.nets import Critic, LeakyReLU, MlpDecoder, MlpEncoder, SymmetricTanh
from bench.records import DataSpec


class MlpGanSettings(GanSettings):
    """Settings of the fully connected GAN."""

    hidden: int = Field(256, ge=1, description="units of each hidden layer")
    num_hidden: int = Field(2, ge=1, le=5, description="hidden layers of each player")
    lr: float = Field(3e-4, gt=0, description="learning rate of both players")


@model(
    "gan_mlp",
    settings=MlpGanSettings,
    family="gan",
    paper="Goodfellow et al. 2014, arXiv 1406.2661",
)
def build(settings: MlpGanSettings, spec: DataSpec) -> Trainable:
    """Fully connected GAN, non-saturating: the generator maximises log D(G(z))."""
    hidden = [settings.hidden] * settings.num_hidden
    decoder = MlpDecoder(spec.shape, hidden=hidden, in_dim=settings.latent_dim, act=LeakyReLU)
    features = MlpEncoder(spec.shape, hidden=hidden[:-1], out_dim=settings.hidden, act=LeakyReLU)
    return play(
        settings,
        generator=nn.Sequential(decoder, SymmetricTanh()),
        opponent=Critic(features, settings.hidden),
        loss=non_saturating,
    )
