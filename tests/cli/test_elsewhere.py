"""Runs made on another machine: all that reads them needs the store's address, and no torch."""

import contextlib
import io
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from golden.golden import stored_records
from golden.stored_study import stored, study_file

from bench.report import writer
from bench.tracking.mlflow import Store

MISSING = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "optuna"}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Missing())
"""
COMMANDS = """
import sys
from bench import cli
from bench.plots import PLOTS
from bench.report import writer
writer.PLOTS = {"loss_curves": PLOTS.get("loss_curves")}
for line in sys.stdin.read().splitlines():
    sys.argv = ["bench", *line.split()]
    try:
        cli.main()
    except SystemExit as end:
        print(f"exit {end.code}")
"""


def answers_without_torch(folder, *lines):
    """What the commands say, one process for all of them, with torch and Optuna out of reach."""
    done = subprocess.run(
        [sys.executable, "-c", MISSING + COMMANDS],
        input="\n".join(lines),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def answers_here(folder, *lines):
    """The same in this process, which has all that there is."""
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(said):
        patch.chdir(folder)
        patch.setattr(sys, "argv", [])
        patch.setattr(sys, "stdin", io.StringIO("\n".join(lines)))
        patch.setattr(writer, "PLOTS", {})
        exec(COMMANDS, {})
    return said.getvalue().splitlines()


@pytest.fixture
def store(tmp_path, migrated_database):
    """A store whose runs were made in a folder that is gone: their pictures went with it."""
    made, kept = tmp_path / "made", tmp_path / "kept"
    made.mkdir()
    kept.mkdir()
    with contextlib.chdir(made), contextlib.closing(sqlite3.connect(migrated_database)) as source:
        source.execute("vacuum into 'mlflow.db'")
    first = Store(f"sqlite:///{made / 'mlflow.db'}")
    stored(first, [r for r in stored_records() if r.tags["seed"] == "0"])
    shutil.move(made / "mlflow.db", kept)
    shutil.rmtree(made)
    return Store(f"sqlite:///{kept / 'mlflow.db'}")


@pytest.mark.parametrize(
    "answers", [answers_here, pytest.param(answers_without_torch, marks=pytest.mark.slow)]
)
def test_study_made_elsewhere_is_reported_verified_and_compared(answers, store, tmp_path):
    here = tmp_path / "here"
    here.mkdir()
    study_file(here)
    runs = sorted(r.run_id for r in store.records_of("small-classroom-digits"))
    at = f"--tracking-uri {store.uri}"
    said = answers(
        here,
        f"report --study small --out small {at}",
        f"verify small {at}",
        f"compare {runs[0]} {runs[1]} {at}",
        f"diff {runs[0]} {runs[1]} {at}",
    )
    assert [line for line in said if line.startswith("exit")] == ["exit 0"] * 4
    assert f"report in {Path('small') / 'README.md'}" in said
    assert f"to open in a browser: {Path('small') / 'report.html'}" in said
    assert f"identical: small against 6 runs of {store.uri}" in said
    assert sorted(path.name for path in here.iterdir()) == [
        "small",
        "studies",
    ]  # no store of its own
    assert (here / "small" / "figures" / "loss_curves.png").is_file()
