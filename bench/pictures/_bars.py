"""Bars of numbers by rank, drawn with Pillow: a training process loads no matplotlib."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from bench.images import Picture
from bench.pictures._scatter import round_step, tick_texts

WIDE, HIGH = 440, 220
"""Pixels of the field that holds the bars."""

LEFT, TOP = 52, 34
_RIGHT, _BOTTOM = 16, 46
_OVERSAMPLED = 2
BAR, _INK, _GRID = "#3f90da", "#222222", "#e4e4e4"

Floats = NDArray[np.float64]


def bars(values: Floats, *, axes: tuple[str, str]) -> Picture:
    """A bar for each number ``[N]``, none below 0, in their order from the left.

    Args:
        values: Heights; the field ends a little above the largest.
        axes: What the bars stand for, and what their height is.
    """
    size = (LEFT + WIDE + _RIGHT) * _OVERSAMPLED, (TOP + HIGH + _BOTTOM) * _OVERSAMPLED
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    top = float(values.max()) * 1.05 or 1.0
    step = round_step(top / 4)
    ticks = [i * step for i in range(int(top / step) + 1)]
    for tick, text in zip(ticks, tick_texts(ticks), strict=True):
        y = TOP + HIGH * (1 - tick / top)
        draw.line(_pixels(LEFT, y, LEFT + WIDE, y), fill=_GRID, width=_OVERSAMPLED)
        _write(draw, (LEFT - 6, y), text, anchor="rm", size=12)
    for (left, right), value in zip(spans(len(values)), values.tolist(), strict=True):
        corners = _pixels(left, TOP + HIGH * (1 - max(value, 0.0) / top), right, TOP + HIGH)
        draw.rectangle(corners, fill=BAR)
    _write(draw, (LEFT + WIDE / 2, TOP + HIGH + 14), axes[0], anchor="mt", size=14)
    _write(draw, (LEFT, TOP - 10), axes[1], anchor="ls", size=14)
    return np.asarray(image.reduce(_OVERSAMPLED))


def spans(count: int) -> list[tuple[float, float]]:
    """Left and right end of each bar in pixels; a fifth of a bar's place is a gap."""
    place = WIDE / count
    return [(LEFT + place * (i + 0.1), LEFT + place * (i + 0.9)) for i in range(count)]


def _pixels(*values: float) -> list[float]:
    return [value * _OVERSAMPLED for value in values]


def _write(
    draw: ImageDraw.ImageDraw, at: tuple[float, float], text: str, *, anchor: str, size: int
) -> None:
    font = ImageFont.load_default(size * _OVERSAMPLED)
    place = at[0] * _OVERSAMPLED, at[1] * _OVERSAMPLED
    draw.text(place, text, fill=_INK, font=font, anchor=anchor)
