"""Every command that a document shows is there, with the options that are shown."""

import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_group

from bench.cli import COMMANDS, app
from bench.models import MODELS, configure
from bench.plan.files import load_study

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    "README.md",
    *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md")),
]
EVERYWHERE = {"--help", "--quiet", "--debug", "--json", "--version"}


def shown_in(document):
    """Lines of code blocks that begin with ``bench``, without remarks."""
    text = (ROOT / document).read_text(encoding="utf-8")
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [line.partition(" #")[0] for line in lines if line.startswith("bench ")]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_python_that_a_document_shows_can_be_read(document):
    text = (ROOT / document).read_text(encoding="utf-8")
    for code in re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        compile(code, document, "exec")


def command_of(words):
    """The command that words name, a group's as well."""
    group = get_group(app)
    _, found, rest = group.resolve_command(
        group.make_context("bench", [], resilient_parsing=True), words
    )
    return found.commands[rest[0]] if hasattr(found, "commands") else found


@pytest.mark.parametrize("document", DOCUMENTS)
def test_commands_of_a_document_are_there_with_their_options(document):
    wrong = []
    for line in shown_in(document):
        words = shlex.split(line)[1:]
        known = {o for each in command_of(words).params for o in each.opts} | EVERYWHERE
        given = {word.partition("=")[0] for word in words if word.startswith("-")}
        wrong += [f"{line}: {option}" for option in given - known]
    assert wrong == []


def test_the_readmes_tables_name_every_study_that_is_shipped():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (rows,) = re.findall(r"^\| study \|.*\n\|---\|---\|\n((?:\|.*\n)+)", text, re.MULTILINE)
    named = [
        name for row in rows.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1])
    ]
    shipped = {path.stem for path in (ROOT / "studies").glob("*.py")}
    assert sorted(named) == sorted(shipped)


def test_runs_that_the_readme_counts_for_its_demo_are_those_of_the_study():
    study = load_study("depth_sweep")
    cells = study.cells("classroom")
    baselines = [cell for cell in cells if cell.baseline]
    runs = 3 * (len(cells) - len(baselines))
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    counted = f"{runs} runs, {len(baselines)} baselines, {3 * len(study.arms)} runs on fresh seeds"
    assert study.tier("classroom").seeds == 3
    assert counted in text


@pytest.mark.parametrize("document", DOCUMENTS)
def test_settings_that_a_document_shows_are_those_of_the_model(document):
    for line in shown_in(document):
        words = shlex.split(line)[1:]
        if words[0] == "train" and words[1].partition(":")[0] in MODELS.names():
            given = [words[i + 1] for i, word in enumerate(words) if word == "--set"]
            configure(words[1], dict(pair.split("=", 1) for pair in given))


def test_documents_show_most_commands():
    shown = {line.split()[1] for document in DOCUMENTS for line in shown_in(document)}
    assert shown <= set(COMMANDS)
    assert len(shown) > 12
