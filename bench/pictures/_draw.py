"""Draws every picture that applies to a view."""

from __future__ import annotations

from contextlib import suppress

import torch

from bench.errors import NotApplicable
from bench.evaluation.view import View, evaluation_mode
from bench.images import Picture
from bench.pictures import PICTURES


@torch.no_grad()
def draw_pictures(view: View, *, at_end: bool) -> dict[str, Picture]:
    """Every picture that applies, by name; ``at_end`` those of the trained model as well."""
    evaluation_mode(view.nets)
    pictures = {}
    for name, kind in PICTURES.items():
        if at_end or not kind.at_end:
            with suppress(NotApplicable):
                pictures[name] = kind.draw(view)
    return pictures
