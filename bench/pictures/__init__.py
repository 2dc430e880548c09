"""Pictures of a run: each file registers a function ``View -> Picture`` of one fixed noise."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from bench.datasets import Mixture
from bench.errors import NotApplicable
from bench.evaluation.view import View, evaluation_mode
from bench.images import Grid, Picture, display_scale, grid, heading, to_pixels
from bench.pictures._chart import headed, plane
from bench.pieces import pause, within_memory
from bench.registry import Registry, first_line

Draw = Callable[[View], Picture]


@dataclass(frozen=True, kw_only=True)
class PictureKind:
    """A registered picture.

    Attributes:
        draw: ``View -> [H, W, 3]`` uint8; may raise ``NotApplicable``.
        at_end: Only drawn once, after training; others at each validation as well.
        summary: One line for ``bench list``.
    """

    draw: Draw
    at_end: bool
    summary: str


PICTURES: Registry[PictureKind] = Registry("picture", "bench.pictures")


def picture(name: str, *, at_end: bool = False) -> Callable[[Draw], Draw]:
    """Decorator that registers a picture; the first line of its docstring is its summary."""

    def register(draw: Draw) -> Draw:
        PICTURES.add(
            name,
            PictureKind(draw=draw, at_end=at_end, summary=first_line(draw)),
            origin=draw.__module__,
        )
        return draw

    return register


@torch.no_grad()
def draw_pictures(view: View, *, at_end: bool) -> dict[str, Picture]:
    """Every picture that applies, by name; ``at_end`` those of the trained model as well."""
    evaluation_mode(view.nets)
    pictures = {}
    for name, kind in PICTURES.items():
        if at_end or not kind.at_end:
            pause()
            with suppress(NotApplicable):
                pictures[name] = _headed(name, within_memory(partial(kind.draw, view)))
    return pictures


def _headed(name: str, drawn: Picture) -> Picture:
    """A grid below what its rows and columns are, as the report words it; a chart as it is."""
    if not isinstance(drawn, Grid):
        return drawn
    return headed(drawn, heading(name, drawn.columns))


def over_the_truth(points: Tensor, truth: Mixture) -> Picture:
    """Points ``[N, 2]`` over the true modes, each a circle of three standard deviations."""
    return plane(points.cpu().numpy(), np.asarray(truth.means), 3 * truth.sd, extent=truth.extent)


def tiled(view: View, images: Tensor, *, columns: int) -> Picture:
    """uint8 ``[N, C, H, W]`` as a grid, enlarged so that the data set's images are seen well."""
    if view.spec.extent:
        raise NotApplicable("points of a plane are no pictures: see samples")
    return grid(images, columns=columns, scale=display_scale(view.spec.shape[1]))


def decoded(view: View, z: Tensor, labels: Tensor | None, *, columns: int) -> Picture:
    """The images of latents ``[N, ...]``, for their classes if conditional, as a grid."""
    return tiled(
        view, to_pixels(view.fns.decode(view.nets, z, labels), view.spec.top), columns=columns
    )


def in_pairs(view: View, images: Tensor, others: Tensor, *, pairs: int) -> Picture:
    """Each image with its other at the right, uint8 ``[N, C, H, W]`` both, ``pairs`` a row."""
    return tiled(view, torch.stack([images, others], dim=1).flatten(0, 1), columns=2 * pairs)
