"""How far runs have come, a line each: read from their journals, which grow at each log.

A journal lies in its run's folder, whichever engine has the run and wherever its worker is, so nothing
else needs to be told.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.results.format import count, significant
from bench.text import one_line
from bench.tracking.entries import NAME, Entry, entries

LOGS = 5
"""Over how many logs a speed is averaged."""
LOSS = "_loss"
_NO_LOSS = ("_gradient_norm", "_sd")


class Running:
    """A run that some worker has.

    Args:
        label: What it is called.
        folder: Of the run; it need not be there yet.
        num_images: Its budget.
    """

    def __init__(self, label: str, folder: Path, num_images: int) -> None:
        self.label, self._folder, self._num_images = one_line(label), folder, num_images
        self._file = self._read = 0
        self._told = _Told()
        self.follow()
        self._told.pause()  # what follows is told by another process, whenever that began

    @property
    def has_logged(self) -> bool:
        """Whether there is anything to say of it."""
        return bool(self._told.scalars)

    def follow(self) -> None:
        """Reads what its journal has got; one that began anew is read anew."""
        try:
            file = (self._folder / NAME).stat().st_ino
            if file != self._file:
                self._file, self._read, self._told = file, 0, _Told()
            for entry, end in entries(self._folder, self._read):
                self._told.take(entry)
                self._read = end
        except OSError:  # not there yet, or its disk is in trouble, which the run itself says
            return

    def line(self, label: int, width: int) -> str:
        """``vae seed=0   45 %  3,456 images/s  loss 25.1  kl_nats 2.45``.

        Args:
            label: Characters that the label takes.
            width: Of the whole, at most.
        """
        said = f"{_cut(self.label, label):<{label}}"
        if self.has_logged:
            done = min(100, 100 * self._told.seen // self._num_images)
            speed = "measuring" if self._told.seen >= self._num_images else self._told.speed()
            said += f"  {done:3d} %  {speed:>14}"
            said += "".join(f"  {each}" for each in _fitting(self._told.scalars, width - len(said)))
        return _cut(said, width)


@dataclass
class _Told:
    """What a journal says of training so far.

    Attributes:
        seen: Images.
        scalars: Losses and their parts at the last log, by the names of the curves.
        since: When the entry before was written, in milliseconds; None where no log is behind it.
        spent: Images and milliseconds of the last logs.
    """

    seen: int = 0
    scalars: dict[str, float] = field(default_factory=dict)
    since: int | None = None
    spent: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=LOGS))

    def take(self, entry: Entry) -> None:
        """A log's images took the time since the entry before, so that no validation counts in."""
        scalars = {
            name.removeprefix("train/"): value
            for name, value in entry.metrics.items()
            if name.startswith("train/") and not name.endswith(_NO_LOSS)
        }
        if scalars and self.since is not None:
            self.spent.append((entry.step - self.seen, entry.at - self.since))
        if scalars:
            self.seen, self.scalars = entry.step, scalars
        if scalars or self.since is not None:  # before the first log is more than training
            self.since = entry.at

    def pause(self) -> None:
        """The next log says nothing of the speed."""
        self.since = None
        self.spent.clear()

    def speed(self) -> str:
        """``3,456 images/s``; empty as long as there is nothing to tell it by."""
        images, milliseconds = (sum(each) for each in zip((0, 0), *self.spent, strict=True))
        return f"{count(1000 * images / milliseconds)} images/s" if milliseconds > 0 else ""


def lines(runs: Sequence[Running], width: int, most: int) -> list[str]:
    """One for each run, no wider and no more than that; those come first that have logged."""
    shown = runs
    if len(runs) > most:
        shown = sorted(runs, key=lambda run: not run.has_logged)[: most - 1]
    label = min(max((len(run.label) for run in shown), default=0), width // 3)
    said = [run.line(label, width) for run in shown]
    more = len(runs) - len(shown)
    return [*said, _cut(f"and {more} more", width)] if more else said


def _fitting(scalars: dict[str, float], room: int) -> list[str]:
    """Losses, then what else there is room for; where there is little, losses by fewer letters."""
    losses = {name: each for name, each in scalars.items() if name == "loss" or name.endswith(LOSS)}
    others = [_value(name, each) for name, each in scalars.items() if name not in losses]
    values = [_value(name, each) for name, each in losses.items()]
    if _length(values) > room:
        values = [_value(name.removesuffix(LOSS), each, 2) for name, each in losses.items()]
    values += others
    while values and _length(values) > room:
        values.pop()
    return values


def _value(name: str, value: float, digits: int = 3) -> str:
    return f"{name} {significant(value, digits) if math.isfinite(value) else value}"


def _length(values: Sequence[str]) -> int:
    """With the gap before each."""
    return sum(len(value) + 2 for value in values)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: max(0, width - 1)]}…"
