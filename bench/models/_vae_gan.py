"""What every VAE-GAN shares: losses, optimizers and phases; its discriminators."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bench.adversarial.losses import LOSSES, AdversarialLoss
from bench.adversarial.settings import VaeGanSettings
from bench.contracts import EvalFns, Nets, OptimSpec, Phase, Scalars, Step, Trainable
from bench.distances.gaussians import standard_log_prob
from bench.networks import LEAK, ConvEncoder, Linear, MlpEncoder
from bench.variational.posteriors.diagonal import DiagonalGaussian


class Discriminator(nn.Module):
    """Scores images, and lays open what its last convolutional layer sees in them."""

    def __init__(self, stack: ConvEncoder, dim: int) -> None:
        super().__init__()
        self.stack = stack
        self.score = Linear(dim, 1)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """``[N, C, H, W]`` to raw scores ``[N]`` and features ``[N, F]``."""
        features = self.stack.layers(images).flatten(1)
        hidden = nn.functional.leaky_relu(self.stack.linear(features), LEAK)
        return self.score(hidden).squeeze(1), features


class FlatDiscriminator(nn.Module):
    """Scores images, and lays open its last hidden layer."""

    def __init__(self, stack: MlpEncoder, dim: int) -> None:
        super().__init__()
        self.stack = stack
        self.score = Linear(dim, 1)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """``[N, C, H, W]`` to raw scores ``[N]`` and features ``[N, dim]``."""
        features = nn.functional.leaky_relu(self.stack(images), LEAK)
        return self.score(features).squeeze(1), features


@dataclass(frozen=True, kw_only=True)
class Losses:
    """The three losses of algorithm 1, pure functions of the modules.

    Likeness is the paper's learned log-likelihood (eq. 7) up to a constant:
    p(D_l(x)|z) = N(D_l(x_recon), I) gives -||D_l(x) - D_l(x_recon)||^2 / 2, summed over
    features, mean over images.
    """

    kl_weight: float
    gamma: float
    loss: AdversarialLoss

    def posterior(self, nets: Nets, images: Tensor) -> DiagonalGaussian:
        """q(z|x) of images in [0, 1]."""
        return DiagonalGaussian(nets["encoder"](images, None))

    def encoder(self, nets: Nets, step: Step) -> tuple[Tensor, Scalars]:
        """KL minus likeness."""
        q = self.posterior(nets, step.images)
        x_recon = nets["decoder"](q.rsample(1, step.noise)[0])
        kl = q.kl_standard().mean()
        _, features = nets["discriminator"](step.images)
        error = _feature_error(features, nets["discriminator"](x_recon)[1])
        return self.kl_weight * kl + error, {"kl_nats": kl, "feature_error": error}

    def decoder(self, nets: Nets, step: Step) -> tuple[Tensor, Scalars]:
        """gamma times the features' error, and the generator's loss on both kinds of fakes."""
        x_recon, x_prior = self.fakes(nets, step)
        real, features = nets["discriminator"](step.images)
        recon, features_recon = nets["discriminator"](x_recon)
        prior, _ = nets["discriminator"](x_prior)
        adversarial = self.loss.for_generator(torch.stack([recon, prior]), lambda: real)
        return self.gamma * _feature_error(features, features_recon) + adversarial, {}

    def discriminator(self, nets: Nets, step: Step) -> tuple[Tensor, Scalars]:
        """Real images against both kinds of fakes, each kind in a batch of its own."""
        x_recon, x_prior = self.fakes(nets, step)
        real, recon, prior = (nets["discriminator"](x)[0] for x in (step.images, x_recon, x_prior))
        scalars = {
            "score_real": real.mean(),
            "score_recon": recon.mean(),
            "score_prior": prior.mean(),
        }
        fake = torch.stack([recon, prior])
        return self.loss.discriminator(real, fake), scalars | self.loss.accuracy(real, fake)

    def fakes(self, nets: Nets, step: Step) -> tuple[Tensor, Tensor]:
        """Reconstructions of the real images, and as many decoded draws from the prior."""
        z = self.posterior(nets, step.images).rsample(1, step.noise)[0]
        return nets["decoder"](z), nets["decoder"](step.noise.normal(*z.shape))


def _feature_error(features: Tensor, features_recon: Tensor) -> Tensor:
    return 0.5 * (features - features_recon).square().sum(1).mean()


def vae_gan(settings: VaeGanSettings, modules: dict[str, nn.Module]) -> Trainable:
    """The trainable VAE-GAN of its ``encoder``, ``decoder`` and ``discriminator``.

    Raises:
        UsageError: An unknown loss.
    """
    losses = Losses(
        kl_weight=settings.kl_weight, gamma=settings.gamma, loss=LOSSES.get(settings.loss)
    )
    return Trainable(
        modules=modules,
        optimizers={
            name: OptimSpec(
                modules=(name,),
                kind="adam",
                lr=settings.lr,
                betas=(settings.beta1, settings.beta2),
            )
            for name in modules
        },
        phases=[
            Phase(name="encoder", optimizer="encoder", loss=losses.encoder, role="encoder"),
            Phase(name="decoder", optimizer="decoder", loss=losses.decoder),
            Phase(
                name="discriminator",
                optimizer="discriminator",
                loss=losses.discriminator,
                role="discriminator",
            ),
        ],
        eval_fns=EvalFns(
            latent=lambda nets, n, noise: noise.normal(n, settings.latent_dim),  # noqa: ARG005
            decode=lambda nets, z, labels: nets["decoder"](z),  # noqa: ARG005
            latent_dim=settings.latent_dim,
            prior_log_prob=lambda nets, z: standard_log_prob(z),  # noqa: ARG005
            encode=lambda nets, images, labels, noise: losses.posterior(nets, images),  # noqa: ARG005
        ),
    )
