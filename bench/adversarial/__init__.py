"""Two networks against each other: the game, its losses, what bounds the critic."""

from __future__ import annotations

from bench import names_moved

__getattr__ = names_moved(__name__, "bench.adversarial.game")
