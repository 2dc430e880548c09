"""What every VAE shares: likelihood, posterior, prior and objective, combined by settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, Self, cast

from pydantic import Field, model_validator
from torch import Tensor, nn

from bench.config import ModelSettings
from bench.contracts import (
    EvalFns,
    Inference,
    Likelihood,
    Loss,
    Nets,
    Noise,
    OptimSpec,
    Phase,
    Posterior,
    Prior,
    Scalars,
    Step,
    Trainable,
)
from bench.errors import UsageError
from bench.labels import join_class, require_classes
from bench.likelihoods import LIKELIHOODS
from bench.losses.elbo import (
    elbo_terms,
    free_bits_kl,
    importance_bound,
    kl_warmup,
    negative_elbo,
)
from bench.nets import Activation, Shape
from bench.posteriors import POSTERIORS, PosteriorKind
from bench.priors import PRIORS, PriorShape
from bench.records import DataSpec


class VaeSettings(ModelSettings):
    """Settings that every VAE has."""

    latent_dim: int = Field(16, ge=1, le=1024, description="size of z")
    conditional: bool = Field(False, description="encoder and decoder see the class")
    encoder_act: Activation = Field("relu", description="between the encoder's layers")
    likelihood: str = Field("bernoulli_resampled", description="registered likelihood")
    sigma: float = Field(
        0.354, gt=0, description="gaussian: its standard deviation; where learned, the first one"
    )
    posterior: str = Field("diagonal", description="registered posterior")
    prior: str = Field("standard", description="registered prior")
    prior_layers: int = Field(6, ge=1, le=64, description="flow: coupling layers")
    prior_hidden: int = Field(64, ge=1, description="flow: units of a coupling's hidden layers")
    prior_components: int = Field(100, ge=1, description="vamp: pseudo-inputs")
    kl_weight: float = Field(1.0, ge=0, description="KL factor of the training loss (beta)")
    kl_warmup: float = Field(0.5, ge=0, le=1, description="share of the budget with a rising KL")
    free_nats: float = Field(0.0, ge=0, description="KL of each latent that costs nothing")
    num_importance: int = Field(
        1, ge=1, le=5000, description="z per image in the importance-weighted bound; 1: the ELBO"
    )
    lr: float = Field(2e-3, gt=0, description="Adam's learning rate")

    @model_validator(mode="after")
    def _one_objective(self) -> Self:
        if self.num_importance > 1:
            for key, plain in (("kl_weight", 1.0), ("kl_warmup", 0.0), ("free_nats", 0.0)):
                if getattr(self, key) != plain:
                    raise ValueError(
                        f"num_importance={self.num_importance} trains a bound without a KL term "
                        f"of its own, and {key}={getattr(self, key)} weighs one: set {key}={plain}"
                    )
        return self


class Encoder(nn.Module):
    """Features, an activation, and one linear head with all values of q(z|x)."""

    def __init__(
        self, features: nn.Module, *, act: nn.Module, feature_dim: int, num_classes: int, size: int
    ) -> None:
        super().__init__()
        self.features, self.act, self.num_classes = features, act, num_classes
        self.head = nn.Linear(feature_dim + num_classes, size)

    def forward(self, x: Tensor, labels: Tensor | None) -> Tensor:
        """``[N, C, H, W]`` to ``[N, size]``."""
        hidden = self.act(self.features(x))
        out: Tensor = self.head(join_class(hidden, labels, self.num_classes))
        return out


class SeparablePrior(Prior, Protocol):
    """A prior that knows the KL of each latent in closed form."""

    def kl_per_latent(self, posterior: Posterior) -> Tensor:
        """Nats, ``[N, D]``."""
        ...


class MakeDecoder(Protocol):
    """How a model builds its decoder."""

    def __call__(self, shape: Shape, in_dim: int) -> nn.Module:
        """Vectors ``[N, in_dim]`` to the likelihood's parameters ``[N, *shape]``."""
        ...


