"""What every GAN shares: two players, what keeps the discriminator smooth, optimizers and phases."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from bench.adversarial.lipschitz import (
    clip_weights,
    gradient_penalty,
    r1_penalty,
    r2_penalty,
    spectrally_normalise,
)
from bench.adversarial.losses import LOSSES, AdversarialLoss
from bench.adversarial.settings import (
    ConvGanSettings,
    GanSettings,
    Lipschitz as Lipschitz,  # noqa: PLC0414 - plugins take it from here
)
from bench.config import Activation
from bench.contracts import EvalFns, Nets, OptimSpec, Phase, Scalars, Step, Trainable
from bench.distances.gaussians import standard_log_prob
from bench.errors import UsageError
from bench.labels import draw_labels, require_classes
from bench.networks import ConvDecoder, ConvEncoder, Critic, Shape, SymmetricTanh, activation
from bench.records import DataSpec


class GeneratorSizes(Protocol):
    """Settings that a convolutional generator is built from."""

    @property
    def latent_dim(self) -> int:
        """Size of z."""

    @property
    def depth(self) -> int:
        """Strided layers."""

    @property
    def width(self) -> int:
        """Channels of the layer next to the image."""


def conv_generator(
    settings: GeneratorSizes, spec: DataSpec, *, class_dim: int = 0, act: Activation = "relu"
) -> nn.Module:
    """``[N, latent_dim + class_dim]`` to images in [0, 1], batch norm and ``act`` in every layer."""
    return nn.Sequential(
        ConvDecoder(
            spec.shape,
            depth=settings.depth,
            width=settings.width,
            in_dim=settings.latent_dim + class_dim,
            norm="batch",
            act=None if act == "relu" else activation(act),
        ),
        SymmetricTanh(),
    )


def seen_shape(settings: GanSettings, spec: DataSpec) -> Shape:
    """What the opponent sees: ``pack`` images as channels, ``(pack * C, H, W)``."""
    channels, height, width = spec.shape
    return settings.pack * channels, height, width


def conv_discriminator(settings: ConvGanSettings, spec: DataSpec) -> nn.Module:
    """Images, ``pack`` of them at once, to raw scores ``[N]``."""
    features = ConvEncoder(
        seen_shape(settings, spec),
        depth=settings.depth,
        width=settings.width,
        out_dim=settings.h_dim,
        norm=settings.discriminator_norm,
    )
    return Critic(features, settings.h_dim)


def adversarial_game(
    settings: GanSettings,
    spec: DataSpec,
    *,
    generator: nn.Module,
    discriminator: nn.Module,
    conditional: bool = False,
) -> Trainable:
    """The trainable game of a generator and its discriminator.

    Args:
        settings: Loss, what keeps the discriminator smooth, optimizers.
        spec: The data set.
        generator: z ``[N, latent_dim]``, with labels ``[N]`` as a second argument if
            conditional, to images ``[N, C, H, W]`` in [0, 1].
        discriminator: Images of ``seen_shape``, likewise, to scores ``[N]``.
        conditional: Both see a class; a fake's is drawn from the training prior.

    Raises:
        UsageError: An unknown loss, or conditional on data without labels, or of packed images.
    """
    if conditional:
        require_classes(spec, "a conditional GAN")
    if conditional and settings.pack > 1:
        raise UsageError(
            f"pack={settings.pack} has one score for several images, and a conditional GAN has one for "
            "each image and its class: leave pack at 1"
        )
    loss = LOSSES.get(settings.loss)
    if settings.lipschitz == "spectral_norm":
        spectrally_normalise(discriminator)
    game = AdversarialGame(settings=settings, spec=spec, loss=loss, conditional=conditional)
    rates = {loss.role: settings.lr, "generator": settings.generator_lr or settings.lr}
    return Trainable(
        modules={"generator": generator, loss.role: discriminator},
        optimizers={
            player: OptimSpec(
                modules=(player,),
                kind=settings.optimizer,
                lr=lr,
                betas=(settings.beta1, settings.beta2),
            )
            for player, lr in rates.items()
        },
        phases=game.phases(),
        average={"generator": settings.average} if settings.average else {},
        eval_fns=EvalFns(
            latent=lambda nets, n, noise: noise.normal(n, settings.latent_dim),  # noqa: ARG005
            decode=game.decode,
            latent_dim=settings.latent_dim,
            prior_log_prob=lambda nets, z: standard_log_prob(z),  # noqa: ARG005
            conditional=conditional,
        ),
    )


@dataclass(frozen=True, kw_only=True)
class AdversarialGame:
    """The losses of one game as pure functions of the modules."""

    settings: GanSettings
    spec: DataSpec
    loss: AdversarialLoss
    conditional: bool

    def phases(self) -> list[Phase]:
        """The discriminator's step, its R1 penalty where wanted, the generator's step."""
        settings, name = self.settings, self.loss.role
        clip = self.clip if settings.lipschitz == "clip" else None
        discriminator = Phase(
            name=name, optimizer=name, loss=self.discriminator_loss, role=name, after_step=clip
        )
        penalty = Phase(
            name="r1",
            optimizer=name,
            loss=self.r1_loss,
            role="penalty",
            every=settings.r1_every,
            after_step=clip,
        )
        generator = Phase(
            name="generator",
            optimizer="generator",
            loss=self.generator_loss,
            every=settings.n_critic,
        )
        return [discriminator, *([penalty] if settings.r1_weight else []), generator]

    def decode(self, nets: Nets, z: Tensor, labels: Tensor | None) -> Tensor:
        """Latents, and labels if conditional, to images."""
        return self._applied(nets["generator"], z, labels)

    def packed(self, images: Tensor) -> Tensor:
        """Neighbours in the batch as one, ``[N, C, H, W]`` to ``[ceil(N / m), m * C, H, W]``.

        Lin et al. 2018 (arXiv 1712.04086): m samples of one origin at a time. A batch that m does
        not divide is filled up from its beginning.
        """
        m = self.settings.pack
        if m == 1:
            return images
        missing = -len(images) % m
        if missing:
            again = torch.arange(missing, device=images.device) % len(images)
            images = torch.cat([images, images[again]])
        packed: Tensor = images.unflatten(0, (-1, m)).flatten(1, 2)
        return packed

    def score(self, nets: Nets, images: Tensor, labels: Tensor | None) -> Tensor:
        """Packed images, and labels if conditional, to scores."""
        return self._applied(nets[self.loss.role], images, labels)

    def _applied(self, player: nn.Module, values: Tensor, labels: Tensor | None) -> Tensor:
        out: Tensor = player(values, labels) if self.conditional else player(values)
        return out

    def fakes(self, nets: Nets, step: Step) -> tuple[Tensor, Tensor | None]:
        """As many fakes as real images, packed, and the classes that they were made for."""
        n = len(step.images)
        z = step.noise.normal(n, self.settings.latent_dim)
        labels = draw_labels(self.spec, n, step.noise) if self.conditional else None
        return self.packed(self.decode(nets, z, labels)), labels

    def discriminator_loss(self, nets: Nets, step: Step) -> tuple[Tensor, Scalars]:
        """Loss on a batch of real and a batch of fake images, gradient penalty included."""
        held = self.packed(step.images)
        real = self.score(nets, held, step.labels)
        images, labels = self.fakes(nets, step)
        fake = self.score(nets, images, labels)
        loss = self.loss.discriminator(real, fake)
        scalars = {
            "score_real": real.mean(),
            "score_fake": fake.mean(),
            **self.loss.accuracy(real, fake),
        }
        if self.settings.lipschitz == "gradient_penalty":
            mix = step.noise.uniform(len(images))
            # A point between a real and a fake image is asked for the class of the real one.
            penalty = gradient_penalty(
                lambda x: self.score(nets, x, step.labels), held, images, mix
            )
            loss = loss + self.settings.gp_weight * penalty
            scalars["gradient_penalty"] = penalty
        if self.settings.lipschitz == "r1_r2":
            r1 = r1_penalty(lambda x: self.score(nets, x, step.labels), held)
            r2 = r2_penalty(lambda x: self.score(nets, x, labels), images)
            loss = loss + self.settings.gp_weight * (r1 + r2)
            scalars |= {"r1_penalty": r1, "r2_penalty": r2}
        return loss, scalars

    def r1_loss(self, nets: Nets, step: Step) -> tuple[Tensor, Scalars]:
        """The R1 penalty, weighed up because it comes only at every r1_every-th step."""
        penalty = r1_penalty(lambda x: self.score(nets, x, step.labels), self.packed(step.images))
        return self.settings.r1_weight * self.settings.r1_every * penalty, {"r1_penalty": penalty}

    def generator_loss(self, nets: Nets, step: Step) -> tuple[Tensor, Scalars]:
        """Loss on a batch of new fakes, beside the step's real images where it is relative."""
        fake = self.score(nets, *self.fakes(nets, step))
        real = partial(self.score, nets, self.packed(step.images), step.labels)
        return self.loss.for_generator(fake, real), {}

    def clip(self, nets: Nets) -> Scalars:
        """Weight clipping, after each step of the discriminator."""
        return clip_weights(nets[self.loss.role], self.settings.clip_value)


def _play(settings: GanSettings, spec: DataSpec, *, opponent: nn.Module, **rest: Any) -> Trainable:
    return adversarial_game(settings, spec, discriminator=opponent, **rest)


def __getattr__(name: str) -> Any:
    """What plugins import by its earlier name, until 0.3.0."""
    renamed = {
        "conv_opponent": (conv_discriminator, "conv_discriminator"),
        "play": (_play, "adversarial_game, whose opponent is the discriminator"),
    }
    if name not in renamed:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    found, today = renamed[name]
    warnings.warn(f"'{name}' is now {today}", DeprecationWarning, stacklevel=2)
    return found
