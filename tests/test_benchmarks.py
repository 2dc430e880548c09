"""The speed scripts run; what they measure is nobody's pass or fail."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "loop_overhead.py"
MEASURES = SCRIPT.with_name("measures_cost.py")
LIKELIHOOD = SCRIPT.with_name("likelihood_cost.py")


@pytest.mark.slow
def test_speed_comparison_has_a_ratio_for_each_model():
    command = [sys.executable, str(SCRIPT), "--repeats", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = done.stdout.splitlines()[1:]
    assert [row.split()[0] for row in rows] == ["VAE", "WGAN"]
    for row in rows:
        assert float(row.split()[-4]) > 0


@pytest.mark.slow
def test_cost_of_the_measures_names_each_and_the_memory():
    command = [sys.executable, str(MEASURES), "--dataset", "digits"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    named = {tuple(row.split()[:2]) for row in done.stdout.splitlines()}
    for split in ("val", "test"):
        assert {(split, name) for name in ("frechet", "kernel", "overlap", "elbo")} <= named
    assert "peak memory of the process: " in done.stdout


@pytest.mark.slow
def test_cost_of_the_likelihood_stands_beside_that_of_a_plain_bound_of_the_same_value():
    command = [sys.executable, str(LIKELIHOOD), "--images", "20", "--draws", "600"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    *_, last = done.stdout.splitlines()
    ratio, difference = last.partition(",")[0].split()[-1], last.split()[-1]
    assert float(ratio) > 0
    assert float(difference) < 1e-6
