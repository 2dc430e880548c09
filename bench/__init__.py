"""One protocol for VAEs, GANs and Wasserstein GANs: train, measure, compare, report.

``from bench import train, sample, evaluate, run, write_report, load, load_runs, Study``: each is the
command of that name as a function (``bench/api.py``), imported when it is asked for.
"""

from __future__ import annotations

import sys

# Called by `python -m`, the current folder is searched first: what lies there is the user's, and no
# library. Unless this package is found there itself.
_is_command = sys.argv[:1] == ["-m"] and "bench.cli" in sys.orig_argv
if _is_command and not sys.flags.safe_path and __path__ != [f"{sys.path[0]}/bench"]:
    del sys.path[0]

import importlib
import signal
import warnings
from collections.abc import Callable
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # at run time __getattr__ finds them
    from bench.api import (
        evaluate,
        load,
        load_runs,
        run,
        sample,
        train,
        write_report,
    )
    from bench.plan.study import Study

__version__ = "0.2.0"

# Until a command can answer a Ctrl-C in a sentence, it ends by it without a word.
_is_command |= sys.argv[0].endswith("/bench")
if _is_command and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

NUMBERS = 1
"""Version of what training gives: raised when the same settings give other numbers, so that what
was trained before is trained anew."""
MEASURES = 4
"""The same of what measuring gives: what was trained before is measured again, and not trained."""

# None of these is the name of a module of the package: importing that would take its place.
__all__ = (
    "Study",
    "evaluate",
    "load",
    "load_runs",
    "run",
    "sample",
    "train",
    "write_report",
)


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'bench' has no attribute '{name}'")
    return getattr(importlib.import_module("bench.api"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


# Files that plugins and studies import, by the names that they had before they got their rooms;
# these are found until 0.3.0, and what lies in their folders.
MOVED = {
    "bench.claim": "bench.plan.claim",
    "bench.space": "bench.plan.space",
    "bench.nets": "bench.networks",
    "bench.losses": "bench.adversarial.losses",
    "bench.likelihoods": "bench.variational.likelihoods",
    "bench.posteriors": "bench.variational.posteriors",
    "bench.priors": "bench.variational.priors",
}


def _today(name: str) -> str:
    """Today's name of a module that was moved, or of one below it; of any other its own."""
    old = next((old for old in MOVED if f"{name}.".startswith(f"{old}.")), name)
    return MOVED.get(old, old) + name.removeprefix(old)


class _Moved(Loader):
    """Finds a module by its earlier name, with a warning."""

    @staticmethod
    def find_spec(name: str, *_: object) -> ModuleSpec | None:
        """Asked for every import."""
        return None if _today(name) == name else ModuleSpec(name, _Moved())

    def exec_module(self, module: ModuleType) -> None:
        """Puts today's module in its place."""
        new = _today(module.__name__)
        _warn(module.__name__, new)
        sys.modules[module.__name__] = importlib.import_module(new)


def names_moved(package: str, new: str) -> Callable[[str], object]:
    """``__getattr__`` of a package whose names were in one file before: found, with a warning."""

    def get(name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(f"module '{package}' has no attribute '{name}'")
        found: object = getattr(importlib.import_module(new), name)
        _warn(f"{package}.{name}", f"{new}.{name}")
        return found

    return get


def _warn(old: str, new: str) -> None:
    text = f"'{old}' is now '{new}': import it from there, the old name goes with 0.3.0"
    warnings.warn(text, DeprecationWarning, stacklevel=3)


sys.meta_path.insert(0, _Moved)
