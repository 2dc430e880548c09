"""Convolutional GAN of depth 1 to 5 with the least-squares loss."""

from __future__ import annotations

from pydantic import Field
from torch import nn

from bench.adversarial import GanSettings, play
from bench.contracts import Trainable
from bench.losses.adversarial import least_squares
from bench.models import model
from bench.nets import ConvDecoder, ConvEncoder, Critic, SymmetricTanh
from bench.records import DataSpec


class ConvGanSettings(GanSettings):
    """Settings of the convolutional GAN."""

    depth: int = Field(3, ge=1, le=5, description="strided layers in each player")
    width: int = Field(16, ge=1, le=512, description="channels of the layer next to the image")
    h_dim: int = Field(128, ge=1, description="features before the score")
    sigmoid: bool = Field(False, description="squash the score, as experiment E does")


@model(
    "gan",
    settings=ConvGanSettings,
    family="gan",
    paper="Mao et al. 2017, arXiv 1611.04076; networks after Radford et al. 2016, arXiv 1511.06434",
    presets={
        "sigmoid": {"model.sigmoid": True},
        "experiment_e": {
            "model.sigmoid": True,
            "model.depth": 5,
            "model.latent_dim": 100,
            "model.lr": 3e-4,
        },
    },
)
def build(settings: ConvGanSettings, spec: DataSpec) -> Trainable:
    """Convolutional GAN, least squares on the raw score."""
    stack = {"depth": settings.depth, "width": settings.width}
    decoder = ConvDecoder(spec.shape, **stack, in_dim=settings.latent_dim, norm="batch")
    features = ConvEncoder(spec.shape, **stack, out_dim=settings.h_dim, norm="batch")
    critic: nn.Module = Critic(features, settings.h_dim)
    return play(
        settings,
        generator=nn.Sequential(decoder, SymmetricTanh()),
        opponent=nn.Sequential(critic, nn.Sigmoid()) if settings.sigmoid else critic,
        loss=least_squares,
    )
