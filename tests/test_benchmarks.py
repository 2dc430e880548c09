"""The speed scripts run; what they measure is nobody's pass or fail."""

import importlib.util
import math
import subprocess
import sys
from pathlib import Path

import pytest

SPEED = Path(__file__).parents[1] / "benchmarks" / "speed.py"
MEASURES = SPEED.with_name("measures_cost.py")
LIKELIHOOD = SPEED.with_name("likelihood_cost.py")


@pytest.mark.slow
def test_the_step_stands_beside_a_plain_script_and_a_bare_step(tmp_path):
    quick = ["--repeats", "1", "--seconds", "0.1", "--rows", "vae_mlp", "-o", str(tmp_path)]
    command = [sys.executable, str(SPEED), "--sections", "step", *quick]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    table = (tmp_path / "step.md").read_text()
    row = next(line for line in table.splitlines() if line.startswith("| vae_mlp"))
    _, images, *ratios, _ = (cell.strip() for cell in row.strip("|").split("|"))
    assert float(images.replace(",", "")) > 0
    assert all(float(ratio.split()[0]) > 0 for ratio in ratios)
    assert (tmp_path / "step.png").stat().st_size > 10_000


@pytest.mark.slow
def test_script_for_a_gpu_is_tried_without_one(tmp_path):
    few = ["--rows", "vae_mlp", "--models", "vae", "--repeats", "1", "--seconds", "0.01"]
    script = [sys.executable, str(SPEED.with_name("gpu.py")), "--device", "cpu"]
    command = [*script, *few, "-o", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = (tmp_path / "gpu.md").read_text()
    assert done.stdout == told
    rows = [line.strip("|").split("|")[0].strip() for line in told.splitlines() if "|" in line]
    assert {"vae_mlp 784-400-20", "vae", "3 seeds at once, graphs"} <= set(rows)


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


def test_search_did_not_lose_where_it_found_known_settings_or_some_at_most_5_percent_above():
    path = SPEED.with_name("search_repeats.py")
    spec = importlib.util.spec_from_file_location("search_repeats", path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    every = [
        script.Outcome(0, "vae", 104.0, 0, 100.0),
        script.Outcome(1, "vae", 106.0, 0, 100.0),
        script.Outcome(2, "vae", 90.0, 1, 100.0),  # a run of what it found has no value
        script.Outcome(3, "vae", None, None, 100.0),  # nothing new was found
        script.Outcome(4, "vae", 90.0, 0, None),  # no run of the known settings has a value
    ]
    assert [one.ratio for one in every] == [1.04, 1.06, math.inf, 1.0, 0.0]
    assert "vae: 3 of 5 did not lose, 1 are lower than known" in script.table(every)


@pytest.mark.postgres
def test_script_for_storages_has_a_rate_for_each_number_of_runs_in_flight():
    few = ["--asks", "4", "--repeats", "1", "--in-flight", "1", "3"]
    command = [sys.executable, str(SPEED.with_name("storages.py")), *few]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = [line.strip("| ").split(" | ") for line in done.stdout.splitlines()[3:]]
    assert [row[0] for row in rows] == ["1", "3"]
    assert all(float(cell.split()[0]) > 0 for row in rows for cell in row)
