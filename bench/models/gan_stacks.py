"""Small convolutional GAN of stacked MNIST (Metz et al. 2017; Lin et al. 2018)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from bench.adversarial.settings import GanSettings
from bench.config import LARGEST
from bench.models import Preset, model
from bench.records import DataSpec

if TYPE_CHECKING:
    from bench.contracts import Trainable

SOURCE = "Lin et al. 2018, arXiv 1712.04086, table 3"
QUARTER = f"{SOURCE}, discriminator a quarter of the generator"
HALF = f"{SOURCE}, discriminator half of the generator"


class Settings(GanSettings):
    """Settings of the small convolutional GAN."""

    latent_dim: int = Field(256, ge=1, le=1024, description="size of z")
    width: int = Field(8, ge=1, le=512, description="generator's channels next to the image")
    discriminator_width: int = Field(
        2, ge=1, le=512, description="discriminator's channels next to the image"
    )
    lr: float = Field(2e-4, gt=0, le=LARGEST, description="learning rate of the discriminator")
    generator_lr: float = Field(1e-4, ge=0, le=LARGEST, description="of the generator; 0: lr")
    beta2: float = Field(0.99, ge=0, lt=1, description="Adam's smoothing of squares")


@model(
    "gan_stacks",
    settings=Settings,
    family="gan",
    paper="Lin et al. 2018, arXiv 1712.04086; networks after Metz et al. 2017, arXiv 1611.02163",
    defaults={"train.batch_size": 128},
    presets={
        **{f"pac{m}": Preset(f"{QUARTER}, pack of {m}", {"model.pack": m}) for m in (2, 3, 4)},
        "half": Preset(HALF, {"model.discriminator_width": 4}),
        **{
            f"half_pac{m}": Preset(
                f"{HALF}, pack of {m}", {"model.discriminator_width": 4, "model.pack": m}
            )
            for m in (2, 3, 4)
        },
    },
)
def build(settings: Settings, spec: DataSpec) -> Trainable:
    """Small convolutional GAN of which the discriminator is the smaller player, batch norm in both.

    After the authors' code (github.com/fjxmlzn/PacGAN). Deviations: samples are made in evaluation
    mode (protocol rule 7), theirs by statistics of the batch; no bias stands before a batch norm;
    a batch is of as many images whatever the pack, theirs of as many packs.
    """
    from bench.adversarial.game import adversarial_game, seen_shape
    from bench.models._stacks import Discriminator, Generator

    return adversarial_game(
        settings,
        spec,
        generator=Generator(spec.shape, in_dim=settings.latent_dim, width=settings.width),
        discriminator=Discriminator(
            seen_shape(settings, spec),
            width=settings.discriminator_width,
            norm=settings.discriminator_norm,
        ),
    )
