"""What runs before a commit, and what a citation says, is what the project itself says."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest
import yaml

import bench

ROOT = Path(__file__).parents[1]


@pytest.fixture
def noxfile():
    return ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8"))


@pytest.fixture
def repositories():
    text = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(text)["repos"]


def default_sessions(noxfile: ast.Module) -> set[str]:
    """What `nox` alone runs: ``nox.options.sessions``."""
    (names,) = (
        node.value
        for node in noxfile.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "nox.options.sessions"
    )
    return set(ast.literal_eval(names))


def test_hooks_bring_no_versions_of_their_own(repositories):
    assert [repository["repo"] for repository in repositories] == ["local"]
    assert {hook["language"] for hook in repositories[0]["hooks"]} == {"system"}


def test_hooks_are_the_default_sessions_but_for_the_tests(repositories, noxfile):
    commands = [hook["entry"].split() for hook in repositories[0]["hooks"]]
    assert {tuple(command[:2]) for command in commands} == {("nox", "-s")}
    called = {session for command in commands for session in command[2:]}
    assert called == default_sessions(noxfile) - {"tests"}


@pytest.mark.parametrize(
    "file", [".ci/run", ".github/workflows/tests.yml", "AGENTS.md", "CONTRIBUTING.md", "README.md"]
)
def test_sessions_that_are_called_exist(noxfile, file):
    sessions = {node.name for node in noxfile.body if isinstance(node, ast.FunctionDef)}
    text = (ROOT / file).read_text(encoding="utf-8")
    called = re.findall(r"nox\"? -s ([a-z]+(?: [a-z]+)*)", text)
    assert called
    assert {name for words in called for name in words.split()} <= sessions


def test_workflow_asks_for_three_systems():
    text = (ROOT / ".github/workflows/tests.yml").read_text(encoding="utf-8")
    matrix = yaml.safe_load(text)["jobs"]["tests"]["strategy"]["matrix"]
    assert [name.partition("-")[0] for name in matrix["os"]] == ["ubuntu", "macos", "windows"]


def test_citation_names_the_version_and_licence_of_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    names = ("title", "license", "abstract")
    expected = [project[key] for key in ("name", "license", "description")]
    assert [citation[name] for name in names] == expected
    assert citation["version"] == bench.__version__


def test_changelog_begins_with_the_version_of_the_package():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert text.startswith(f"# Changelog\n\n## {bench.__version__}")
