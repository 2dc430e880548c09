"""Pictures of runs side by side, pixel for pixel: tiles out of logged grids, boards of grids."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from bench.images import heading
from bench.plots import DPI
from bench.results.results import Results
from bench.results.runs import CellRuns, RecordedRun

Pixels = NDArray[np.uint8]
"""``[H, W, 3]``."""

Tiles = NDArray[np.uint8]
"""``[rows, columns, h, w, 3]``."""

PANEL = 265
"""Pixels that one grid may be wide: eight images of 32."""

MOST_COLUMNS = 4
"""Panels side by side that a page holds."""

_MOST_COLUMNS = 8
"""Images side by side in a panel of samples, however many are logged."""

_FEW_COLUMNS = 5
"""The same in a smaller panel."""

_ENLARGED = 234
"""Pixels that a grid of smaller images is enlarged to at most: eight of 28."""

_LINE = 128
"""Gray of the lines between the images of a grid, as ``images.grid`` draws them."""

_SMALLEST_PITCH = 9
_GAP, _LETTER, _LINE_HEIGHT = 14, 10, 21


@dataclass(frozen=True)
class Panel:
    """A picture with what stands above it."""

    picture: Pixels
    title: str

    @property
    def width(self) -> int:
        """Pixels, the title included."""
        return max(int(self.picture.shape[1]), _LETTER * max(map(len, self.title.split("\n"))))

    @property
    def height(self) -> int:
        """Pixels, the title included."""
        return len(self.picture) + _LINE_HEIGHT * (self.title.count("\n") + 1) + 9


def median_run(results: Results, place: CellRuns | None) -> RecordedRun | None:
    """The run whose validation value is the median (of an even number, the lower one)."""
    ranked = ranked_runs(results, place)
    return ranked[(len(ranked) - 1) // 2][1] if ranked else None


def ranked_runs(results: Results, place: CellRuns | None) -> list[tuple[float, RecordedRun]]:
    """The runs that have a validation value with it, from the lowest up."""
    known = [
        (value, run)
        for run in (place.valued if place else ())
        if (value := run.value(results.selection_metric)) is not None
    ]
    return sorted(known, key=lambda pair: (pair[0], pair[1].seed))


def how_drawn(results: Results) -> str:
    """The sentence of a caption that says what a panel makes of samples."""
    if results.has_points:
        return "Each dot is a sample, each circle a true mode."
    return "Pixels are not smoothed."


def line_title(results: Results, arm: str, level: str, run: RecordedRun) -> str:
    """Two lines: ``gan``, and ``depth 2, seed 1``."""
    x = f"{results.x_name} {level}, " if results.study.x else ""
    return f"{arm}\n{x}seed {run.seed}"


def evenly(levels: Sequence[str], most: int) -> list[str]:
    """At most ``most`` of the levels, the first and the last among them."""
    if len(levels) <= most:
        return list(levels)
    return [levels[round(i * (len(levels) - 1) / (most - 1))] for i in range(most)]


def read_tiles(png: bytes) -> tuple[Tiles, int | None]:
    """The images of a logged grid, and how much it enlarged them; None where it does not say so.

    In those of older runs, which say nothing, the lines of the grid are looked for; a picture
    without any is one tile.
    """
    image = Image.open(io.BytesIO(png))
    pixels = np.asarray(image.convert("RGB"))
    if "Scale" in image.info:
        scale = int(image.info["Scale"])
        height, width, _ = map(int, image.info["Tile"].split("x"))
        below = pixels[int(image.info.get("Top", 0)) :]
        return _cut(below, height * scale + 1, width * scale + 1), scale
    is_line = pixels == _LINE
    dy, dx = _pitch(is_line.all(axis=(1, 2))), _pitch(is_line.all(axis=(0, 2)))
    return (pixels[None, None] if dy is None or dx is None else _cut(pixels, dy, dx)), None


def _cut(pixels: Pixels, dy: int, dx: int) -> Tiles:
    """What stands between lines that are so far apart."""
    inner = pixels[1:, 1:]
    height, width = inner.shape[:2]
    split = inner.reshape(height // dy, dy, width // dx, dx, 3).swapaxes(1, 2)
    return np.ascontiguousarray(split[:, :, : dy - 1, : dx - 1])


def _pitch(is_line: NDArray[np.bool_]) -> int | None:
    """Distance of the grid lines: the smallest that puts a line at every multiple."""
    last = len(is_line) - 1
    pitches = (p for p in range(_SMALLEST_PITCH, last + 1) if last % p == 0)
    return next((p for p in pitches if is_line[::p].all()), None)


def native(grids: Sequence[tuple[Tiles, int | None]]) -> list[Tiles]:
    """The same images without their enlargement, or the one that all share which say none."""
    shared = min((_enlargement(tiles) for tiles, scale in grids if scale is None), default=1)
    return [tiles[:, :, :: scale or shared, :: scale or shared] for tiles, scale in grids]


def _enlargement(tiles: Tiles) -> int:
    height, width = tiles.shape[2:4]
    scales = [s for s in range(8, 1, -1) if height % s == 0 and width % s == 0]
    first = tiles[:1, :1]
    return next((s for s in scales if _is_enlarged(first, s) and _is_enlarged(tiles, s)), 1)


def _is_enlarged(tiles: Tiles, scale: int) -> bool:
    small = tiles[:, :, ::scale, ::scale]
    return bool((small.repeat(scale, axis=2).repeat(scale, axis=3) == tiles).all())


def picture(tiles: Tiles, most: int = _ENLARGED) -> Pixels:
    """The tiles in a grid again, enlarged by a whole number while they stay narrower than ``most``."""
    rows, columns, _, width, _ = tiles.shape
    scale = max(1, (most - columns - 1) // (columns * width))
    large = tiles.repeat(scale, axis=2).repeat(scale, axis=3)
    lined = np.pad(large, ((0, 0), (0, 0), (1, 0), (1, 0), (0, 0)), constant_values=_LINE)
    joined = lined.swapaxes(1, 2).reshape(rows * lined.shape[2], columns * lined.shape[3], 3)
    return np.pad(joined, ((0, 1), (0, 1), (0, 0)), constant_values=_LINE)


def first_tiles(tiles: Tiles, side: int = PANEL) -> Tiles:
    """As many of the first images as so many pixels hold; of colour pictures, half the rows."""
    most = _MOST_COLUMNS if side == PANEL else _FEW_COLUMNS
    columns = min(tiles.shape[1], most, max(2, (side - 1) // (tiles.shape[3] + 1)))
    is_gray = bool((tiles == tiles[..., :1]).all())
    in_order = tiles.reshape(-1, *tiles.shape[2:])
    rows = min(columns if is_gray else max(1, columns // 2), len(in_order) // columns)
    return in_order[: rows * columns].reshape(rows, columns, *tiles.shape[2:])


def board(rows: pd.DataFrame, results: Results, name: str, side: int = PANEL) -> Figure | None:
    """The pictures ``name`` of the runs in ``rows``; None where no run has one.

    Args:
        rows: ``row, column, title, run_id``: where each picture stands and what is above it; where
            there is a ``step``, the picture of that step in place of the last.
        results: Whose pictures.
        name: ``samples`` (as many as a panel holds) or another, shown whole.
        side: Pixels that samples may be wide.
    """
    wanted = [f"{name}@{step}" for step in rows["step"]] if "step" in rows else [name] * len(rows)
    placed = rows[["row", "column", "title", "run_id"]].to_numpy().tolist()
    found = {
        (row, column, title): read_tiles(png)
        for (row, column, title, run_id), asked in zip(placed, wanted, strict=True)
        if (png := results.pictures(run_id, asked))
    }
    panels = {
        (row, column): Panel(
            _shown(tiles, side) if name == "samples" else picture(tiles),
            f"{title}{_head(name, tiles)}",
        )
        for (row, column, title), tiles in zip(found, native(list(found.values())), strict=True)
    }
    return _laid_out(panels) if panels else None


def _shown(tiles: Tiles, side: int) -> Pixels:
    """Samples; a chart, which is one tile, whole, in a small panel at half its size or less."""
    if tiles.shape[:2] != (1, 1) or side == PANEL:
        return picture(first_tiles(tiles, side), min(side, _ENLARGED))
    whole = Image.fromarray(tiles[0, 0])
    return np.asarray(whole.reduce(max(1, -(-whole.width // (2 * side)))))


def _head(name: str, tiles: Tiles) -> str:
    """A line below the title, or none."""
    head = heading(name, tiles.shape[1])
    return f"\n{head}" if head else ""


def _laid_out(panels: Mapping[tuple[str, str], Panel]) -> Figure:
    """Every pixel of a panel becomes one pixel of the figure."""
    rows = list(dict.fromkeys(row for row, _ in panels))
    columns = list(dict.fromkeys(column for _, column in panels))
    widths = {c: max(p.width for at, p in panels.items() if at[1] == c) for c in columns}
    heights = {r: max(p.height for at, p in panels.items() if at[0] == r) for r in rows}
    rights = dict(zip(columns, accumulate(w + _GAP for w in widths.values()), strict=True))
    below = dict(zip(rows, accumulate(h + _GAP for h in heights.values()), strict=True))
    size = rights[columns[-1]] + _GAP, below[rows[-1]]
    figure = Figure(figsize=(size[0] / DPI, size[1] / DPI), dpi=DPI)
    for (row, column), panel in panels.items():
        left, bottom = rights[column] - widths[column], size[1] - below[row] + _GAP
        figure.figimage(panel.picture, left, bottom, origin="upper")
        title_at = left / size[0], (bottom + panel.height - 3) / size[1]
        figure.text(*title_at, panel.title, fontsize=8, linespacing=1.15, va="top")
    return figure
