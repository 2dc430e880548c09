"""What several measures read of the same pairs of samples and real images: computed once."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.distances.pairs import Pairs, Within, within
from bench.evaluation.view import View


def pairs(view: View, n: int) -> Pairs:
    """Of n samples and as many real images of the view's split, or fewer."""
    return view.remembered(_key(view, view.split, n), lambda: _pairs(view, n))


def _pairs(view: View, n: int) -> Pairs:
    fake, real = view.features(n)
    # Validation and test have the same samples; of real images every model finds the same.
    of_fake = view.remembered(_key(view, "samples", n), lambda: within(fake))
    of_real = view.constant("within", _stacked, real)
    return Pairs(fake, real, of_fake, Within(*of_real))


def _stacked(real: Tensor) -> Tensor:
    return torch.stack(within(real))


def _key(view: View, what: str, n: int) -> str:
    return f"pairs {view.detector().name} {what} {n}"
