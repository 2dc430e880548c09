"""The two terms of the ELBO over a whole held-out split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from bench.evaluation.latents import batches
from bench.evaluation.view import View
from bench.variational.elbo import elbo_terms


@dataclass(frozen=True)
class Bound:
    """The ELBO's two terms in nats, each a mean over every image of a split."""

    reconstruction: float
    kl: float

    @property
    def elbo(self) -> float:
        """The bound itself."""
        return self.reconstruction - self.kl


def split_bound(view: View, split: str) -> Bound:
    """From one z per image by fixed noise (protocol rule 14); the model has a likelihood.

    Several metrics read it: a state's pass over a split is made once.
    """
    return view.remembered(f"bound {split}", lambda: _bound(view, split))


def _bound(view: View, split: str) -> Bound:
    inference, noise = view.inference(), view.noise("elbo")
    log_likelihood, kl = zip(
        *(
            elbo_terms(inference, view.nets, images, labels, noise)
            for images, labels in batches(view, split)
        ),
        strict=True,
    )
    return Bound(_mean(log_likelihood), _mean(kl))


def _mean(parts: Sequence[Tensor]) -> float:
    return float(torch.cat([part.double() for part in parts]).mean())
