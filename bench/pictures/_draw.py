"""Draws every picture that applies to a view."""

from __future__ import annotations

import torch

from bench.evaluation.view import Evaluation, evaluation_mode
from bench.images import Picture
from bench.pictures import PICTURES


@torch.no_grad()
def draw_pictures(view: Evaluation, *, at_end: bool) -> dict[str, Picture]:
    """Every picture that applies, by name; ``at_end`` those of the trained model as well."""
    evaluation_mode(view.nets)
    return {
        name: kind.draw(view)
        for name, kind in PICTURES.items()
        if (at_end or not kind.at_end) and view.lacks(kind.needs) is None
    }
