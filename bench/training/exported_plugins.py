"""Plugins in an exported model: copied into its folder, and loaded from there.

What ``--plugin`` named is loaded by its path, as there, with the files of its own folder that it
imports beside it; an installed package is copied whole, and imported by its name.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import packages_distributions
from pathlib import Path

from bench.config import RunConfig
from bench.errors import UsageError
from bench.registry import PLUGINS, load_plugins
from bench.sources import sources_of
from bench.training.identity import plugins_of

PLACE = "plugins"
FILES, PACKAGES = "files", "packages"


def write_plugins(config: RunConfig, folder: Path) -> dict[str, list[str]]:
    """Copies the plugins that a model is made of into a folder; what ``load_written`` asks for.

    Raises:
        UsageError: One is no file.
    """
    said: dict[str, list[str]] = {FILES: [], PACKAGES: []}
    for module in plugins_of(config):
        file = getattr(sys.modules.get(module), "__file__", None)
        if file is None:
            raise UsageError(
                f"a part of '{config.name}' is registered by '{module}', which is no file and cannot "
                "go along with the model: write it into one and train with --plugin FILE"
            )
        if module in PLUGINS:
            place = Path(PLACE, str(len(said[FILES])))
            _copy_with_imports(Path(file), folder / place)
            said[FILES].append((place / Path(file).name).as_posix())
        else:
            _copy_package(module, folder / PLACE / PACKAGES)
            said[PACKAGES].append(module)
    return said


def load_written(folder: Path, said: Mapping[str, Sequence[str]]) -> None:
    """Loads what ``write_plugins`` copied, but for a file that this process has loaded elsewhere.

    Raises:
        UsageError: A file registers a name that another plugin has in this process.
    """
    if said[PACKAGES]:
        sys.path.insert(0, str(folder / PLACE / PACKAGES))
    for module in said[PACKAGES]:
        importlib.import_module(module)
    for path in (folder / name for name in said[FILES]):
        sources = sources_of(path)
        if len(sources) > 1:
            sys.path.insert(0, str(path.parent))
        if sources not in PLUGINS.values():
            load_plugins([path])


def distributions(folder: Path) -> set[str]:
    """Names of the installed distributions that the plugins in a folder import, bench's own left out."""
    files = list((folder / PLACE).rglob("*.py"))
    own = {file.relative_to(folder / PLACE).with_suffix("").parts[1] for file in files}
    known = packages_distributions()
    return {one for name in {*_imported(files)} - own - {"bench"} for one in known.get(name, ())}


def _copy_with_imports(file: Path, to: Path) -> None:
    for name in sources_of(file):
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file.parent / name, to / name)


def _copy_package(module: str, to: Path) -> None:
    """Copies the package that a module lies in; of one in several places that where the module is."""
    file = Path(str(sys.modules[module].__file__))
    first, *inner = module.split(".")
    if not inner and file.name != "__init__.py":
        to.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, to / file.name)
        return
    depth = len(inner) - (file.name != "__init__.py")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(file.parents[depth], to / first, ignore=ignored, dirs_exist_ok=True)


def _imported(files: Sequence[Path]) -> Iterator[str]:
    """The first parts of the names of modules that files import."""
    for file in files:
        with contextlib.suppress(SyntaxError, ValueError):  # a package may hold what no one imports
            yield from _imported_by(ast.parse(file.read_bytes()))


def _imported_by(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]
