"""Second places for what a run logs: each file here, or a plugin, registers one for every run.

Studies are read from the store alone. A mirror is told the same, each value once even where a run is
continued::

    @mirror("mine")
    def open_mine(run_id: str, folder: Path) -> Logger: ...
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from bench.images import Picture
from bench.logger import Logger
from bench.registry import Registry

MIRRORS: Registry[Callable[[str, Path], Logger]] = Registry("mirror", "bench.tracking.mirrors")
mirror = MIRRORS.register


class Mirrors:
    """All mirrors of a run as one; one that fails is left out from there on.

    Args:
        run_id: The run.
        folder: Where its checkpoints lie.
    """

    def __init__(self, run_id: str, folder: Path) -> None:
        self._mirrors: dict[str, Logger] = {}
        for name, opened in MIRRORS.items():
            with self._or_without(name):
                self._mirrors[name] = opened(run_id, folder)

    def tags(self, values: Mapping[str, str]) -> None:
        """Sets tags."""
        self._tell(lambda logger: logger.tags(values))

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        """Adds values at a step."""
        self._tell(lambda logger: logger.metrics(values, step))

    def picture(self, name: str, picture: Picture, step: int) -> None:
        """Adds one picture at a step."""
        self._tell(lambda logger: logger.picture(name, picture, step))

    def flush(self) -> None:
        """Everything added so far is stored when this returns."""
        self._tell(lambda logger: logger.flush())

    def _tell(self, say: Callable[[Logger], None]) -> None:
        for name, logger in list(self._mirrors.items()):
            with self._or_without(name):
                say(logger)

    @contextlib.contextmanager
    def _or_without(self, name: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever a mirror does, the run goes on
            self._mirrors.pop(name, None)
            print(f"mirror '{name}' is left out ({type(error).__name__}: {error})", file=sys.stderr)
