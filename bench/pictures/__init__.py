"""Pictures of a run: each file registers a function ``View -> Picture`` of one fixed noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from bench.evaluation.view import View
from bench.images import Picture, display_scale, grid, to_bytes
from bench.registry import Registry, first_line


@dataclass(frozen=True, kw_only=True)
class PictureKind:
    """A registered picture.

    Attributes:
        draw: ``View -> [H, W, 3]`` uint8; may raise ``NotApplicable``.
        at_end: Only drawn once, after training; others at each validation as well.
        summary: One line for ``bench list``.
    """

    draw: Callable[[View], Picture]
    at_end: bool
    summary: str


PICTURES: Registry[PictureKind] = Registry("picture", "bench.pictures")

Draw = Callable[[View], Picture]


def picture(name: str, *, at_end: bool = False) -> Callable[[Draw], Draw]:
    """Decorator that registers a picture; the first line of its docstring is its summary."""

    def register(draw: Draw) -> Draw:
        kind = PictureKind(draw=draw, at_end=at_end, summary=first_line(draw))
        PICTURES.add(name, kind, origin=draw.__module__)
        return draw

    return register


def tiled(view: View, images: Tensor, *, columns: int) -> Picture:
    """uint8 ``[N, C, H, W]`` as a grid, enlarged so that the data set's images are seen well."""
    return grid(images, columns=columns, scale=display_scale(view.spec.shape[1]))


def decoded(view: View, z: Tensor, labels: Tensor | None, *, columns: int) -> Picture:
    """The images of latents ``[N, ...]``, for their classes if conditional, as a grid."""
    return tiled(view, to_bytes(view.fns.decode(view.nets, z, labels)), columns=columns)


def in_pairs(view: View, images: Tensor, others: Tensor, *, pairs: int) -> Picture:
    """Each image with its other at the right, uint8 ``[N, C, H, W]`` both, ``pairs`` a row."""
    return tiled(view, torch.stack([images, others], dim=1).flatten(0, 1), columns=2 * pairs)
