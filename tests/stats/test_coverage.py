"""How often intervals hold the truth: what rule 20 of PROTOCOL.md says was measured."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def coverage():
    """The script whose numbers stand in PROTOCOL.md."""
    path = ROOT / "benchmarks" / "coverage.py"
    spec = importlib.util.spec_from_file_location("coverage_script", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def stated(kind):
    """Coverage at 3, 5, 10 and 20 seeds in the table of PROTOCOL.md."""
    text = (ROOT / "PROTOCOL.md").read_text(encoding="utf-8")
    (row,) = [line for line in text.splitlines() if line.lstrip().startswith(f"| {kind} |")]
    return [float(cell) for cell in re.findall(r"\| (\d+\.\d) ", row)]


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [3, 5, 20])
def test_t_interval_of_normal_runs_holds_the_truth_95_times_of_100(coverage, seeds):
    assert coverage.mean_coverage("normal", seeds, 2_000) == pytest.approx(0.95, abs=0.02)


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind",
    [
        *("normal", "lognormal", "one in ten at 15", "one in ten at 50"),
        *("shares of mean 0.95", "shares of mean 0.5"),
    ],
)
def test_coverage_is_the_one_that_the_protocol_states(coverage, kind):
    # 1,000 simulations beside the 5,000 stated: three standard errors are 5 points at 40 %.
    found = [100 * coverage.mean_coverage(kind, seeds, 1_000) for seeds in coverage.SEEDS]
    assert found == pytest.approx(stated(kind), abs=5)
    assert len(found) == 4


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["lognormal", "one in ten at 50"])
def test_equal_families_of_any_kind_are_rarely_told_apart(coverage, kind):
    assert coverage.false_differences(coverage.FAMILIES[kind], 3, 500) <= 0.05


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.0, 0.8])
def test_step_along_x_is_held_by_its_interval_whatever_seeds_share(coverage, share):
    # 500 simulations: three standard errors are 3 points.
    assert coverage.step_coverage(5, 3, share, 500) == pytest.approx(0.95, abs=0.03)


@pytest.mark.slow
def test_equal_levels_have_a_trend_in_five_of_a_hundred_whatever_seeds_share(coverage):
    assert coverage.no_trend_found(5, 3, 0.8, 200) <= 0.1


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.0, 0.4, 0.8])
@pytest.mark.parametrize("is_one_model", [True, False])
def test_equal_arms_with_blocks_are_rarely_told_apart(coverage, share, is_one_model):
    # 5 % and three standard errors of 500 tables.
    found = coverage.blocked_differences(share, 5, 0.0, 500, is_one_model=is_one_model)
    assert found <= 0.08


def test_pairs_find_among_blocks_what_welch_does_not(coverage):
    found = [
        coverage.blocked_differences(0.8, 5, 1.5, 200, is_one_model=one) for one in (True, False)
    ]
    assert found[0] > 0.7 > 0.5 > found[1]


@pytest.mark.slow
def test_interval_of_a_probability_of_improvement_is_approximate_at_ten_seeds(coverage):
    truth, share = coverage.improvement_coverage(10, 0.5, 200)
    assert truth == pytest.approx(0.638, abs=1e-3)  # Phi(0.5 / sqrt 2)
    assert 0.88 < share < 0.98


def test_few_simulations_of_normal_runs_are_near_95_of_100(coverage):
    # 400 simulations: three standard errors are 3.3 points.
    assert coverage.mean_coverage("normal", 5, 400) == pytest.approx(0.95, abs=0.033)


@pytest.mark.slow
def test_script_prints_every_table(coverage, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["coverage.py", "--simulations", "50"])
    coverage.main()
    text = capsys.readouterr().out
    for row in (*coverage.KINDS, *coverage.FAMILIES, "5 x 3, 0.80:", "20: 0.50,"):
        assert f"  {row}" in text
