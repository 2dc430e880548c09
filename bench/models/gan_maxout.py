"""Fully connected GAN with maxout, of points (Srivastava et al. 2017; Lin et al. 2018)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from bench.adversarial.settings import GanSettings
from bench.config import LARGEST
from bench.models import Preset, model
from bench.records import DataSpec

if TYPE_CHECKING:
    from bench.contracts import Trainable

SOURCE = "Lin et al. 2018, arXiv 1712.04086, the synthetic mixtures"


class Settings(GanSettings):
    """Settings of the GAN with maxout."""

    latent_dim: int = Field(2, ge=1, le=1024, description="size of z")
    width: int = Field(400, ge=1, le=4096, description="units of the generator's four layers")
    units: int = Field(200, ge=1, le=4096, description="units of the opponent's three layers")
    pieces: int = Field(5, ge=1, le=64, description="linear pieces of each of these")
    lr: float = Field(1e-4, gt=0, le=LARGEST, description="learning rate of both players")
    beta1: float = Field(0.8, ge=0, lt=1, description="Adam's momentum")


@model(
    "gan_maxout",
    settings=Settings,
    family="gan",
    paper="Lin et al. 2018, arXiv 1712.04086; networks after Srivastava et al. 2017, arXiv 1705.07761",
    defaults={"train.batch_size": 100},
    presets={
        "pacgan2": Preset(f"{SOURCE}: PacGAN2", {"model.pack": 2}),
        "pacgan4": Preset(f"{SOURCE}: PacGAN4", {"model.pack": 4}),
    },
)
def build(settings: Settings, spec: DataSpec) -> Trainable:
    """Fully connected GAN: batch norm and ReLU against maxout, which see the plane's own unit.

    After the authors' code (github.com/fjxmlzn/PacGAN). Deviation: a batch is of as many points
    whatever the pack, theirs of as many packs.
    """
    from bench.adversarial.game import adversarial_game, seen_shape
    from bench.models._maxout import discriminator, generator

    return adversarial_game(
        settings,
        spec,
        generator=generator(spec, in_dim=settings.latent_dim, width=settings.width),
        discriminator=discriminator(
            seen_shape(settings, spec), spec, units=settings.units, pieces=settings.pieces
        ),
    )
