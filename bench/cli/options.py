"""What commands of the command line share: options, how they are called, and how they print."""

from __future__ import annotations

import inspect
import json
import shlex
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, ParamSpec, TypeVar, cast, get_origin

import typer

from bench import text
from bench.cli import names
from bench.errors import UsageError
from bench.registry import first_line, load_plugins
from bench.text import masked, one_line, printable
from bench.tracking.address import require_address

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

Say = Callable[[str], object]

quiet: Say = text.quiet
"""What a command called from Python has to say: nothing."""

StudyWord = Annotated[
    str | None,
    typer.Argument(
        metavar="STUDY", help="name of a file in studies/", autocompletion=names.studies
    ),
]
StudyOption = Annotated[str | None, typer.Option("--study", help="the same as STUDY")]
TierName = Annotated[str, typer.Option("--tier", help="size: classroom, lab or paper")]
Dataset = Annotated[
    str | None,
    typer.Option("--dataset", help="name, folder:PATH or npz:PATH", autocompletion=names.datasets),
]
Sets = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="may be repeated")
]
Device = Annotated[
    str, typer.Option("--device", help="auto, cpu or cuda", autocompletion=names.devices)
]
Threads = Annotated[
    int | None,
    typer.Option(
        "--threads", min=1, max=1024, help="compute threads; another number, other last bits"
    ),
]
Deterministic = Annotated[
    bool, typer.Option("--deterministic", help="a GPU repeats to the last bit, and takes longer")
]
Root = Annotated[Path, typer.Option("--root", help="folder of checkpoints and results")]
Uri = Annotated[str | None, typer.Option("--tracking-uri", help="MLflow store")]
Plugins = Annotated[
    list[Path] | None, typer.Option("--plugin", metavar="FILE", help="registers things")
]
Weights = Annotated[
    Path | None,
    typer.Option("--inception-weights", metavar="FILE", help="install Inception's weights first"),
]
Fresh = Annotated[bool, typer.Option("--fresh", help="discard what was done before")]

_AS_JSON = inspect.Parameter(
    "as_json",
    inspect.Parameter.KEYWORD_ONLY,
    default=False,
    annotation=Annotated[
        bool, typer.Option("--json", help="print one JSON object and nothing else")
    ],
)
_QUIETLY = inspect.Parameter(
    "quietly",
    inspect.Parameter.KEYWORD_ONLY,
    default=False,
    annotation=Annotated[bool, typer.Option("--quiet", "-q", help="print nothing but mistakes")],
)

app = typer.Typer(rich_markup_mode=None)
"""The commands whose files are imported."""


def called_as() -> str:
    """The command line as records keep it, without passwords; ``Python`` where another program calls."""
    program = Path(sys.argv[0])
    if program.stem != "bench" and program.parts[-3:-1] != ("bench", "cli"):
        return "Python"
    return printable(masked(shlex.join(["bench", *sys.argv[1:]])))


def one_study(word: str | None, option: str | None, say: Say) -> str:
    """The study that was named, by its word or by ``--study``; one that hides another is said.

    Raises:
        UsageError: None was named, or two were.
    """
    named = {word, option} - {None}
    if len(named) != 1:
        got = " and ".join(sorted(map(repr, named))) or "none"
        raise UsageError(f"give one study, got {got}: `bench list studies` names them")
    from bench.plan.files import hidden_by_own

    study = str(named.pop())
    if note := hidden_by_own(study):
        say(note)
    return study


def measured_before(
    read: Callable[[Path], T | None], file: Path, *, fresh: bool, say: Say
) -> T | None:
    """What ``read`` finds in a file's folder, unless all is to be ``fresh``; said where it is there unread."""
    if fresh:
        return None
    found = read(file.parent)
    if found is None and file.exists():
        say(f"note: '{file}' cannot be read: all of it is measured again")
    return found


def say_notes(notes: Iterable[str], say: Say) -> None:
    """Says what reading a user's images left out or found odd."""
    for note in notes:
        say(f"note: {note}")


def command(
    name: str,
    *,
    into: typer.Typer = app,
    fails: Callable[[Any], object] = lambda _: False,
    example: str = "",
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorator that makes a function a command: its parameters are the options.

    ``plugins`` are loaded and ``inception_weights`` installed before, from Python as well. ``say``
    is no option: on the command line it prints, but for ``--quiet``. What gives something back has
    ``--json``, which prints it as one object and nothing else: a dictionary as it is, the path of a
    file as ``path``.

    Args:
        name: On the command line.
        into: The group it belongs to.
        fails: Whether what the function gives back means exit code 1.
        example: Below its help, of a command in a group.
    """

    def add(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function, eval_str=True)
        options = [each for each in signature.parameters.values() if each.name != "say"]
        gives = signature.return_annotation
        if get_origin(gives) is dict or gives is Path:
            options.append(_AS_JSON)
        if "say" in signature.parameters:
            options.append(_QUIETLY)

        @wraps(function)
        def prepared(*args: P.args, **kwargs: P.kwargs) -> R:
            _prepare(kwargs)
            return function(*args, **kwargs)

        def called(*, as_json: bool = False, quietly: bool = False, **given: Any) -> None:
            if "say" in signature.parameters:
                given["say"] = quiet if as_json or quietly else _printed
            result = cast("Callable[..., Any]", prepared)(**given)
            if as_json:
                shown = {"path": result} if isinstance(result, Path) else result
                _printed(json.dumps(shown, indent=1, sort_keys=True, default=str))
            if fails(result):
                raise typer.Exit(1)

        called.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]
        epilog = f"Example: {example}" if example else None
        into.command(name, help=first_line(function), epilog=epilog)(called)
        return prepared

    return add


def _printed(text: str) -> None:
    print(text, flush=True)


def _prepare(given: Mapping[str, Any]) -> None:
    root = given.get("root")
    if root is not None and root.exists() and not root.is_dir():
        raise UsageError(f"'{root}' is a file, expected a folder: give another one with --root")
    if "tracking_uri" in given:  # a command that opens a store
        require_address(given["tracking_uri"])
    if weights := given.get("inception_weights"):
        from bench.detectors._find import published_weights

        published_weights("inception").install(weights)
    load_plugins(given.get("plugins") or ())


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """One line per row, indented by two, every column as wide as its widest cell."""
    rows = [[one_line(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    padded = ([f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)] for row in rows)
    return [f"  {'  '.join(cells)}".rstrip() for cells in padded]
