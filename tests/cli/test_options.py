"""What every command has by its decorator: plugins, ``say``, ``--json`` and the exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from typer.testing import CliRunner

from bench.cli import COMMANDS, app
from bench.cli.options import Plugins, Say, Sets, command, quiet
from bench.errors import UsageError

made = typer.Typer()


@command("measure", into=made, fails=lambda found: found["bad"])
def measure(
    number: Annotated[int, typer.Argument()],
    *,
    overrides: Sets = None,
    plugins: Plugins = None,
    say: Say = quiet,
) -> dict[str, Any]:
    """What is measured."""
    say(f"measured {number}")
    return {"number": number, "overrides": overrides, "bad": number < 0}


@command("forget", into=made)
def forget(*, say: Say = quiet) -> None:
    """Forgets it."""
    say("forgotten")


def ended(group: typer.Typer, *words: str) -> tuple[int, str]:
    done = CliRunner().invoke(group, words)
    return done.exit_code, done.output


def test_command_says_its_lines_and_with_json_prints_what_it_gives_back_alone() -> None:
    assert ended(made, "measure", "3") == (0, "measured 3\n")
    code, out = ended(made, "measure", "3", "--set", "a=1", "--set", "b=2", "--json")
    assert code == 0
    assert json.loads(out) == {"number": 3, "overrides": ["a=1", "b=2"], "bad": False}


def test_exit_code_is_1_where_what_is_given_back_says_so() -> None:
    assert ended(made, "measure", "--json", "--", "-3")[0] == 1
    assert ended(made, "forget") == (0, "forgotten\n")


def test_command_that_gives_back_no_dictionary_has_no_json() -> None:
    assert "--json" in ended(made, "measure", "--help")[1]
    assert "--json" not in ended(made, "forget", "--help")[1]


def test_function_called_from_python_loads_plugins_and_says_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plugin = tmp_path / "mine.py"
    plugin.write_text("print('loaded')")
    assert measure(3, plugins=[plugin])["number"] == 3
    assert capsys.readouterr().out == "loaded\n"
    with pytest.raises(UsageError, match=r"plugin 'nix.py' is no Python file"):
        measure(3, plugins=[Path("nix.py")])


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_its_file_and_the_help_of_its_line(name: str) -> None:
    code, out = ended(app, name, "--help")
    assert code == 0
    assert COMMANDS[name][1] in " ".join(out.split())
