"""Validation images beside their reconstructions."""

from __future__ import annotations

from bench.evaluation.view import View
from bench.images import Picture, to_pixels, to_unit
from bench.pictures import in_pairs, picture

ROWS, PAIRS = 8, 4


@picture("reconstructions")
def reconstructions(view: View) -> Picture:
    """8 rows of 4 pairs: a validation image, then its reconstruction from the posterior mean."""
    encode = view.encoder()
    images, labels = view.subset("val", ROWS * PAIRS)
    z = encode(view.nets, to_unit(images), labels, view.noise("reconstructions")).mean
    x_recon = to_pixels(view.fns.decode(view.nets, z, labels), view.spec.top)
    return in_pairs(view, images, x_recon, pairs=PAIRS)
