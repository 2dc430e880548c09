"""Fully connected GAN (Goodfellow et al. 2014, arXiv 1406.2661)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from bench.adversarial.settings import GanSettings
from bench.config import LAYER_SIZES, Activation
from bench.models import Preset, model
from bench.records import DataSpec

if TYPE_CHECKING:
    from bench.contracts import Trainable


class Settings(GanSettings):
    """Settings of the fully connected GAN."""

    hidden: str = Field(
        "256-256",
        pattern=LAYER_SIZES,
        examples=["512-256"],
        description="units of the discriminator's layers; the generator's are these reversed",
    )
    hidden_act: Activation = Field("leaky_relu", description="between the generator's layers")


@model(
    "gan_mlp",
    settings=Settings,
    family="gan",
    paper="Goodfellow et al. 2014, arXiv 1406.2661",
    defaults={"train.batch_size": 32},
    presets={
        "experiment_a": Preset(
            "experiment A: the VAE's layers, fully connected only; z and lr after Radford et al. 2016",
            {"model.hidden": "512-256", "model.latent_dim": 100, "model.lr": 2e-4},
        ),
        "experiment_b": Preset(
            "experiment B: the VAE's layer; z and lr after Radford et al. 2016",
            {"model.hidden": "256", "model.latent_dim": 100, "model.lr": 2e-4},
        ),
        "experiment_c": Preset(
            "experiment C: z of 8, as the VAE; 400 units are ours",
            {"model.hidden": "400", "model.latent_dim": 8},
        ),
        "wu2017": Preset(
            "Wu et al. 2017, arXiv 1611.04273, GAN-10: a generator of 10-64-256-256-1024-784 with tanh "
            "and, at its end, a sigmoid, which is ours at half its scale; the discriminator is its "
            "mirror image, and the rate ours",
            {
                "model.hidden": "1024-256-256-64",
                "model.latent_dim": 10,
                "model.hidden_act": "tanh",
                "model.lr": 2e-4,
            },
        ),
    },
)
def build(settings: Settings, spec: DataSpec) -> Trainable:
    """Fully connected GAN, non-saturating by default: the generator maximises log D(G(z))."""
    from torch import nn

    from bench.adversarial.game import adversarial_game, seen_shape
    from bench.networks import (
        Critic,
        LeakyReLU,
        MlpDecoder,
        MlpEncoder,
        SymmetricTanh,
        activation,
        layer_sizes,
    )

    *outer, last = units = layer_sizes(settings.hidden)
    decoder = MlpDecoder(
        spec.shape,
        hidden=units[::-1],
        in_dim=settings.latent_dim,
        act=activation(settings.hidden_act),
    )
    if settings.hidden_act == "tanh":
        # torch's own start takes 1/sqrt(3) of the signal in each layer: z is not seen behind five.
        for layer in decoder.layers:
            if isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
    return adversarial_game(
        settings,
        spec,
        generator=nn.Sequential(decoder, SymmetricTanh()),
        discriminator=Critic(
            MlpEncoder(seen_shape(settings, spec), hidden=outer, out_dim=last, act=LeakyReLU), last
        ),
    )
