"""Nothing that was read can run, whatever a file holds; ruff's security rules (S) see the rest."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = [
    *(path for room in ("bench", "studies", "benchmarks") for path in (ROOT / room).rglob("*.py")),
    ROOT / "noxfile.py",
]

MODULES = {"pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "shutil.unpack_archive"}
"""Whatever these read may run."""

CALLS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "tempfile.mktemp"}
METHODS = {"extract", "extractall", "unpack_archive", "read_pickle", "exec_module", "unsafe_load"}
LOADERS = {
    "torch.load": ("weights_only", True),
    "np.load": ("allow_pickle", False),
    "numpy.load": ("allow_pickle", False),
    "np.lib.format.read_array": ("allow_pickle", False),
    "read_array": ("allow_pickle", False),
}
"""What reads with or without pickle, and the argument that must say without."""

USERS_CODE = {"bench/registry.py: exec_module", "bench/plan/files.py: exec_module"}
"""A plugin or a study is code of the user's own, and is run because the user named it."""


def imported(node: ast.AST) -> list[str]:
    match node:
        case ast.Import(names=names):
            return [name.name for name in names]
        case ast.ImportFrom(module=str(module), names=names):
            return [module, *(f"{module}.{name.name}" for name in names)]
    return []


def dangers(node: ast.AST) -> list[str]:
    """What a statement or a call should not do."""
    if found := [name for name in imported(node) if name in MODULES]:
        return found
    if not isinstance(node, ast.Call):
        return []
    name = ast.unparse(node.func)
    given = {word.arg: ast.unparse(word.value) for word in node.keywords}
    wrong = []
    if name in CALLS or name.rpartition(".")[2] in METHODS:
        wrong.append(name.rpartition(".")[2])
    if name == "yaml.load" and given.get("Loader") not in {"yaml.SafeLoader", "SafeLoader"}:
        wrong.append(name)
    if name in LOADERS and given.get(LOADERS[name][0]) != str(LOADERS[name][1]):
        wrong.append(name)
    if given.get("shell", "False") != "False":
        wrong.append("shell=True")
    return wrong


def dangers_of(text: str) -> list[str]:
    return [danger for node in ast.walk(ast.parse(text)) for danger in dangers(node)]


def test_nothing_that_is_read_can_run() -> None:
    found = {
        f"{path.relative_to(ROOT).as_posix()}: {danger}"
        for path in SOURCES
        for danger in dangers_of(path.read_text(encoding="utf-8"))
    }
    assert found == USERS_CODE


@pytest.mark.parametrize(
    ("text", "danger"),
    [
        ("import pickle", "pickle"),
        ("from marshal import loads", "marshal"),
        ("from shutil import unpack_archive", "shutil.unpack_archive"),
        ("torch.load(path)", "torch.load"),
        ("torch.load(path, weights_only=False)", "torch.load"),
        ("np.load(path)", "np.load"),
        ("np.load(path, allow_pickle=True)", "np.load"),
        ("eval(text)", "eval"),
        ("exec(text)", "exec"),
        ("os.system(text)", "system"),
        ("subprocess.run(text, shell=True)", "shell=True"),
        ("tar.extractall(folder)", "extractall"),
        ("zipped.extract(name)", "extract"),
        ("yaml.load(text, Loader=yaml.Loader)", "yaml.load"),
        ("tempfile.mktemp()", "mktemp"),
        ("pd.read_pickle(path)", "read_pickle"),
        ("loader.exec_module(module)", "exec_module"),
    ],
)
def test_each_danger_is_seen(text: str, danger: str) -> None:
    assert dangers_of(text) == [danger]


@pytest.mark.parametrize(
    "text",
    [
        "torch.load(path, weights_only=True)",
        "np.load(path, allow_pickle=False)",
        "net.eval()",
        "subprocess.run([program])",
        "yaml.load(text, Loader=yaml.SafeLoader)",
        "yaml.safe_load(text)",
        "re.compile(text)",
    ],
)
def test_what_is_safe_is_let_through(text: str) -> None:
    assert dangers_of(text) == []