@dataclass(frozen=True, kw_only=True)
class _Parts:
    """What the functions of one VAE know beside its modules."""

    kind: PosteriorKind
    likelihood: Likelihood
    num_classes: int

    def observe(self, images: Tensor, noise: Noise) -> Tensor:
        """The form of the data that the model sees."""
        return self.likelihood.observe(images, noise)

    def posterior(self, nets: Nets, x: Tensor, labels: Tensor | None) -> Posterior:
        """q(z|x), or q(z|x, class)."""
        return self.kind(nets["encoder"](x, labels))

    def encode(self, nets: Nets, images: Tensor, labels: Tensor | None, noise: Noise) -> Posterior:
        """q(z|x) of images in [0, 1]."""
        return self.posterior(nets, self.observe(images, noise), labels)

    def params(self, nets: Nets, z: Tensor, labels: Tensor | None) -> Tensor:
        """The likelihood's parameters at z."""
        out: Tensor = nets["decoder"](join_class(z, labels, self.num_classes))
        return out

    def decode(self, nets: Nets, z: Tensor, labels: Tensor | None) -> Tensor:
        """The mean of p(x|z) as images."""
        return _likelihood(nets).mean(self.params(nets, z, labels))

    def log_likelihood(self, nets: Nets, x: Tensor, z: Tensor, labels: Tensor | None) -> Tensor:
        """log p(x|z) in nats, ``[N]``."""
        return _likelihood(nets).log_prob(x, self.params(nets, z, labels))

    def latent(self, nets: Nets, n: int, noise: Noise) -> Tensor:
        """z from the prior."""
        return _prior(nets).sample(n, noise, self._encode_with(nets))

    def prior_log_prob(self, nets: Nets, z: Tensor) -> Tensor:
        """log p(z) in nats."""
        return _prior(nets).log_prob(z, self._encode_with(nets))

    def _encode_with(self, nets: Nets) -> Callable[[Tensor], Posterior]:
        return lambda x: self.posterior(nets, x, None)

    def inference(self) -> Inference:
        """All that the ELBO needs; that of a conditional model bounds log p(x|class)."""
        given = "_given_class" if self.num_classes else ""
        return Inference(
            passport=f"{self.likelihood.passport}{given}",
            observe=self.observe,
            posterior=self.posterior,
            prior_log_prob=self.prior_log_prob,
            log_likelihood=self.log_likelihood,
            kl=lambda nets, q: _prior(nets).kl(q),
        )


def assemble(
    settings: VaeSettings,
    spec: DataSpec,
    *,
    features: nn.Module,
    feature_dim: int,
    decoder: MakeDecoder,
    encoder_act: nn.Module,
) -> Trainable:
    """The trainable VAE from its two networks.

    Args:
        settings: Which likelihood, posterior, prior and objective.
        spec: The data set.
        features: Images ``[N, C, H, W]`` to ``[N, feature_dim]``.
        feature_dim: Size of the features.
        decoder: Builds the decoder for the likelihood's shape.
        encoder_act: Between the features and the encoder's head.

    Raises:
        UsageError: An unknown part, or parts that do not go together.
    """
    likelihood = LIKELIHOODS.get(settings.likelihood)(spec, settings.sigma)
    parts = _Parts(
        kind=POSTERIORS.get(settings.posterior),
        likelihood=likelihood,
        num_classes=require_classes(spec, "a conditional VAE") if settings.conditional else 0,
    )
    channels = likelihood.params_per_value * spec.shape[0]
    decoder_net = decoder((channels, *spec.shape[1:]), settings.latent_dim + parts.num_classes)
    encoder = Encoder(
        features,
        act=encoder_act,
        feature_dim=feature_dim,
        num_classes=parts.num_classes,
        size=parts.kind.size(settings.latent_dim),
    )
    prior = _build_prior(settings, spec)
    _refuse_what_does_not_combine(settings, parts.kind, prior)
    modules = {
        "encoder": encoder,
        "decoder": decoder_net,
        "prior": prior,
        "likelihood": cast("nn.Module", likelihood),
    }
    inference = parts.inference()
    return Trainable(
        modules=modules,
        optimizers={"adam": OptimSpec(modules=tuple(modules), kind="adam", lr=settings.lr)},
        phases=[Phase(name="vae", optimizer="adam", loss=_loss(settings, inference))],
        initialise=_initialise if hasattr(prior, "initialise") else None,
        eval_fns=EvalFns(
            latent=parts.latent,
            decode=parts.decode,
            latent_dim=settings.latent_dim,
            conditional=settings.conditional,
            encode=parts.encode,
            inference=inference,
        ),
    )


