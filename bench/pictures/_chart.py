"""Points by class, bars by rank and words above a grid, drawn with Pillow: a training process loads no matplotlib."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from bench.images import Grid, Picture
from bench.palette import COLOURS

SIDE = 440
"""Pixels of the square that holds the points."""

WIDE, HIGH = 440, 220
"""Pixels of the field that holds the bars."""

HEAD = 20
"""Pixels of the line above a grid."""

LEFT, TOP = 52, 34
_BOTTOM, _LEGEND, _RIGHT = 46, 46, 16
_PER_COLUMN = 20
_OVERSAMPLED = 2
_SHAPES = ((0, 0), (4, 0), (3, 0), (4, 45))  # corners, degrees; the first one is a circle
BAR, _INK, _GRID = "#3f90da", "#222222", "#e4e4e4"

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Frame:
    """A square part of the plane, so that both axes have one scale.

    Attributes:
        low: Its lower left corner, ``(x, y)``.
        span: Its side.
    """

    low: tuple[float, float]
    span: float

    @classmethod
    def around(cls, points: Floats) -> Frame:
        """The smallest one around ``[N, 2]``, with a margin of 5 % of its side."""
        low, high = points.min(0), points.max(0)
        span = float((high - low).max()) * 1.1 or 1.0
        x, y = (low + high) / 2 - span / 2
        return cls((float(x), float(y)), span)

    def pixels(self, points: Floats) -> Floats:
        """Positions in the square, ``[N, 2]``: x to the right, y downwards, in 0..SIDE."""
        unit = (points - np.asarray(self.low)) / self.span
        return np.stack([unit[:, 0], 1 - unit[:, 1]], axis=1) * SIDE

    def ticks(self, axis: int) -> list[float]:
        """Between four and ten round numbers within an axis."""
        step = round_step(self.span / 4)
        first = math.ceil(self.low[axis] / step)
        last = math.floor((self.low[axis] + self.span) / step)
        return [i * step for i in range(first, last + 1)]


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """DejaVu Sans, the font of the report's figures, whose file matplotlib holds; else Pillow's own."""
    found = find_spec("matplotlib")  # found, not imported
    if found is not None and found.origin is not None:
        path = Path(found.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"
        if path.is_file():
            return ImageFont.truetype(path, size)
    return ImageFont.load_default(size)


def round_step(most: float) -> float:
    """The largest of 1, 2 and 5 times a power of ten that is at most ``most``."""
    power = 10.0 ** math.floor(math.log10(most))
    return next(m * power for m in (5, 2, 1) if m * power <= most * (1 + 1e-9))


def scatter(points: Floats, classes: NDArray[np.int64], *, axes: tuple[str, str]) -> Picture:
    """Points by class with axis numbers, a legend and each class' number at its median point.

    Args:
        points: ``[N, 2]``.
        classes: ``[N]``; beyond ten, colours begin again with another shape.
        axes: What x and y are.
    """
    known = sorted(set(classes.tolist()))
    columns = -(-len(known) // _PER_COLUMN)
    pen = _Pen(LEFT + SIDE + _LEGEND * columns, TOP + SIDE + _BOTTOM)
    frame = Frame.around(points)
    _draw_axes(pen, frame, axes)
    radius = 3.0 if len(points) <= 500 else 2.0
    places = frame.pixels(points) + np.asarray((LEFT, TOP))
    for (x, y), label in zip(places.tolist(), classes.tolist(), strict=True):
        pen.mark(x, y, label, radius)
    for i, label in enumerate(known):
        x, y = np.median(places[classes == label], axis=0).tolist()
        pen.text(x, y, str(label), anchor="mm", size=15, halo=True)
        column, row = divmod(i, _PER_COLUMN)
        left, top = LEFT + SIDE + 16 + column * _LEGEND, TOP + 10 + row * 22
        pen.mark(left, top, label, 5.0)
        pen.text(left + 11, top, str(label), anchor="lm", size=14)
    return pen.picture()


def plane(points: Floats, means: Floats, radius: float, *, extent: tuple[float, float]) -> Picture:
    """Points of a square over circles, those inside of one in another colour than the others.

    Args:
        points: ``[N, 2]``.
        means: Centres of the circles, ``[K, 2]``.
        radius: Of each circle.
        extent: Least and largest coordinate of the square.
    """
    pen = _Pen(LEFT + SIDE + _RIGHT, TOP + SIDE + _BOTTOM)
    frame = Frame((extent[0], extent[0]), extent[1] - extent[0])
    _draw_axes(pen, frame, ("x", "y"))
    corner = np.asarray((LEFT, TOP))
    apart = np.linalg.norm(points[:, None] - means[None], axis=2).min(1)
    places = (frame.pixels(points) + corner).tolist()
    for (x, y), near in zip(places, (apart < radius).tolist(), strict=True):
        pen.mark(x, y, 0 if near else 2, 1.5)
    around = max(radius / frame.span * SIDE, 4.0)
    for x, y in (frame.pixels(means) + corner).tolist():
        pen.ring(x, y, around)
    share = f"{float((apart < radius).mean()):.1%} of {len(points):,} inside of a circle"
    pen.text(LEFT + SIDE, TOP - 10, share, anchor="rs", size=13)
    return pen.picture()


def bars(values: Floats, *, axes: tuple[str, str]) -> Picture:
    """A bar for each number ``[N]``, none below 0, in their order from the left.

    Args:
        values: Heights; the field ends a little above the largest.
        axes: What the bars stand for, and what their height is.
    """
    pen = _Pen(LEFT + WIDE + _RIGHT, TOP + HIGH + _BOTTOM)
    top = float(values.max()) * 1.05 or 1.0
    step = round_step(top / 4)
    ticks = [i * step for i in range(int(top / step) + 1)]
    for tick, text in zip(ticks, tick_texts(ticks), strict=True):
        y = TOP + HIGH * (1 - tick / top)
        pen.line(LEFT, y, LEFT + WIDE, y)
        pen.text(LEFT - 6, y, text, anchor="rm", size=12)
    for (left, right), value in zip(spans(len(values)), values.tolist(), strict=True):
        pen.bar(left, TOP + HIGH * (1 - max(value, 0.0) / top), right, TOP + HIGH)
    pen.text(LEFT + WIDE / 2, TOP + HIGH + 14, axes[0], anchor="mt", size=14)
    pen.text(LEFT, TOP - 10, axes[1], anchor="ls", size=14)
    return pen.picture()


def headed(grid: Grid, head: str) -> Grid:
    """The grid below a line of words, as large as fits; without words, as it is."""
    if not head:
        return grid
    width = grid.shape[1]
    size = min(13, int(13 * width / max(1.0, _font(13).getlength(head))))
    pen = _Pen(width, HEAD)
    pen.text(1, HEAD / 2, head, anchor="lm", size=max(1, size))
    made = np.concatenate([pen.picture(), grid]).view(Grid)
    made.text = {**grid.text, "Top": str(HEAD)}
    return made


def spans(count: int) -> list[tuple[float, float]]:
    """Left and right end of each bar in pixels; a fifth of a bar's place is a gap."""
    place = WIDE / count
    return [(LEFT + place * (i + 0.1), LEFT + place * (i + 0.9)) for i in range(count)]


