"""Where a run writes: all that those who make runs know of tracking."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from bench.images import Picture


class Logger(Protocol):
    """Takes what a run has to tell."""

    def tags(self, values: Mapping[str, str]) -> None:
        """Sets tags."""

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        """Adds values at a step (images seen); may be buffered until ``flush``."""

    def picture(self, name: str, picture: Picture, step: int) -> None:
        """Adds one picture at a step."""

    def flush(self) -> None:
        """Everything added so far is stored when this returns."""


class NullLogger:
    """Writes nothing."""

    def tags(self, values: Mapping[str, str]) -> None:
        """Forgets them."""

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        """Forgets them."""

    def picture(self, name: str, picture: Picture, step: int) -> None:
        """Forgets it."""

    def flush(self) -> None:
        """Has nothing to store."""
