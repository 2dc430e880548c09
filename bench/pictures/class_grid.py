"""The same noise for every class."""

from __future__ import annotations

import torch

from bench.evaluation.view import View
from bench.images import Picture
from bench.pictures import decoded, picture

ROWS = 10
MOST_CLASSES = 20


@picture("class_grid")
def class_grid(view: View) -> Picture:
    """A noise in each of 10 rows, a class in each column (the first 20)."""
    columns = min(view.num_classes(), MOST_CLASSES)
    view.latent_dim()
    z = view.fns.latent(view.nets, ROWS, view.noise("class_grid")).repeat_interleave(columns, 0)
    labels = torch.arange(columns, device=z.device).repeat(ROWS)
    return decoded(view, z, labels, columns=columns)