def _draw_axes(pen: _Pen, frame: Frame, axes: tuple[str, str]) -> None:
    for axis in (0, 1):
        values = frame.ticks(axis)
        places = frame.pixels(np.column_stack([values, values]))[:, axis].tolist()
        for at, text in zip(places, tick_texts(values), strict=True):
            if axis == 0:
                pen.line(LEFT + at, TOP, LEFT + at, TOP + SIDE)
                pen.text(LEFT + at, TOP + SIDE + 6, text, anchor="mt", size=12)
            else:
                pen.line(LEFT, TOP + at, LEFT + SIDE, TOP + at)
                pen.text(LEFT - 6, TOP + at, text, anchor="rm", size=12)
    pen.box(LEFT, TOP, SIDE)
    pen.text(LEFT + SIDE / 2, TOP + SIDE + 24, axes[0], anchor="mt", size=14)
    pen.text(LEFT, TOP - 10, axes[1], anchor="ls", size=14)


def tick_texts(values: list[float]) -> list[str]:
    """Numbers with as many decimals as their distance needs."""
    step = min((b - a for a, b in pairwise(values)), default=1.0)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return [f"{value + 0.0:.{decimals}f}" for value in values]


class _Pen:
    """Draws at twice the size, so that edges are smooth after halving."""

    def __init__(self, wide: int, high: int) -> None:
        self._image = Image.new("RGB", (wide * _OVERSAMPLED, high * _OVERSAMPLED), "white")
        self._draw = ImageDraw.Draw(self._image)

    def mark(self, x: float, y: float, label: int, radius: float) -> None:
        """The symbol of a class: circle, square, triangle, diamond, ten classes each."""
        x, y, r = x * _OVERSAMPLED, y * _OVERSAMPLED, radius * _OVERSAMPLED
        tens, colour = divmod(label, len(COLOURS))
        corners, turn = _SHAPES[tens % len(_SHAPES)]
        if corners:
            circle = (x, y, r * 1.25)
            self._draw.regular_polygon(circle, corners, rotation=turn, fill=COLOURS[colour])
        else:
            self._draw.ellipse((x - r, y - r, x + r, y + r), fill=COLOURS[colour])

    def ring(self, x: float, y: float, radius: float) -> None:
        """A circle, not filled."""
        x, y, r = x * _OVERSAMPLED, y * _OVERSAMPLED, radius * _OVERSAMPLED
        self._draw.ellipse((x - r, y - r, x + r, y + r), outline=_INK, width=_OVERSAMPLED)

    def line(self, x0: float, y0: float, x1: float, y1: float) -> None:
        """A line of the axes' grid."""
        self._draw.line(
            [value * _OVERSAMPLED for value in (x0, y0, x1, y1)], fill=_GRID, width=_OVERSAMPLED
        )

    def bar(self, *corners: float) -> None:
        """A filled rectangle."""
        self._draw.rectangle([value * _OVERSAMPLED for value in corners], fill=BAR)

    def box(self, left: float, top: float, side: float) -> None:
        """The frame of the points."""
        corners = [value * _OVERSAMPLED for value in (left, top, left + side, top + side)]
        self._draw.rectangle(corners, outline=_INK, width=_OVERSAMPLED)

    def text(
        self, x: float, y: float, text: str, *, anchor: str, size: int, halo: bool = False
    ) -> None:
        """Words at a point; ``anchor`` is Pillow's, such as ``mm`` for centred."""
        self._draw.text(
            (x * _OVERSAMPLED, y * _OVERSAMPLED),
            text,
            fill=_INK,
            font=_font(size * _OVERSAMPLED),
            anchor=anchor,
            stroke_width=2 * _OVERSAMPLED if halo else 0,
            stroke_fill="white",
        )

    def picture(self) -> Picture:
        """What was drawn, ``[H, W, 3]``."""
        return np.asarray(self._image.reduce(_OVERSAMPLED))
