"""Images along paths between draws from the prior."""

from __future__ import annotations

import torch

from bench.evaluation.latents import linear_path, spherical_path
from bench.evaluation.view import View
from bench.images import Picture
from bench.pictures import decoded, picture

ROWS, POINTS = 10, 10


@picture("interpolation")
def interpolation(view: View) -> Picture:
    """10 rows of 10 points between two draws: straight with an encoder, else on a great circle.

    A conditional model shows one class in each row.
    """
    view.latent_dim()
    z = view.fns.latent(view.nets, 2 * ROWS, view.noise("interpolation"))
    path = spherical_path if view.fns.encode is None else linear_path
    points = path(z[:ROWS], z[ROWS:], POINTS).flatten(0, 1)
    if not view.fns.conditional:
        return decoded(view, points, None, columns=POINTS)
    classes = torch.arange(ROWS, device=z.device) % view.spec.num_classes
    return decoded(view, points, classes.repeat_interleave(POINTS), columns=POINTS)
