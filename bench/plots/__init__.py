"""Figures: a file here holds one, or a few of one kind, as numbers (a table) and their drawing."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib.style
import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from bench.registry import Registry
from bench.results.results import Results

WIDTH = 7.2
"""Inches; a page's text width, so that type keeps its size in print."""

DPI = 150

_PALETTE = 48

_STYLE = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.labelsize": 9,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "figure.dpi": DPI,
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "grid.alpha": 0.35,
    "grid.linewidth": 0.6,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "lines.linewidth": 1.5,
    "lines.markersize": 5,
    "text.parse_math": False,  # a name with $ in it is a name
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
}


@dataclass(frozen=True)
class Drawing:
    """A figure with its words.

    Attributes:
        figure: Drawn, not yet saved.
        caption: What a reader needs to know to read it.
        alt: What it shows, for those who cannot see it.
    """

    figure: Figure
    caption: str
    alt: str


Numbers = Callable[[Results], pd.DataFrame]

Draw = Callable[[pd.DataFrame, Results], Drawing | None]


@dataclass(frozen=True, kw_only=True)
class Plot:
    """A registered figure.

    Attributes:
        title: Heading above it.
        summary: One line for ``bench list``.
        order: Place in the report.
        numbers: Everything drawn, as a table; empty where the study has nothing of it.
        draw: The drawing; None where what it needs besides the numbers (pictures) is missing.
        reads_pictures: Whether it shows what runs have drawn.
    """

    title: str
    summary: str
    order: int
    numbers: Numbers
    draw: Draw
    reads_pictures: bool = False


PLOTS: Registry[Plot] = Registry("plot", "bench.plots")


def plot(
    name: str,
    *,
    title: str,
    summary: str,
    order: int,
    numbers: Numbers,
    reads_pictures: bool = False,
) -> Callable[[Draw], Draw]:
    """Decorator that registers a figure by the function that draws its numbers."""

    def register(draw: Draw) -> Draw:
        figure = Plot(
            title=title,
            summary=summary,
            order=order,
            numbers=numbers,
            draw=draw,
            reads_pictures=reads_pictures,
        )
        PLOTS.add(name, figure, origin=draw.__module__)
        return draw

    return register


@contextmanager
def style() -> Iterator[None]:
    """Our look, whatever the user's matplotlibrc says."""
    with matplotlib.style.context(["default", _STYLE]):
        yield


def png(figure: Figure) -> bytes:
    """PNG bytes, the same for the same figure; gray figures are stored in one channel."""
    canvas: Any = FigureCanvasAgg(figure)  # matplotlib gives it no types
    canvas.draw()
    pixels: NDArray[np.uint8] = np.asarray(canvas.buffer_rgba())[..., :3]
    if (pixels == pixels[..., :1]).all():
        pixels = pixels[..., 0]
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, format="PNG")
    return buffer.getvalue()


def few_colours(image: bytes) -> bytes:
    """The same PNG in a third of the bytes: lines on white need few colours."""
    buffer = io.BytesIO()
    Image.open(io.BytesIO(image)).quantize(_PALETTE).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
