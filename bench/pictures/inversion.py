"""Validation images beside the nearest ones that a model without an encoder makes."""

from __future__ import annotations

from bench.errors import NotApplicable
from bench.evaluation.view import View
from bench.images import Picture, to_pixels, to_unit
from bench.pictures import in_pairs, picture
from bench.pictures._inversion import invert

ROWS, PAIRS = 4, 4


@picture("inversion", at_end=True)
def inversion(view: View) -> Picture:
    """4 rows of 4 pairs: a validation image, then what z can be optimised to show of it."""
    if view.fns.encode is not None:
        raise NotApplicable("the model has an encoder")
    view.latent_dim()
    images, labels = view.subset("val", ROWS * PAIRS)
    found = invert(view.nets, view.fns, to_unit(images), labels, view.noise("inversion"))
    return in_pairs(view, images, to_pixels(found.images, view.spec.top), pairs=PAIRS)
