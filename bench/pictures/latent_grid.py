"""The plane of a two-dimensional latent space as images."""

from __future__ import annotations

import torch

from bench.errors import NotApplicable
from bench.evaluation.latents import normal_quantiles, one_class
from bench.evaluation.view import View
from bench.images import Picture
from bench.pictures import decoded, picture

SIDE = 10


@picture("latent_grid")
def latent_grid(view: View) -> Picture:
    """10 x 10 points of a plane of latents at the standard normal's quantiles, 0.05 to 0.95.

    The first latent grows to the right, the second upwards, as in ``latent_codes``. A
    conditional model shows the class of one validation image.
    """
    if view.fns.latent_dim != 2:
        raise NotApplicable("the model's latent space has not two dimensions")
    q = normal_quantiles(SIDE).to(view.reference.device)
    z = torch.stack([q.repeat(SIDE), q.flip(0).repeat_interleave(SIDE)], dim=1)
    return decoded(view, z, one_class(view, len(z)), columns=SIDE)
