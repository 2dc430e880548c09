"""A process killed while the databases are made leaves a folder that works."""

import random
import signal
import subprocess
import sys
import time

import pytest
from fault_lab import Lab, examples

from bench.tracking.mlflow import Store

pytestmark = pytest.mark.faults

OPENING = "import sys; from bench.tracking.mlflow import Store; Store(sys.argv[1])"


def test_killed_at_any_moment_of_making_the_tracking_database(tmp_path):
    moments = random.Random(5)
    lab = Lab(tmp_path / "a b%20?")
    for attempt in range(examples(200)):
        process = subprocess.Popen(
            [sys.executable, "-c", OPENING, lab.uri], cwd=lab.folder, env=lab.environment()
        )
        while not list(lab.folder.glob(".mlflow.db.*")) and process.poll() is None:
            time.sleep(0.01)
        time.sleep(moments.uniform(0.0, 5.0))
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not (lab.folder / "mlflow.db").exists() or Store(lab.uri).experiments(), attempt
        if (lab.folder / "mlflow.db").exists():
            (lab.folder / "mlflow.db").unlink()
    store = Store(lab.uri)
    assert [experiment.name for experiment in store.experiments()] == ["Default"]
    left = {path.name for path in lab.folder.iterdir()}
    assert left <= {"mlflow.db", ".mlflow.db.opening.lock"}


def test_several_first_openers_make_one_database(tmp_path):
    lab = Lab(tmp_path)
    openers = [
        subprocess.Popen(
            [sys.executable, "-c", OPENING, lab.uri], cwd=lab.folder, env=lab.environment()
        )
        for _ in range(2)
    ]
    assert [opener.wait() for opener in openers] == [0, 0]
    assert [experiment.name for experiment in Store(lab.uri).experiments()] == ["Default"]
