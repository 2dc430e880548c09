"""``bench init``: a file to start from, of a study, a model, a metric or a data set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.options import Say, command, quiet
from bench.cli.templates import NEXT, PLUGIN, STUDY, TEST
from bench.errors import UsageError
from bench.files import written_where_asked
from bench.plan.files import is_shipped

KINDS = {"study": "study", "data": "dataset", **{kind: kind for kind in PLUGIN}}


@command("init")
def write_start(
    what: Annotated[
        str, typer.Argument(metavar="[KIND]", help="model, metric or dataset; else a study")
    ],
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="of it, and of its file")
    ] = None,
    *,
    say: Say = quiet,
) -> Path:
    """Writes a commented file of that kind and name, of a plugin its test as well; the file's path.

    Raises:
        UsageError: The name is none of a Python file or is taken, or the file is there already.
    """
    if name is None and what in KINDS:
        raise UsageError(f"a {KINDS[what]} needs a name: write bench init {what} my_{KINDS[what]}")
    if name is not None and what not in KINDS:
        kinds = ", a ".join(dict.fromkeys(KINDS.values()))
        raise UsageError(f"bench init writes a {kinds}, got '{what}': give one of them")
    kind = KINDS[what] if name is not None else "study"
    name = name or what
    if not name.isidentifier():
        raise UsageError(
            f"a {kind}'s name has letters, digits and _ only, got '{name}': write for example my_{kind}"
        )
    return _study(name, say) if kind == "study" else _plugin(kind, name, say)


def write_study(name: str, *, say: Say = quiet) -> Path:
    """Writes a study of that name into ./studies and returns its path; errors as ``write_start``."""
    return write_start(name, say=say)


def _study(name: str, say: Say) -> Path:
    if is_shipped(name):
        raise UsageError(
            f"study '{name}' comes with bench, which a file of that name would hide: give another name"
        )
    path = Path("studies") / f"{name}.py"
    _write({path: STUDY.format(name=name)})
    say(f"study in {path}: edit it, then `bench show {name}` and `bench run {name}`")
    return path


def _plugin(kind: str, name: str, say: Say) -> Path:
    from bench.registry import registry_of

    if name in registry_of(f"{kind}s").names():
        raise UsageError(f"{kind} '{name}' is registered already: give another name")
    path, test = Path(f"{name}.py"), Path(f"test_{name}.py")
    _write({path: PLUGIN[kind].format(name=name), test: TEST[kind].format(name=name)})
    say(f"{kind} in {path}, its test in {test}: edit them, then `bench check {path}`")
    say(f"then: {NEXT[kind].format(name=name)}")
    return path


def _write(files: dict[Path, str]) -> None:
    for path in files:
        if path.exists():
            raise UsageError(f"{path} is there already: edit it, or give another name")
    for path, text in files.items():
        with written_where_asked(path):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
