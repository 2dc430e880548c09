"""What single latent dimensions change in an image."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.evaluation.latents import most_active, one_class, posterior_means
from bench.evaluation.view import View
from bench.images import Picture
from bench.pictures import decoded, picture

ROWS, POINTS = 8, 10
REACH = 3.0
NUM_CODES = 2_000


@picture("traversal")
def traversal(view: View) -> Picture:
    """A latent in each row from -3 to 3, the others fixed; with an encoder the most active first.

    The fixed ones are those of one validation image, without an encoder those of a draw from
    the prior. A conditional model shows that image's class.
    """
    view.latent_dim()
    code, dims = _start(view)
    values = torch.linspace(-REACH, REACH, POINTS, device=code.device)
    z = code.repeat(len(dims), POINTS, 1)
    for row, dim in enumerate(dims):
        z[row, :, dim] = values
    return decoded(view, z.flatten(0, 1), one_class(view, len(dims) * POINTS), columns=POINTS)


def _start(view: View) -> tuple[Tensor, list[int]]:
    """The fixed code ``[D]`` and the latents to vary, at most 8."""
    if view.fns.encode is None:
        code = view.fns.latent(view.nets, 1, view.noise("traversal"))[0]
        return code, list(range(len(code)))[:ROWS]
    means = posterior_means(view, "val", NUM_CODES)
    return means[0], most_active(means, ROWS).tolist()
