"""What every command has by its decorator: plugins, ``say``, ``--json`` and the exit code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from typer.main import get_group
from typer.testing import CliRunner

from bench import __version__
from bench.cli import COMMANDS, app, options
from bench.cli.contents import GROUPS
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


@command("write", into=made, example="bench write")
def write(*, say: Say = quiet) -> Path:
    """Writes it."""
    say("written")
    return Path("page.md")


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


def test_command_that_gives_back_nothing_has_no_json() -> None:
    assert "--json" in ended(made, "measure", "--help")[1]
    assert "--json" not in ended(made, "forget", "--help")[1]


def test_quiet_command_prints_nothing_and_fails_all_the_same() -> None:
    assert ended(made, "measure", "3", "--quiet") == (0, "")
    assert ended(made, "measure", "-q", "--", "-3") == (1, "")


def test_path_that_is_given_back_is_an_object() -> None:
    code, out = ended(made, "write", "--json")
    assert (code, json.loads(out)) == (0, {"path": "page.md"})


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
    said = " ".join(out.split())
    assert COMMANDS[name].text in said
    assert f"Example: {COMMANDS[name].example}" in said
    assert COMMANDS[name].example.startswith(f"bench {name}")


def every_command() -> Iterator[tuple[str, Any]]:
    """The words and the command of each that does something, those in groups too."""
    for name in COMMANDS:
        ended(app, name, "--help")
        found: Any = get_group(options.app).commands[name]
        for inner, each in getattr(found, "commands", {"": found}).items():
            yield f"{name} {inner}".strip(), each


def test_every_command_has_an_example_is_quiet_on_request_and_prints_an_object() -> None:
    for words, found in every_command():
        taken = {name for param in found.params for name in param.opts}
        assert {"--quiet", "-q"} <= taken, words
        assert ("--json" in taken) != (words == "ui"), words  # which serves until it is stopped
        assert words in COMMANDS or found.epilog.startswith(f"Example: bench {words}")


def test_version_and_the_foot_of_the_help_are_said() -> None:
    assert ended(app, "--version") == (0, f"bench {__version__}\n")
    code, out = ended(app, "-h")
    assert code == 0
    assert all(f"\n{title}:\n" in out for title in (*GROUPS, "Examples", "Every command takes"))
    assert all(f"\n  {name} " in out for name in COMMANDS)


def test_shell_completes_commands_options_and_names(monkeypatch: pytest.MonkeyPatch) -> None:
    def completed(line: str) -> list[str]:
        monkeypatch.setenv("_BENCH_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", str(len(line.split(" ")) - 1))
        done = CliRunner().invoke(app, [], prog_name="bench")
        return done.output.split()

    assert completed("bench tra") == ["train"]
    assert completed("bench run --only") == ["--only-seed"]
    assert completed("bench run depth_sweep_") == ["depth_sweep_equal"]
    assert completed("bench train vae_g") == ["vae_gan", "vae_gan_mlp"]
    assert completed("bench train vae --dataset fash") == ["fashion_mnist"]
    assert completed("bench train vae --device cu") == ["cuda"]
    assert completed("bench list loss") == ["losses"]
