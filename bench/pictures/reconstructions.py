"""Validation images beside their reconstructions."""

from __future__ import annotations

import torch

from bench.contracts import View
from bench.images import Picture, display_scale, grid, to_bytes, to_unit
from bench.pictures import picture

ROWS, PAIRS = 8, 4


@picture("reconstructions", needs=("inference",))
def reconstructions(view: View) -> Picture:
    """8 rows of 4 pairs: a validation image, then its reconstruction from the posterior mean."""
    inference = view.fns.inference
    assert inference is not None
    images, labels = view.images("val")[: ROWS * PAIRS], view.labels("val")
    labels = None if labels is None else labels[: ROWS * PAIRS]
    x = inference.observe(to_unit(images), view.noise("reconstructions"))
    z = inference.posterior(view.nets, x, labels).mean
    x_recon = to_bytes(view.fns.decode(view.nets, z, labels))
    pairs = torch.stack([images, x_recon], dim=1).flatten(0, 1)
    return grid(pairs, columns=2 * PAIRS, scale=display_scale(view.spec.shape[1]))
