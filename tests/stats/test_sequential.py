"""Looks at a study that grows: levels that agree with Pocock's, and few differences by chance."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest

from bench.plan.study import Planned
from bench.results.decisions import Group, Pair, decide
from bench.stats.sequential import ever_beyond, over_looks, per_look

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("looks", "bound"), [(2, 2.178), (3, 2.289), (4, 2.361), (5, 2.413), (10, 2.555), (20, 2.672)]
)
def test_looks_have_the_bounds_that_pocock_tabulates(looks, bound):
    # Jennison and Turnbull 2000, table 2.1, three decimals.
    assert ever_beyond(bound, tuple(range(1, looks + 1))) == pytest.approx(0.05, abs=1e-4)


def test_level_of_a_look_gives_the_level_of_all_back():
    for level in (0.05, 0.05 / 3, 0.001):
        each = per_look(level, (5, 10, 15, 20))
        assert level / 4 < each < level / 2
        assert over_looks(each, (5, 10, 15, 20)) == pytest.approx(level, rel=1e-6)


def test_one_look_needs_no_correction_and_more_looks_never_less_of_it():
    assert over_looks(0.03, (20,)) == 0.03
    assert per_look(0.05, (20,)) == 0.05
    corrected = [over_looks(0.01, tuple(range(5, most + 1, 5))) for most in (5, 10, 15, 20, 100)]
    assert corrected == sorted(corrected)
    assert corrected[-1] < 20 * 0.01


@pytest.mark.parametrize("p", [0.0, 1e-12, 1e-6, 0.3, 1.0])
def test_every_p_has_a_corrected_one(p):
    assert p <= over_looks(p, (5, 10, 15, 20)) <= 1


@pytest.fixture(scope="module")
def sequential():
    """The script whose numbers stand in PROTOCOL.md."""
    path = ROOT / "benchmarks" / "sequential.py"
    spec = importlib.util.spec_from_file_location("sequential_script", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_script_decides_as_reports_do(sequential):
    at = (5, 10, 15, 20)
    values = sequential.draw(12, share=0.4, spread=0.15, apart=1.0)
    for is_paired in (False, True):
        found = sequential.decide(values, at, is_paired=is_paired)
        assert len(set(found.seeds)) > 1
        for study, seeds, shown, excluded in zip(
            np.exp(values), found.seeds, found.shown, found.excluded, strict=True
        ):
            arms = [Group(tuple(v[:seeds].tolist()), seeds=tuple(range(seeds))) for v in study]
            decided = decide(
                [
                    Pair(
                        planned=Planned(a=str(i), b=str(j)),
                        first=arms[i],
                        second=arms[j],
                        scale="log",
                        is_one_model=is_paired,
                        looks=at,
                    )
                    for i, j in sequential.PAIRS
                ]
            )
            assert [bool(one.winner) for one in decided] == shown.tolist()
            assert [one.excludes is not None for one in decided] == excluded.tolist()


ROWS = re.compile(r"\| (Welch|paired), (0\.\d) \| (\d+\.\d) \| (\d+\.\d) \|")


def stated():
    """Test and shared part to differences by chance in % of the table in PROTOCOL.md: none, one apart."""
    text = (ROOT / "PROTOCOL.md").read_text(encoding="utf-8")
    return {(m[1], float(m[2])): (float(m[3]), float(m[4])) for m in ROWS.finditer(text)}


def test_growing_studies_see_a_difference_by_chance_as_rarely_as_the_protocol_states(sequential):
    rows = stated()
    assert len(rows) == 6
    assert max(max(row) for row in rows.values()) <= 5.6
    for (test, share), row in rows.items():
        # 1,000 studies beside 5,000: three standard errors are 2.3 points.
        for apart, percent in zip((0.0, 1.0), row, strict=True):
            values = sequential.draw(1_000, share=share, spread=0.5, apart=apart)
            found = sequential.decide(values, sequential.looks(20), is_paired=test == "paired")
            chance = found.shown[:, 2 if apart else 0 :].any(axis=1).mean()
            assert 100 * chance == pytest.approx(percent, abs=2.3)