def _build_prior(settings: VaeSettings, spec: DataSpec) -> nn.Module:
    shape = PriorShape(
        latent_dim=settings.latent_dim,
        image_shape=spec.shape,
        num_layers=settings.prior_layers,
        hidden=settings.prior_hidden,
        num_components=settings.prior_components,
    )
    return PRIORS.get(settings.prior)(shape)


def _refuse_what_does_not_combine(
    settings: VaeSettings, kind: PosteriorKind, prior: nn.Module
) -> None:
    if settings.conditional and hasattr(prior, "initialise"):
        raise UsageError(
            f"prior '{settings.prior}' is made of encoded images without a class, and the encoder "
            "of a conditional VAE needs one: take another prior or conditional=false"
        )
    closed = hasattr(kind, "kl_per_latent") and hasattr(prior, "kl_per_latent")
    if settings.free_nats and not closed:
        raise UsageError(
            f"free_nats={settings.free_nats} needs the KL of each latent in closed form, which "
            f"posterior '{settings.posterior}' with prior '{settings.prior}' does not have: take "
            "posterior=diagonal and prior=standard, or free_nats=0"
        )


def _initialise(nets: Nets, images: Tensor) -> None:
    cast("Callable[[Tensor], None]", nets["prior"].initialise)(images)


def _prior(nets: Nets) -> Prior:
    return cast("Prior", nets["prior"])


def _likelihood(nets: Nets) -> Likelihood:
    return cast("Likelihood", nets["likelihood"])


def _loss(settings: VaeSettings, inference: Inference) -> Loss:
    """The objective that the settings name."""

    def bound_loss(nets: Nets, step: Step) -> tuple[Tensor, Scalars]:
        k = settings.num_importance
        bound = importance_bound(inference, nets, step.images, step.labels, step.noise, k=k)
        return -bound.mean(), {"bound_nats": bound.mean()}

    def elbo_loss(nets: Nets, step: Step) -> tuple[Tensor, Scalars]:
        log_likelihood, kl = elbo_terms(inference, nets, step.images, step.labels, step.noise)
        weight = settings.kl_weight * kl_warmup(step.progress, settings.kl_warmup)
        scalars = {"reconstruction_nats": log_likelihood.mean(), "kl_nats": kl.mean()}
        return negative_elbo(log_likelihood, kl, weight), scalars

    def free_bits_loss(nets: Nets, step: Step) -> tuple[Tensor, Scalars]:
        x = inference.observe(step.images, step.noise)
        q = inference.posterior(nets, x, step.labels)
        log_likelihood = inference.log_likelihood(
            nets, x, q.rsample(1, step.noise)[0], step.labels
        ).mean()
        kl = cast("SeparablePrior", nets["prior"]).kl_per_latent(q)
        weight = settings.kl_weight * kl_warmup(step.progress, settings.kl_warmup)
        scalars = {"reconstruction_nats": log_likelihood, "kl_nats": kl.sum(1).mean()}
        return weight * free_bits_kl(kl, settings.free_nats) - log_likelihood, scalars

    if settings.num_importance > 1:
        return bound_loss
    return free_bits_loss if settings.free_nats else elbo_loss
