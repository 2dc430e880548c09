"""Whether a precision may stand in for fp32: the decision that rule 24 states."""

import importlib.util
import math
import re
import sys
from pathlib import Path

import pytest

from bench.records import TrialResult

ROOT = Path(__file__).parents[2]
STATED = re.compile(r"\| `(\w+)` \|.* \[([\d.]+), ([\d.]+)\] \| 20 \| (\w+) \|")


@pytest.fixture(scope="module")
def check():
    path = ROOT / "benchmarks" / "precision_check.py"
    spec = importlib.util.spec_from_file_location("precision_check", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look it up
    spec.loader.exec_module(module)
    return module


def row(check, ratios, plain=-24.0):
    return check.Row(
        "vae",
        "elbo_bernoulli_resampled",
        dict.fromkeys(range(len(ratios)), plain),
        {seed: ratio * plain for seed, ratio in enumerate(ratios)},
    )


@pytest.mark.parametrize(
    ("ratios", "stands"),
    [
        ((0.99, 1.0, 1.01), True),
        ((0.8, 1.0, 1.25), False),  # equal on the whole, and nobody can tell
        ((1.2, 1.2, 1.2), False),
        ((1.0, 1.0), False),  # no interval
    ],
)
def test_precision_stands_where_the_whole_interval_lies_within_a_tenth(check, ratios, stands):
    assert row(check, ratios).stands is stands


def test_ratio_is_of_the_two_runs_of_a_seed_and_a_lost_run_counts_against_it(check):
    found = row(check, (0.5, 2.0, 1.0))
    assert found.ratio.mean == pytest.approx(1.0)
    assert found.ratio.low == pytest.approx(math.exp(-4.302652729911275 * math.log(2) / 3**0.5))
    even = row(check, (1.0, 1.0, 1.0, 1.0))
    lost = check.Row(even.family, even.measure, even.plain, {k: even.other[k] for k in (0, 1, 2)})
    assert (even.stands, lost.stands, lost.cells()[-1]) == (True, False, "3")


def test_headline_measures_are_the_distance_of_all_images_and_the_elbo(check):
    values = {
        "test/fd_digits_n500": 2.0,
        "test/fd_digits_n297": 3.0,
        "test/sampling_sd_fd_digits_n500": 1.0,
        "test/elbo_bernoulli_resampled": -24.0,
        "val/fd_digits_n297": 3.0,
    }
    found = check.headline(TrialResult(status="ok", metrics=values))
    assert found == {"fd_digits_n500": 2.0, "elbo_bernoulli_resampled": -24.0}
    assert check.headline(TrialResult(status="diverged", metrics=values)) == {}


def test_runs_are_those_of_the_study_in_one_precision(check):
    plain, other = (check.config_of("gan", 3, 4, each) for each in ("fp32", "bf16"))
    assert (plain.model.depth, plain.train.seed, plain.train.num_images) == (3, 4, 12_000)
    assert (plain.train.precision, other.train.precision) == ("fp32", "bf16")


def test_protocol_publishes_in_bf16_what_its_intervals_allow(check):
    rows = STATED.findall((ROOT / "PROTOCOL.md").read_text(encoding="utf-8"))
    assert [row[0] for row in rows] == ["vae", "vae", "gan", "wgan"]
    for family, low, high, precision in rows:
        within = check.LOW <= float(low) <= float(high) <= check.HIGH
        assert (family, precision) == (family, "bf16" if within else "fp32")
