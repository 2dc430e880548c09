"""Registries: one decorator, discovery of a room's files, entry points and plugin files."""

from __future__ import annotations

import difflib
import hashlib
import importlib
import importlib.metadata
import importlib.util
import pkgutil
import re
import shlex
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Generic, TypeVar

from bench.errors import UsageError
from bench.sources import sources_of
from bench.text import shown

T = TypeVar("T")

# What `bench list` calls a kind, and the package whose registry has it: one can be listed without
# importing the others.
PACKAGES = {
    "models": "bench.models",
    "datasets": "bench.datasets",
    "metrics": "bench.metrics",
    "detectors": "bench.detectors",
    "losses": "bench.adversarial.losses",
    "likelihoods": "bench.variational.likelihoods",
    "posteriors": "bench.variational.posteriors",
    "priors": "bench.variational.priors",
    "pictures": "bench.pictures",
    "plots": "bench.plots",
    "mirrors": "bench.tracking.mirrors",
    "engines": "bench.engines",
}


MOST_FILES = 200
"""That are looked through for a name."""

PLUGINS: dict[str, dict[str, str]] = {}
"""Module of each plugin file that was imported, to what its sources were then."""


def closest(name: str, known: Iterable[str], *, kind: str, what: str = "registered") -> str:
    """The sentence for an unknown name: a file here that registers it, or the closest known, and all."""
    names = sorted(set(known))
    file = _file_with(name) if f"{kind.split(maxsplit=1)[0]}s" in PACKAGES else None
    guessed = f"--plugin {shlex.quote(str(file))}" if file else near(name, names)
    hint = f"did you mean {guessed}? " if guessed else ""
    return f"unknown {kind} {shown(name)}: {hint}{what}: {', '.join(names) or 'none'}"


def _file_with(name: str) -> Path | None:
    """A file of this folder or of ./studies whose text registers a name, or that is called so."""
    registers = re.compile(rf"""(?:@\w+|\.(?:add|register))\(\s*["']{re.escape(name)}["']""")
    found = None
    for path in [*sorted(Path().glob("*.py")), *sorted(Path().glob("studies/*.py"))][:MOST_FILES]:
        try:
            text = path.read_text(encoding="utf-8") if path.is_file() else ""
        except (OSError, UnicodeError):
            continue
        if registers.search(text):
            return path
        if path.name == f"{name}.py" and "@" in text and "bench" in text:
            found = path
    return found


def near(name: str, known: Iterable[str]) -> str:
    """``'vae' or 'gan'``: the one or two names that somebody may have meant, or an empty text.

    Capital letters and hyphens do not count.
    """
    plain = {_plain(each): each for each in sorted(known, reverse=True)}
    if _plain(name) in plain:
        return repr(plain[_plain(name)])
    found = difflib.get_close_matches(_plain(name), sorted(plain), n=2, cutoff=0.5)
    return " or ".join(repr(plain[each]) for each in found)


def _plain(name: str) -> str:
    return name.lower().replace("-", "_").lstrip("_")


def in_a_line(error: BaseException) -> str:
    """An error's kind and what it says, whatever lines that has."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}".removesuffix(": ")


def first_line(thing: object) -> str:
    """The first line of its docstring."""
    return (thing.__doc__ or "").strip().partition("\n")[0]


class Registry(Generic[T]):
    """Names of one kind of thing, filled by the files of one package.

    Files are imported at the first look-up, then the entry points of the group
    ``bench.<kind>``; plugin files add to it when they are loaded. Files whose names begin with
    ``_`` register nothing and are left alone.
    """

    def __init__(self, kind: str, package: str) -> None:
        self.kind = kind
        self.package = package
        self._entries: dict[str, T] = {}
        self._origins: dict[str, str] = {}
        self._discovered = False

    def register(self, name: str) -> Callable[[T], T]:
        """Decorator that files a thing under ``name``.

        Raises:
            UsageError: The name is taken by something defined elsewhere.
        """

        def add(thing: T) -> T:
            self.add(name, thing, origin=thing.__module__)
            return thing

        return add

    def add(self, name: str, thing: T, *, origin: str = "") -> None:
        """Files ``thing`` under ``name``; ``origin``, the module that defines it, is the caller's.

        Raises:
            UsageError: The name is taken by something defined elsewhere.
        """
        origin = origin or sys._getframe(1).f_globals["__name__"]  # noqa: SLF001 - as namedtuple does
        if name in self._entries:
            raise UsageError(
                f"{self.kind} '{name}' of {origin} is already registered by "
                f"{self._origins[name]}: choose another name"
            )
        self._entries[name] = thing
        self._origins[name] = origin

    def get(self, name: str) -> T:
        """The thing registered as ``name``.

        Raises:
            UsageError: No such name; the message lists the closest ones and all.
        """
        self._discover()
        if name not in self._entries:
            raise UsageError(closest(name, self._entries, kind=self.kind))
        return self._entries[name]

    def names(self) -> list[str]:
        """Every registered name, sorted."""
        self._discover()
        return sorted(self._entries)

    def origins(self) -> dict[str, str]:
        """What is registered by now, with the module that defines it; discovers nothing."""
        return dict(self._origins)

    def items(self) -> list[tuple[str, T]]:
        """Every (name, thing), sorted by name."""
        return [(name, self.get(name)) for name in self.names()]

    def summaries(self) -> dict[str, str]:
        """Every name with one line: the thing's own ``summary``, else that of its docstring."""
        return {n: getattr(thing, "summary", first_line(thing)) for n, thing in self.items()}

    def _discover(self) -> None:
        if self._discovered:
            return
        self._discovered = True
        package = importlib.import_module(self.package)
        files = (module.name for module in pkgutil.iter_modules(package.__path__))
        for file in sorted(name for name in files if not name.startswith("_")):
            importlib.import_module(f"{self.package}.{file}")
        for point in importlib.metadata.entry_points(group=f"bench.{self.kind}"):
            point.load()


def registry_of(kind: str) -> Registry[Any]:
    """The registry of a kind of ``PACKAGES``; imports its package alone."""
    package = importlib.import_module(PACKAGES[kind])
    filled = (each for each in vars(package).values() if isinstance(each, Registry))
    return next(each for each in filled if each.package == package.__name__)


def plugin_module(path: Path) -> str:
    """The name under which a plugin file is imported."""
    place = hashlib.sha256(str(path.absolute()).encode()).hexdigest()[:8]
    return f"bench_plugin_{path.stem}_{place}"


def load_plugins(paths: Iterable[Path]) -> None:
    """Imports files that register things, once each per process.

    Raises:
        UsageError: A path is no Python file, or its import fails.
    """
    for path in paths:
        name = plugin_module(path)
        if name in sys.modules:
            continue
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None or not path.is_file():
            raise UsageError(f"plugin '{path}' is no Python file: give the path of a .py file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name], PLUGINS[name] = module, sources_of(path.absolute())
        try:
            spec.loader.exec_module(module)
        except UsageError:
            del sys.modules[name], PLUGINS[name]
            raise
        except (Exception, SystemExit) as error:  # a script's own exit must not end the command
            del sys.modules[name], PLUGINS[name]
            raise UsageError(
                f"plugin '{path}' could not be imported ({in_a_line(error)}): mend it"
            ) from error
