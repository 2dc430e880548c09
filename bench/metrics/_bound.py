"""The two terms of the ELBO over a whole held-out split."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from bench.contracts import View
from bench.images import to_unit
from bench.variational.elbo import elbo_terms

CHUNK = 500


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
    inference, noise = view.fns.inference, view.noise("elbo")
    assert inference is not None
    log_likelihood, kl = [], []
    for images, labels in chunks(view, split):
        terms = elbo_terms(inference, view.nets, images, labels, noise)
        log_likelihood.append(terms[0].double())
        kl.append(terms[1].double())
    return Bound(float(torch.cat(log_likelihood).mean()), float(torch.cat(kl).mean()))


def chunks(view: View, split: str) -> Iterator[tuple[Tensor, Tensor | None]]:
    """Every image of the split in [0, 1] with its label, the last partial chunk included."""
    images, labels = view.images(split), view.labels(split)
    for start in range(0, len(images), CHUNK):
        part = slice(start, start + CHUNK)
        yield to_unit(images[part]), None if labels is None else labels[part]
