"""What every VAE shares: likelihood, posterior, prior and objective, combined by settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, cast

import torch
from torch import Tensor, nn

from bench.contracts import Likelihood, Loss, Nets, OptimSpec, Phase, Scalars, Trainable
from bench.errors import UsageError
from bench.images import to_unit
from bench.labels import join_class, require_classes
from bench.networks import Linear, Shape
from bench.records import DataSpec
from bench.variational.elbo import bound_loss, elbo_loss, free_bits_loss
from bench.variational.latent_model import LatentModel
from bench.variational.likelihoods import LIKELIHOODS
from bench.variational.posteriors import POSTERIORS
from bench.variational.priors import PRIORS, PriorExtras, PriorShape
from bench.variational.settings import VaeSettings

MEAN_OF = 1_000
"""Train images, evenly spaced, whose mean the decoder starts at."""


class Encoder(nn.Module):
    """Features, an activation, and one linear head with all values of q(z|x)."""

    def __init__(
        self, features: nn.Module, *, act: nn.Module, feature_dim: int, num_classes: int, size: int
    ) -> None:
        super().__init__()
        self.features, self.act, self.num_classes = features, act, num_classes
        self.head = Linear(feature_dim + num_classes, size)

    def forward(self, x: Tensor, labels: Tensor | None) -> Tensor:
        """``[N, C, H, W]`` to ``[N, size]``."""
        out: Tensor = self.head(join_class(self.act(self.features(x)), labels, self.num_classes))
        return out


class StartingDecoder(Protocol):
    """A decoder whose first output can be chosen."""

    def reach(self, image: Tensor) -> Tensor:
        """What of ``image [C, H, W]`` in [0, 1] its last biases alone can show."""

    def start_at(self, values: Tensor) -> None:
        """Moves the first C channels of the output there; of the shape that ``reach`` gave."""


MakeDecoder = Callable[[Shape, int], nn.Module]
"""``(shape, in_dim)`` to what makes parameters ``[N, *shape]`` of vectors ``[N, in_dim]``."""


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
    kind = POSTERIORS.get(settings.posterior)
    likelihood = LIKELIHOODS.get(settings.likelihood)(spec, settings.sigma)
    if spec.extent and likelihood.kind == "binary":
        raise UsageError(
            f"likelihood '{settings.likelihood}' is of coins, and '{spec.name}' has points of a plane: "
            "take likelihood=gaussian_learned"
        )
    num_classes = require_classes(spec, "a conditional VAE") if settings.conditional else 0
    channels = likelihood.params_per_value * spec.shape[0]
    decoder_net = decoder((channels, *spec.shape[1:]), settings.latent_dim + num_classes)
    encoder = Encoder(
        features,
        act=encoder_act,
        feature_dim=feature_dim,
        num_classes=num_classes,
        size=kind.size(settings.latent_dim),
    )
    prior = _build_prior(settings, spec)
    latent_model = LatentModel(
        kind=kind,
        likelihood=likelihood,
        num_classes=num_classes,
        separable=hasattr(kind, "kl_per_latent") and hasattr(prior, "kl_per_latent"),
    )
    _refuse_what_does_not_combine(settings, prior, separable=latent_model.separable)
    modules = {
        "encoder": encoder,
        "decoder": decoder_net,
        "prior": prior,
        "likelihood": cast("nn.Module", likelihood),
    }
    return Trainable(
        modules=modules,
        optimizers={
            "adam": OptimSpec(
                modules=tuple(modules),
                kind="adam",
                lr=settings.lr,
                eps=settings.adam_eps,
                num_stages=settings.lr_stages,
            )
        },
        phases=[
            Phase(
                name="vae",
                optimizer="adam",
                loss=_loss(settings, latent_model),
                after_step=_project if hasattr(prior, "project") else None,
            )
        ],
        initialise=_initialise,
        eval_fns=latent_model.eval_fns(settings.latent_dim),
    )


def _build_prior(settings: VaeSettings, spec: DataSpec) -> nn.Module:
    return PRIORS.get(settings.prior)(
        PriorShape(
            latent_dim=settings.latent_dim,
            image_shape=spec.shape,
            num_layers=settings.prior_layers,
            hidden=settings.prior_hidden,
            num_components=settings.prior_components,
        )
    )


def _refuse_what_does_not_combine(
    settings: VaeSettings, prior: nn.Module, *, separable: bool
) -> None:
    if settings.conditional and getattr(prior, "uses_encoder", False):
        raise UsageError(
            f"prior '{settings.prior}' is made of encoded images without a class, and the encoder "
            "of a conditional VAE needs one: take another prior or conditional=false"
        )
    if settings.free_nats and not separable:
        raise UsageError(
            f"free_nats={settings.free_nats} needs the KL of each latent in closed form, which "
            f"posterior '{settings.posterior}' with prior '{settings.prior}' does not have: take "
            "posterior=diagonal and prior=standard, or free_nats=0"
        )


def _initialise(nets: Nets, images: Tensor) -> None:
    """The decoder starts at the mean image, a prior of data at its images.

    Burda et al. 2016 start there too (yburda/iwae, datasets.py: get_train_bias_np). A decoder that starts at 1/2
    first learns that pixels are dark, by filters that are all negative: what is bright then
    comes from the bias alone, for tens of thousands of images.
    """
    if hasattr(nets["decoder"], "start_at"):
        decoder = cast("StartingDecoder", nets["decoder"])
        index = torch.linspace(0, len(images) - 1, min(MEAN_OF, len(images))).long()
        mean = decoder.reach(to_unit(images[index.to(images.device)]).mean(0))
        decoder.start_at(cast("Likelihood", nets["likelihood"]).start(mean))
    if hasattr(nets["prior"], "initialise"):
        cast("PriorExtras", nets["prior"]).initialise(images)


def _project(nets: Nets) -> Scalars:
    cast("PriorExtras", nets["prior"]).project()
    return {}


def _loss(settings: VaeSettings, latent_model: LatentModel) -> Loss:
    """The objective that the settings name."""
    inference = latent_model.inference()
    if settings.num_importance > 1:
        return bound_loss(inference, k=settings.num_importance)
    if settings.free_nats:
        return free_bits_loss(
            inference,
            latent_model.kl_per_latent,
            kl_weight=settings.kl_weight,
            warmup=settings.kl_warmup,
            free_nats=settings.free_nats,
        )
    return elbo_loss(inference, kl_weight=settings.kl_weight, warmup=settings.kl_warmup)
