"""The command line: parses, calls, prints. A command's file is imported when it is called."""

from __future__ import annotations

import atexit
import gc
import signal
import sys
import tempfile
import traceback
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_group

from bench import __version__
from bench.cli import options
from bench.cli.contents import COMMANDS as COMMANDS, GROUPS
from bench.console import lost_words, settle
from bench.errors import (
    DiskTrouble,
    Interrupted,
    NoWorkers,
    Undelivered,
    UsageError,
    disk_trouble,
    path_refused,
)
from bench.signals import stop_signals
from bench.text import masked, one_line, printable, remember

INTERRUPTED = 130
"""Exit code of a command that was asked to stop, and what typer makes of a Ctrl-C."""

EVERYWHERE = {
    "--json": "print one JSON object and nothing else (not ui, which serves)",
    "-q, --quiet": "print nothing but mistakes",
    "--debug": "show the traceback of a mistake",
    "-h, --help": "its options and an example",
}


class Commands(TyperGroup):
    """Knows of a command its line of help, and imports its file when it is called."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command's name, the whole command and what is left of the words."""
        name, _, rest = super().resolve_command(ctx, args)
        if name is None:  # half of a word, to be completed
            return name, None, rest
        listed = COMMANDS[str(name)]
        import_module(f"bench.cli.{listed.file}")
        found = get_group(options.app).commands[str(name)]
        found.help = listed.text
        found.epilog = f"Example: {listed.example}"
        return name, found, rest

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - typer gives it
        """The commands in groups, and below all what each of them takes."""
        for title, group in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([(name, listed.text) for name, listed in group.items()])
        with formatter.section("Examples"):
            for group in GROUPS.values():
                formatter.write_text(next(iter(group.values())).example)
        with formatter.section("Every command takes"):
            # Not by ``list``, which is a command here.
            formatter.write_dl([*EVERYWHERE.items()])


# Without markup typer leaves rich alone, whose import is half of what `bench --help` takes.
app = typer.Typer(
    cls=Commands,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _name, _listed in COMMANDS.items():
    app.command(_name, help=_listed.text)(lambda: None)


def _version(*, asked: bool) -> None:
    if asked:
        print(f"bench {__version__}")
        raise typer.Exit


@app.callback()
def about(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            is_eager=True,
            callback=lambda asked: _version(asked=asked),
            help="print the version and end",
        ),
    ] = False,
) -> None:
    """One protocol for VAEs, GANs and Wasserstein GANs: train, measure, compare, report."""


def main() -> None:
    """Runs the command line; a mistake is one sentence, a stop is resumable."""
    # Nothing is left to collect when all ends; looking for it takes a second with torch and MLflow.
    atexit.register(gc.freeze)
    try:
        if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        settle()
        for number in stop_signals():
            signal.signal(number, _interrupt)
        for word in sys.argv:
            remember(word)
        code = _ended()
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = INTERRUPTED
    if code == INTERRUPTED:
        print("bench: interrupted; the same command continues", file=sys.stderr)
    elif lost := lost_words():
        code = _failed(f"what it said could not be written ({lost}): give its output another place")
    raise SystemExit(code)


def _ended() -> int:
    """Runs the command; its exit code, after a sentence where it did not end well."""
    arguments = [word for word in sys.argv[1:] if word != "--debug"]
    try:
        return app(arguments or ["--help"], prog_name="bench", standalone_mode=False) or 0
    except (DiskTrouble, NoWorkers, Undelivered, UsageError) as error:
        return _said(error, str(error), 2 if isinstance(error, UsageError) else 1)
    except Interrupted:
        return INTERRUPTED
    except typer.TyperException as error:
        from bench.cli.mistakes import sentence

        return _said(error, sentence(error), 2)
    except SystemExit as end:  # typer's answer to any broken pipe, a worker's too
        if not isinstance(end.__context__, OSError):
            raise
        return _unexpected(end.__context__)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is said in a sentence
        return _unexpected(error)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _said(error: Exception, sentence: str, code: int) -> int:
    """The exit code, after the sentence; with ``--debug`` the error itself."""
    if "--debug" in sys.argv:
        raise error
    print(f"bench: {one_line(sentence)}", file=sys.stderr)
    return code


def _unexpected(error: Exception) -> int:
    """The exit code of a fault of our own, after where its traceback lies; or the error itself."""
    if "--debug" in sys.argv:
        raise error
    if found := disk_trouble(error, Path.cwd()):
        return _failed(str(found))
    if type(error).__module__.startswith("mlflow."):
        return _failed(f"the tracking store did not do it ({error}): give the command again later")
    if refused := path_refused(error):
        return _said(error, str(refused), 2)
    said = f"{type(error).__name__}: {error}"
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="bench-", suffix=".txt", encoding="utf-8", delete=False
        ) as file:
            file.write(printable(masked("".join(traceback.format_exception(error)))))
        where = f"its traceback is in {file.name}"
    except OSError:
        where = "give --debug to see its traceback"
    return _failed(f"something happened that should not ({said}): {where}, please report it")


def _failed(sentence: str) -> int:
    print(f"bench: {one_line(sentence)}", file=sys.stderr)
    return 1
