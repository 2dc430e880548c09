"""Fully connected GAN of points without normalisation (Srivastava et al. 2017, arXiv 1705.07761)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from bench.adversarial.settings import GanSettings
from bench.config import LARGEST, LAYER_SIZES
from bench.models import model
from bench.records import DataSpec

if TYPE_CHECKING:
    from bench.contracts import Trainable


class Settings(GanSettings):
    """Settings of the GAN of the plane."""

    latent_dim: int = Field(254, ge=1, le=1024, description="size of z")
    hidden: str = Field(
        "128-128",
        pattern=LAYER_SIZES,
        examples=["64-64"],
        description="units of the generator's layers",
    )
    opponent_hidden: str = Field(
        "128", pattern=LAYER_SIZES, examples=["64"], description="units of the opponent's layers"
    )
    lr: float = Field(1e-3, gt=0, le=LARGEST, description="learning rate of both players")


@model(
    "gan_plane",
    settings=Settings,
    family="gan",
    paper="Srivastava et al. 2017, arXiv 1705.07761: the generator and discriminator of their mixtures",
    defaults={"train.batch_size": 500},
)
def build(settings: Settings, spec: DataSpec) -> Trainable:
    """Fully connected GAN of ReLU layers without normalisation, which see the plane's own unit.

    After the authors' code (github.com/akashgit/VEEGAN), without its reconstructor, and with a
    discriminator that sees the point alone: of the GAN that their table holds against it they
    publish neither. Non-saturating by default, where theirs is not said.
    """
    import math
    from itertools import pairwise

    from torch import nn

    from bench.adversarial.game import adversarial_game, seen_shape
    from bench.models._plane import Discriminator, Generator
    from bench.networks import Linear, layer_sizes

    def layers(in_dim: int, hidden: str, out_dim: int) -> nn.Sequential:
        made: list[nn.Module] = []
        for before, after in pairwise((in_dim, *layer_sizes(hidden), out_dim)):
            linear = Linear(before, after)
            nn.init.xavier_uniform_(linear.weight)
            nn.init.zeros_(linear.bias)
            made += [linear, nn.ReLU()]
        return nn.Sequential(*made[:-1])

    points, seen = math.prod(spec.shape), math.prod(seen_shape(settings, spec))
    return adversarial_game(
        settings,
        spec,
        generator=Generator(layers(settings.latent_dim, settings.hidden, points), spec),
        discriminator=Discriminator(layers(seen, settings.opponent_hidden, 1), spec),
    )
