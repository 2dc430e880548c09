"""The functions of a latent variable model p(z) p(x|z) with an encoder q(z|x)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import cast

from torch import Tensor

from bench.contracts import EvalFns, Inference, Likelihood, Nets, Posterior, Prior, Rng
from bench.labels import join_class
from bench.variational.posteriors import PosteriorKind
from bench.variational.priors import PriorExtras


@dataclass(frozen=True, kw_only=True)
class LatentModel:
    """Pure functions of the modules ``encoder``, ``decoder``, ``prior`` and ``likelihood``.

    Attributes:
        kind: Makes q(z|x) of the encoder's values.
        likelihood: Its form of the data and its name; what it learns is read from the modules.
        num_classes: 0 where encoder and decoder see no class.
        separable: Whether posterior and prior are products over latents, so that each latent
            has a KL of its own in closed form.
    """

    kind: PosteriorKind
    likelihood: Likelihood
    num_classes: int
    separable: bool

    def posterior(self, nets: Nets, x: Tensor, labels: Tensor | None) -> Posterior:
        """q(z|x), or q(z|x, class)."""
        return self.kind(nets["encoder"](x, labels))

    def encode(self, nets: Nets, images: Tensor, labels: Tensor | None, noise: Rng) -> Posterior:
        """q(z|x) of images in [0, 1]."""
        return self.posterior(nets, self.likelihood.observe(images, noise), labels)

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

    def latent(self, nets: Nets, n: int, noise: Rng) -> Tensor:
        """z from the prior."""
        return _prior(nets).sample(n, noise, partial(self._encode_alone, nets))

    def prior_log_prob(self, nets: Nets, z: Tensor) -> Tensor:
        """log p(z) in nats."""
        return _prior(nets).log_prob(z, partial(self._encode_alone, nets))

    def kl_per_latent(self, nets: Nets, q: Posterior) -> Tensor:
        """KL of each latent in nats, ``[N, D]``."""
        return cast("PriorExtras", nets["prior"]).kl_per_latent(q)

    def _encode_alone(self, nets: Nets, x: Tensor) -> Posterior:
        """q(z|x) for a prior that is made of posteriors.

        In evaluation mode even while training: batch norm's running statistics are to be those
        of real images alone, and a pseudo-input's posterior its own, whatever stands beside it.
        """
        encoder = nets["encoder"]
        training = encoder.training
        encoder.eval()
        posterior = self.posterior(nets, x, None)
        encoder.train(training)
        return posterior

    def inference(self) -> Inference:
        """All that the ELBO needs; that of a conditional model bounds log p(x|class)."""
        given = "_given_class" if self.num_classes else ""
        return Inference(
            likelihood_name=f"{self.likelihood.name}{given}",
            kind=self.likelihood.kind,
            observe=self.likelihood.observe,
            posterior=self.posterior,
            prior_log_prob=self.prior_log_prob,
            log_likelihood=self.log_likelihood,
            kl=lambda nets, q: _prior(nets).kl(q),
            kl_per_latent=self.kl_per_latent if self.separable else None,
            sigma=getattr(self.likelihood, "sigma", None),
        )

    def eval_fns(self, latent_dim: int) -> EvalFns:
        """All that sampling and evaluation need."""
        return EvalFns(
            latent=self.latent,
            decode=self.decode,
            latent_dim=latent_dim,
            prior_log_prob=self.prior_log_prob,
            conditional=self.num_classes > 0,
            encode=self.encode,
            density=self.inference(),
        )


def _prior(nets: Nets) -> Prior:
    return cast("Prior", nets["prior"])


def _likelihood(nets: Nets) -> Likelihood:
    return cast("Likelihood", nets["likelihood"])
