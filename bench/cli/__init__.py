"""The command line: parses, calls, prints. A command's file is imported when it is called."""

from __future__ import annotations

import signal
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_group

from bench.cli import options
from bench.errors import DiskTrouble, Interrupted, UsageError, disk_trouble

INTERRUPTED = 130
"""Exit code of a command that was asked to stop, and what typer makes of a Ctrl-C."""

# Each command's file and its line of help: those of most import what takes seconds.
COMMANDS = {
    "run": ("run", "Run a study; the same command continues where it stopped."),
    "train": ("train", "Train one model, or repeat a tracked run bit by bit (CPU)."),
    "sample": ("sample", "Draw samples of a finished run as one grid."),
    "eval": ("evaluate", "Measure a finished run again, or images made elsewhere."),
    "report": ("report", "Write the comparison report of a study from what MLflow holds."),
    "verify": (
        "verify",
        "Recompute every number of a report from the tracked runs; exit 1 where any differs.",
    ),
    "compare": (
        "compare",
        "Set runs side by side; those that differ in their seed alone are one column.",
    ),
    "diff": ("diff", "What differs between two runs: configuration, provenance, results."),
    "calibrate": (
        "calibrate",
        "Measure how far the distances of a data set can be trusted, as a card.",
    ),
    "list": ("list", "List what is registered, with one line each."),
    "show": ("show", "Show a model's settings, ranges and source, or a study's plan."),
    "init": ("init", "Write a commented study file into ./studies, to start from."),
    "ui": ("ui", "Serve what was logged and print the comparison page's address."),
    "data": ("data", "Install and check data sets."),
    "detectors": ("detectors", "Feature networks of the distances."),
}


class Commands(TyperGroup):
    """Knows of a command its line of help, and imports its file when it is called."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command's name, the whole command and what is left of the words."""
        name, _, rest = super().resolve_command(ctx, args)
        file, text = COMMANDS[str(name)]
        import_module(f"bench.cli.{file}")
        found = get_group(options.app).commands[str(name)]
        found.help = text
        return name, found, rest


# Without markup typer leaves rich alone, whose import is half of what `bench --help` takes.
app = typer.Typer(
    cls=Commands, rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False
)
for _name, (_, _text) in COMMANDS.items():
    app.command(_name, help=_text)(lambda: None)


def main() -> None:
    """Runs the command line; a mistake is one sentence, a stop is resumable."""
    arguments = [word for word in sys.argv[1:] if word != "--debug"]
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        code = app(arguments or ["--help"], prog_name="bench", standalone_mode=False) or 0
    except DiskTrouble as trouble:
        code = _said(trouble, str(trouble), 1)
    except Interrupted:
        code = INTERRUPTED
    except UsageError as error:
        code = _said(error, str(error), 2)
    except typer.TyperException as error:
        context: typer.Context | None = getattr(error, "ctx", None)
        command = context.command_path if context else "bench"
        code = _said(error, f"{error.format_message().rstrip('.')}: see `{command} --help`", 2)
    except Exception as error:
        if (found := disk_trouble(error, Path.cwd())) is None:
            raise
        code = _said(error, str(found), 1)
    if code == INTERRUPTED:
        print("bench: interrupted; the same command continues", file=sys.stderr)
    raise SystemExit(code)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _said(error: Exception, sentence: str, code: int) -> int:
    """The exit code, after the sentence; with ``--debug`` the error itself."""
    if "--debug" in sys.argv:
        raise error
    print(f"bench: {sentence}", file=sys.stderr)
    return code
