"""How a stranger's function is called: whatever it does wrong comes back as a sentence."""

from __future__ import annotations

import random
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.errors import NotApplicable
from bench.registry import PLUGINS, in_a_line


class Broken(Exception):  # noqa: N818 - a finding about somebody's file
    """What is wrong, in a sentence; nothing after it can be asked."""


def alone(what: str, call: Callable[[], Any]) -> Any:
    """What a function gives that has drawn from no generator but the one that it was given."""
    torch.manual_seed(0)
    before = _states()
    with tried(what):
        found = call()
    for name, state in _states().items():
        if state != before[name]:
            raise Broken(
                f"{what} draws from {name} global generator, so that a run does not repeat: draw from "
                "the noise that it is given"
            )
    return found


def _states() -> dict[str, str]:
    """Of the generators that everybody shares."""
    return {
        "torch's": repr(torch.get_rng_state().tolist()),
        "Python's": repr(random.getstate()),
        "numpy's": repr(np.random.get_state()),  # noqa: NPY002 - the one that is shared
    }


@contextmanager
def tried(what: str) -> Iterator[None]:
    """Inside, whatever is raised is a fault of the file, with the place."""
    try:
        yield
    except (NotApplicable, Broken):
        raise
    except Exception as error:
        raise Broken(f"{what} fails ({where(error)})") from error


def where(error: BaseException) -> str:
    """What an error says, and the line of a plugin that it came through last."""
    homes = {
        str(Path(sys.modules[name].__file__ or "").parent)
        for name in PLUGINS
        if name in sys.modules
    }
    places = [
        f"{Path(frame.filename).name}, line {frame.lineno}"
        for frame in traceback.extract_tb(error.__traceback__)
        if str(Path(frame.filename).parent) in homes
    ]
    return f"{in_a_line(error)}; {places[-1]}" if places else in_a_line(error)


def named(known: Iterable[str]) -> str:
    """``'encoder', 'decoder'``."""
    return ", ".join(map(repr, known)) or "none"
