"""Pictures of a run: each file registers a function ``View -> Picture`` of one fixed noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bench.contracts import Need, View
from bench.images import Picture
from bench.registry import Registry


@dataclass(frozen=True, kw_only=True)
class PictureKind:
    """A registered picture.

    Attributes:
        draw: ``View -> [H, W, 3]`` uint8.
        needs: What the view must hold.
        summary: One line for ``bench list``.
    """

    draw: Callable[[View], Picture]
    needs: tuple[Need, ...]
    summary: str


PICTURES: Registry[PictureKind] = Registry("picture", "bench.pictures")

Draw = Callable[[View], Picture]


def picture(name: str, *, needs: tuple[Need, ...] = ()) -> Callable[[Draw], Draw]:
    """Decorator that registers a picture; the first line of its docstring is its summary."""

    def register(draw: Draw) -> Draw:
        summary = (draw.__doc__ or "").strip().partition("\n")[0]
        PICTURES.add(
            name, PictureKind(draw=draw, needs=needs, summary=summary), origin=draw.__module__
        )
        return draw

    return register
