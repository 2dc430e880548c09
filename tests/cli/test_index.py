"""What is kept of the code: found once, and again where it may be another."""

import subprocess
import sys
from pathlib import Path

import pytest

import bench
from bench.cli import index
from bench.cli.list import list_kind
from bench.cli.show import show
from bench.files import data_home


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """How often something was looked for, of a process without plugins."""
    monkeypatch.setattr(index, "PLUGINS", {})
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    found = []

    def find():
        found.append(len(found))
        return {"vae": f"answer {found[-1]}"}

    find.times = lambda: len(found)
    return find


def kept_file() -> Path:
    return next((data_home() / "known").glob("index_*.json"))


def test_what_is_kept_is_not_looked_for_again(asked):
    assert index.kept("models", asked) == index.kept("models", asked) == {"vae": "answer 0"}
    assert index.kept("metrics", asked) == {"vae": "answer 1"}  # that is something else


def test_other_code_is_looked_at_again(asked, monkeypatch, tmp_path):
    (tmp_path / "one.py").write_text("a = 1\n")
    monkeypatch.setattr(bench, "__file__", str(tmp_path / "__init__.py"))
    index.kept("models", asked)
    (tmp_path / "one.py").write_text("a = 2\n")
    assert index.kept("models", asked) == {"vae": "answer 1"}
    (tmp_path / "one.py").rename(tmp_path / "two.py")
    assert index.kept("models", asked) == {"vae": "answer 2"}


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"{}\0"])
def test_damaged_index_is_made_anew(asked, damage):
    index.kept("models", asked)
    whole = kept_file().read_bytes()
    kept_file().write_bytes(whole[: len(whole) // 2] + damage)
    assert index.kept("models", asked) == {"vae": "answer 1"}
    assert index.kept("models", asked) == {"vae": "answer 1"}


def test_plugins_are_asked_each_time(asked, monkeypatch):
    monkeypatch.setattr(index, "PLUGINS", {"bench_plugin_mine": {}})
    index.kept("models", asked)
    index.kept("models", asked)
    assert asked.times() == 2


def test_folder_that_cannot_be_made_keeps_nothing(asked, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "file"))
    index.kept("models", asked)
    assert index.kept("models", asked) == {"vae": "answer 1"}


def test_list_and_show_answer_from_the_index_without_torch(asked):
    said = []
    show("vae", say=said.append)
    index.kept("list metrics ", lambda: list_kind("metrics"))
    code = (
        "import sys\nfrom bench.cli.list import list_kind\nfrom bench.cli.show import show\n"
        "list_kind('metrics', say=print)\nshow('vae', say=print)\nprint('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said[0] in done.stdout
    assert "active_units" in done.stdout
    assert done.stdout.endswith("False\n")
