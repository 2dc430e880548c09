"""What every VAE shares: likelihood, posterior, prior and objective, combined by settings."""

from __future__ import annotations

from typing import cast

from pydantic import Field
from torch import Tensor, nn

from bench.config import ModelSettings
from bench.contracts import (
    EvalFns,
    Inference,
    Likelihood,
    Loss,
    Nets,
    OptimSpec,
    Phase,
    Posterior,
    Prior,
    Scalars,
    Step,
    Trainable,
)
from bench.likelihoods import LIKELIHOODS
from bench.losses.elbo import elbo_terms, kl_warmup, negative_elbo
from bench.posteriors import POSTERIORS, PosteriorKind
from bench.priors import PRIORS
from bench.records import DataSpec


class VaeSettings(ModelSettings):
    """Settings that every VAE has."""

    latent_dim: int = Field(16, ge=1, le=1024, description="size of z")
    kl_weight: float = Field(1.0, ge=0, description="KL factor of the training loss (beta)")
    kl_warmup: float = Field(0.5, ge=0, le=1, description="share of the budget with a rising KL")
    likelihood: str = Field("bernoulli_resampled", description="registered likelihood")
    sigma: float = Field(0.354, gt=0, description="standard deviation of likelihood gaussian")
    posterior: str = Field("diagonal", description="registered posterior")
    prior: str = Field("standard", description="registered prior")
    lr: float = Field(2e-3, gt=0, description="Adam's learning rate")


class Encoder(nn.Module):
    """Features, a ReLU, and one linear head with all values of q(z|x)."""

    def __init__(self, features: nn.Module, feature_dim: int, out_dim: int) -> None:
        super().__init__()
        self.features = features
        self.head = nn.Linear(feature_dim, out_dim)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, C, H, W]`` to ``[N, out_dim]``."""
        out: Tensor = self.head(nn.functional.relu(self.features(x)))
        return out


def assemble(
    settings: VaeSettings,
    spec: DataSpec,
    *,
    features: nn.Module,
    feature_dim: int,
    decoder: nn.Module,
) -> Trainable:
    """The trainable VAE from its two networks.

    Args:
        settings: Which likelihood, posterior, prior and weights.
        spec: The data set.
        features: Images ``[N, C, H, W]`` to ``[N, feature_dim]``.
        feature_dim: Size of the features.
        decoder: z ``[N, latent_dim]`` to the likelihood's parameters ``[N, C, H, W]``.
    """
    kind = POSTERIORS.get(settings.posterior)
    likelihood = LIKELIHOODS.get(settings.likelihood)(spec, settings.sigma)
    modules = {
        "encoder": Encoder(features, feature_dim, kind.size(settings.latent_dim)),
        "decoder": decoder,
        "prior": PRIORS.get(settings.prior)(settings.latent_dim),
    }
    inference = _inference(kind, likelihood)
    return Trainable(
        modules=modules,
        optimizers={"adam": OptimSpec(modules=tuple(modules), kind="adam", lr=settings.lr)},
        phases=[Phase(name="vae", optimizer="adam", loss=_loss(settings, inference))],
        eval_fns=EvalFns(
            latent=lambda nets, n, noise: _prior(nets).sample(n, noise),
            decode=lambda nets, z, labels: likelihood.mean(nets["decoder"](z)),  # noqa: ARG005
            inference=inference,
        ),
    )


def _prior(nets: Nets) -> Prior:
    return cast("Prior", nets["prior"])


def _inference(kind: PosteriorKind, likelihood: Likelihood) -> Inference:
    def posterior(nets: Nets, x: Tensor, labels: Tensor | None) -> Posterior:  # noqa: ARG001
        return kind(nets["encoder"](x))

    def log_likelihood(nets: Nets, x: Tensor, z: Tensor, labels: Tensor | None) -> Tensor:  # noqa: ARG001
        return likelihood.log_prob(x, nets["decoder"](z))

    return Inference(
        passport=likelihood.passport,
        observe=likelihood.observe,
        posterior=posterior,
        prior_log_prob=lambda nets, z: _prior(nets).log_prob(z),
        log_likelihood=log_likelihood,
        kl=lambda nets, q: _prior(nets).kl(q),
    )


def _loss(settings: VaeSettings, inference: Inference) -> Loss:
    def loss(nets: Nets, step: Step) -> tuple[Tensor, Scalars]:
        log_likelihood, kl = elbo_terms(inference, nets, step.images, step.labels, step.noise)
        weight = settings.kl_weight * kl_warmup(step.progress, settings.kl_warmup)
        scalars = {"reconstruction_nats": log_likelihood.mean(), "kl_nats": kl.mean()}
        return negative_elbo(log_likelihood, kl, weight), scalars

    return loss
