"""Wasserstein GAN with weight clipping (Arjovsky et al. 2017, arXiv 1701.07875)."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from bench.adversarial import GanSettings, play
from bench.contracts import Nets, Scalars, Trainable
from bench.losses.adversarial import wasserstein
from bench.models import model
from bench.nets import ConvDecoder, ConvEncoder, Critic, SymmetricTanh
from bench.records import DataSpec


class WganSettings(GanSettings):
    """Settings of the clipped Wasserstein GAN."""

    depth: int = Field(3, ge=1, le=5, description="strided layers in each player")
    width: int = Field(16, ge=1, le=512, description="channels of the layer next to the image")
    h_dim: int = Field(128, ge=1, description="features before the score")
    n_critic: int = Field(3, ge=1, description="critic steps per generator step")
    clip_value: float = Field(0.05, gt=0, description="every critic parameter stays within +- this")
    optimizer: Literal["adam", "rmsprop"] = Field("rmsprop", description="of both players")
    beta1: float = Field(
        0.0, ge=0, lt=1, description="Adam's momentum; above 0 a critic is unstable"
    )


@model(
    "wgan",
    settings=WganSettings,
    family="wgan",
    paper="Arjovsky et al. 2017, arXiv 1701.07875, algorithm 1",
    presets={
        "arjovsky2017": {"model.lr": 5e-5, "model.clip_value": 0.01, "model.n_critic": 5},
        "experiment_e": {"model.depth": 5, "model.latent_dim": 100, "model.lr": 3e-4},
    },
)
def build(settings: WganSettings, spec: DataSpec) -> Trainable:
    """Wasserstein GAN whose critic is kept Lipschitz by weight clipping."""
    stack = {"depth": settings.depth, "width": settings.width}
    decoder = ConvDecoder(spec.shape, **stack, in_dim=settings.latent_dim, norm="batch")
    features = ConvEncoder(spec.shape, **stack, out_dim=settings.h_dim, norm="batch")

    def clip(nets: Nets) -> Scalars:
        return clip_weights(nets["critic"], settings.clip_value)

    return play(
        settings,
        generator=nn.Sequential(decoder, SymmetricTanh()),
        opponent=Critic(features, settings.h_dim),
        loss=wasserstein,
        opponent_name="critic",
        generator_every=settings.n_critic,
        after_opponent=clip,
    )


@torch.no_grad()
def clip_weights(critic: nn.Module, clip_value: float) -> Scalars:
    """Clamps every parameter, batch norm's scale and shift included (protocol rule 7).

    Returns:
        ``clipped_share``: the share of parameters that stand at the limit, 0-d.
    """
    parameters: list[Tensor] = list(critic.parameters())
    torch._foreach_clamp_min_(parameters, -clip_value)
    torch._foreach_clamp_max_(parameters, clip_value)
    at_limit = torch.stack([(p.abs() >= clip_value).sum() for p in parameters]).sum()
    return {"clipped_share": at_limit / sum(p.numel() for p in parameters)}
