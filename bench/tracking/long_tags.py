"""Texts longer than a store's tags: kept in numbered parts, and read back whole."""

from __future__ import annotations

from collections.abc import Mapping

from bench.text import masked

LONGEST_TAG = 8_000
"""Characters of a run's tag; MLflow cuts off what is behind them."""

LONGEST_FACT = 5_000
"""Characters of an experiment's tag; MLflow refuses more."""


def parted(tags: Mapping[str, str], longest: int) -> dict[str, str]:
    """The tags without secrets, a long one as ``key``, ``key/2``, ``key/3``."""
    return {
        key if start == 0 else f"{key}/{1 + start // longest}": text[start : start + longest]
        for key, told in tags.items()
        for text in [masked(str(told))]
        for start in range(0, max(1, len(text)), longest)
    }


def joined(tags: Mapping[str, str], longest: int) -> dict[str, str]:
    """What ``parted`` was given; a part counts only where the one before it is full."""
    if not any("/" in key for key in tags):
        return dict(tags)
    found = {}
    for key, text in tags.items():
        name, _, number = key.rpartition("/")
        if not (name in tags and number.isdecimal()):
            found[key] = _whole(tags, key, text, longest)
    return found


def _whole(tags: Mapping[str, str], key: str, text: str, longest: int) -> str:
    number, part = 2, text
    while len(part) == longest and (part := tags.get(f"{key}/{number}", "")):
        text += part
        number += 1
    return text
