"""How the KL, the rate of a code, spreads over latents."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.contracts import View
from bench.images import to_unit

CHUNK = 500


def mean_kl_per_latent(view: View, split: str, n: int) -> Tensor:
    """KL of each latent in nats, mean over n images of a fixed subset, float64 ``[D]``.

    For views that meet the need ``latent_kl``; fewer images where there are not as many.
    """
    inference = view.fns.inference
    assert inference is not None
    assert inference.kl_per_latent is not None
    images, labels = view.some(split, n)
    noise, parts = view.noise("latent_rate"), []
    for start in range(0, len(images), CHUNK):
        part = slice(start, start + CHUNK)
        x = inference.observe(to_unit(images[part]), noise)
        q = inference.posterior(view.nets, x, None if labels is None else labels[part])
        parts.append(inference.kl_per_latent(view.nets, q))
    return torch.cat(parts).double().mean(0)
