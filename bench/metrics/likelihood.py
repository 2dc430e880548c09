"""The ELBO with its terms, and what an encoder alone can tell (protocol rules 14 to 16 and 19)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from bench.errors import required
from bench.evaluation.latents import batches, encoded
from bench.evaluation.view import View
from bench.images import to_pixels, to_unit
from bench.metrics import NotApplicable, metric
from bench.variational.elbo import elbo_terms

ACTIVE_VARIANCE = 0.01


@dataclass(frozen=True)
class SplitBound:
    """The two terms of ``contracts.Bound`` in nats, each a mean over every image of a split."""

    log_likelihood: float
    kl: float
    sampled: bool

    @property
    def value(self) -> float:
        """log p(x), or its bound."""
        return self.log_likelihood - self.kl


def split_bound(view: View, split: str) -> SplitBound:
    """By fixed noise (protocol rule 14): a state's pass over a split is made once."""
    return view.remembered(f"bound {split}", lambda: _bound(view, split))


def _bound(view: View, split: str) -> SplitBound:
    density, noise = view.density(), view.noise("elbo")
    bounds = [
        elbo_terms(density, view.nets, images, labels, noise)
        for images, labels in batches(view, split)
    ]
    return SplitBound(
        _mean(bound.log_likelihood for bound in bounds),
        _mean(bound.kl for bound in bounds),
        bounds[0].sampled,
    )


def _mean(parts: Iterable[Tensor]) -> float:
    return float(torch.cat([part.double() for part in parts]).mean())


@metric("elbo", when="validation")
def elbo(view: View) -> dict[str, float]:
    """E[log p(x|z)] - KL in nats, KL factor 1, mean over every held-out image; higher is better.

    Both terms stand beside it. The KL is the rate, minus the reconstruction the distortion
    (Alemi et al. 2018, arXiv 1711.00464); ``kl_sampled`` is the name of a KL without a closed
    form, estimated by the z of the reconstruction. A model whose log p(x) is exact has that,
    ``log_likelihood``, and no terms.
    """
    bound, density = split_bound(view, view.split), view.density()
    if density.exact:
        return {f"log_likelihood_{density.likelihood_name}": bound.value}
    return {
        f"elbo_{density.likelihood_name}": bound.value,
        f"reconstruction_{density.likelihood_name}": bound.log_likelihood,
        f"{'kl_sampled' if bound.sampled else 'kl'}_{density.likelihood_name}": bound.kl,
    }


@metric("best_sigma")
def best_sigma(view: View) -> dict[str, float]:
    """The ELBO at the best sigma for the trained decoder, fitted on validation; higher is better.

    For a Gaussian likelihood with one fixed sigma. In the training loss a KL factor and sigma^2
    are one knob up to a constant (Rybkin et al. 2021, arXiv 2006.13202, section 3), so that runs
    of different factors compare by their ELBO only where each has its best sigma. Encoder and
    decoder stay as they are: the best sigma^2 is the mean squared error of a value, E[(x - m)^2].
    """
    why = "the likelihood is no Gaussian with one fixed sigma"
    sigma = required(view.inference().sigma, why)
    size = math.prod(view.spec.shape)
    fitted = _squares(split_bound(view, "val").log_likelihood, sigma, size) / size
    bound = split_bound(view, view.split)
    squares = _squares(bound.log_likelihood, sigma, size)
    log_likelihood = -0.5 * (size * math.log(2 * math.pi * fitted) + squares / fitted)
    return {"elbo_best_sigma": log_likelihood - bound.kl, "best_sigma": math.sqrt(fitted)}


def _squares(log_likelihood: float, sigma: float, size: int) -> float:
    """The squared error of an image, from its log-likelihood under N(m, sigma^2 I)."""
    return -(2 * log_likelihood + size * math.log(2 * math.pi * sigma**2)) * sigma**2


@metric("bits_per_dim")
def bits_per_dim(view: View) -> dict[str, float]:
    """Upper bound on the bits that a pixel's gray level costs, from the ELBO; lower is better.

    With nll = -ELBO and D values to an image: nll / (D ln 2) for probabilities of gray levels;
    (nll / D + ln L) / ln 2 for a density of x = (k + u) / L. The mean over u of its log is at
    most log P(k), the log of its integral over the level (Theis et al. 2016, arXiv 1511.01844,
    on dequantisation). A binary likelihood says nothing of gray levels (protocol rule 16).
    """
    density = view.density()
    if density.kind == "binary":
        raise NotApplicable("a binary likelihood gives no probability of gray levels")
    nats = -split_bound(view, view.split).value / math.prod(view.spec.shape)
    if density.kind == "density":
        nats += math.log(view.spec.levels)
    return {f"bits_per_dim_{density.likelihood_name}": nats / math.log(2)}


@metric("active_units")
def active_units(view: View) -> dict[str, float]:
    """Latent dimensions whose posterior mean varies by more than 0.01 over held-out images."""
    noise = view.noise("active_units")
    means = [q.mean.double() for _, _, q in encoded(view, view.split, noise)]
    return {"active_units": float((torch.cat(means).var(0) > ACTIVE_VARIANCE).sum())}


@metric("reconstruction_error")
def reconstruction_error(view: View) -> dict[str, float]:
    """Squared error per pixel of the reconstruction from the posterior mean, images in [0, 1]."""
    noise = view.noise("reconstruction_error")
    errors = []
    for images, labels, q in encoded(view, view.split, noise):
        x_recon = to_unit(to_pixels(view.fns.decode(view.nets, q.mean, labels), view.spec.top))
        errors.append((x_recon - images).square().flatten(1).double().mean(1))
    return {"reconstruction_error": float(torch.cat(errors).mean())}
