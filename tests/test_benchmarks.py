"""The speed comparison runs; what it measures is nobody's pass or fail."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "loop_overhead.py"


@pytest.mark.slow
def test_speed_comparison_has_a_ratio_for_each_model():
    command = [sys.executable, str(SCRIPT), "--repeats", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = done.stdout.splitlines()[1:]
    assert [row.split()[0] for row in rows] == ["VAE", "WGAN"]
    for row in rows:
        assert float(row.split()[-4]) > 0
