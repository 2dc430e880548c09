"""VAE-GAN (Larsen et al. 2016, arXiv 1512.09300): a VAE whose decoder is a GAN's generator."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from pydantic import Field
from torch import Tensor, nn

from bench.adversarial.game import conv_generator
from bench.adversarial.losses import LOSSES, AdversarialLoss
from bench.config import LARGEST, ModelSettings
from bench.contracts import EvalFns, Nets, OptimSpec, Phase, Scalars, Step, Trainable
from bench.distances.gaussians import standard_log_prob
from bench.models import model
from bench.networks import LEAK, ConvEncoder, LeakyReLU
from bench.records import DataSpec
from bench.variational.assembly import Encoder
from bench.variational.posteriors.diagonal import DiagonalGaussian


class Settings(ModelSettings):
    """Settings of the VAE-GAN."""

    latent_dim: int = Field(16, ge=1, le=1024, description="size of z")
    depth: int = Field(3, ge=1, le=5, description="strided layers in each of the three networks")
    width: int = Field(16, ge=1, le=512, description="channels of the layer next to the image")
    h_dim: int = Field(
        128, ge=1, le=16_384, description="features before the latent heads and the score"
    )
    loss: str = Field("non_saturating", description="registered loss of decoder and discriminator")
    kl_weight: float = Field(1.0, ge=0, le=LARGEST, description="KL factor of the encoder's loss")
    gamma: float = Field(
        1e-3, ge=0, le=LARGEST, description="weight of likeness in the decoder's loss"
    )
    lr: float = Field(2e-3, gt=0, le=LARGEST, description="learning rate of the three networks")
    beta1: float = Field(0.5, ge=0, lt=1, description="Adam's momentum")
    beta2: float = Field(0.999, ge=0, lt=1, description="Adam's smoothing of squares")


class Discriminator(nn.Module):
    """Scores images, and lays open what its last convolutional layer sees in them."""

    def __init__(self, settings: Settings, spec: DataSpec) -> None:
        super().__init__()
        self.stack = _conv_encoder(settings, spec)
        self.score = nn.Linear(settings.h_dim, 1)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """``[N, C, H, W]`` to raw scores ``[N]`` and features ``[N, F]``."""
        features = self.stack.layers(images).flatten(1)
        hidden = nn.functional.leaky_relu(self.stack.linear(features), LEAK)
        return self.score(hidden).squeeze(1), features


@dataclass(frozen=True, kw_only=True)
class _Losses:
    """The three losses of algorithm 1, pure functions of the modules.

    Likeness is the paper's learned log-likelihood (eq. 7) up to a constant:
    p(D_l(x)|z) = N(D_l(x_recon), I) gives -||D_l(x) - D_l(x_recon)||^2 / 2, summed over
    features, mean over images.
    """

    settings: Settings
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
        return self.settings.kl_weight * kl + error, {"kl_nats": kl, "feature_error": error}

    def decoder(self, nets: Nets, step: Step) -> tuple[Tensor, Scalars]:
        """gamma times the features' error, and the generator's loss on both kinds of fakes."""
        x_recon, x_prior = self.fakes(nets, step)
        _, features = nets["discriminator"](step.images)
        score_recon, features_recon = nets["discriminator"](x_recon)
        score_prior, _ = nets["discriminator"](x_prior)
        adversarial = self.loss.generator(torch.cat([score_recon, score_prior]))
        return self.settings.gamma * _feature_error(features, features_recon) + adversarial, {}

    def discriminator(self, nets: Nets, step: Step) -> tuple[Tensor, Scalars]:
        """Real images against both kinds of fakes, each kind in a batch of its own."""
        x_recon, x_prior = self.fakes(nets, step)
        real, recon, prior = (nets["discriminator"](x)[0] for x in (step.images, x_recon, x_prior))
        scalars = {
            "score_real": real.mean(),
            "score_recon": recon.mean(),
            "score_prior": prior.mean(),
        }
        fake = torch.cat([recon, prior])
        return self.loss.discriminator(real, fake), scalars | self.loss.accuracy(real, fake)

    def fakes(self, nets: Nets, step: Step) -> tuple[Tensor, Tensor]:
        """Reconstructions of the real images, and as many decoded draws from the prior."""
        z = self.posterior(nets, step.images).rsample(1, step.noise)[0]
        return nets["decoder"](z), nets["decoder"](step.noise.normal(*z.shape))


def _feature_error(features: Tensor, features_recon: Tensor) -> Tensor:
    return 0.5 * (features - features_recon).square().sum(1).mean()


def _conv_encoder(settings: Settings, spec: DataSpec) -> ConvEncoder:
    return ConvEncoder(
        spec.shape,
        depth=settings.depth,
        width=settings.width,
        out_dim=settings.h_dim,
        norm="batch",
    )


@model("vae_gan", settings=Settings, family="hybrid", paper="Larsen et al. 2016, arXiv 1512.09300")
def build(settings: Settings, spec: DataSpec) -> Trainable:
    """VAE-GAN: reconstructions are like what they are of in the discriminator's features.

    It has an encoder and no likelihood of pixels, hence no ELBO. Deviations from algorithm 1:
    the three networks move one after the other, each by the gradient at what the ones before
    have become, where the paper computes all gradients first; the two kinds of fakes count
    half each beside the real images, where the paper adds them up; Adam and the non-saturating
    loss where the paper has RMSProp and minimax. KL factor 1 as in the paper; gamma and lr are
    the best of eleven hand-made trials on digits and three on MNIST by validation distance,
    24,000 images, one seed (digits 138; MNIST at 2,000 samples 499).
    """
    modules: dict[str, nn.Module] = {
        "encoder": Encoder(
            _conv_encoder(settings, spec),
            act=LeakyReLU(),
            feature_dim=settings.h_dim,
            num_classes=0,
            size=DiagonalGaussian.size(settings.latent_dim),
        ),
        "decoder": conv_generator(settings, spec),
        "discriminator": Discriminator(settings, spec),
    }
    losses = _Losses(settings=settings, loss=LOSSES.get(settings.loss))
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
