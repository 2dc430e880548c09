"""The chosen cells of a sweep on fresh seeds: which, how many, and what happens when others lead."""

from collections import Counter
from dataclasses import replace

import pytest
from study_fakes import ending
from synthetic_study import pictures

from bench.errors import Interrupted
from bench.plan.study import FRESH_SEED
from bench.results.results import read_results
from bench.results.tracked import _first_seeds
from bench.training.checkpoint import load_result

PRIMARY = "val/fd_digits_n297"
LED_BY_2 = {
    "vae depth=1 seed=0": 4.0,
    "vae depth=1 seed=1": 9.0,
    "vae depth=2 seed=0": 3.0,
    "vae depth=2 seed=1": 6.0,
    "gan depth=2 seed=0": 0.5,
}
"""The VAE of depth 1 is led by that of depth 2, until their third seeds."""

THIRD = {"vae depth=1 seed=2": 0.1, "vae depth=2 seed=2": 50.0}


def fresh(engine):
    return sorted(label for label in engine.ran if f"seed={FRESH_SEED // 100}" in label)


def labels(cell, number):
    return [f"{cell} seed={FRESH_SEED + n}" for n in range(number)]


def measured(made, record):
    """As a store has it that was told of values as well."""
    result = load_result(made.root / record.about.folder)
    metrics = {} if result.value is None else {PRIMARY: result.value}
    return replace(record, metrics=metrics, tags={**record.tags, "primary": PRIMARY})


def results(made, seeds=None):
    plan = made.driver().plan
    records = made.records()
    if seeds is not None:
        records = _first_seeds(records, seeds)
    records = [measured(made, record) for record in records]
    return read_results(plan.study, plan.identity, records, pictures())


def headline_seeds(found, arm):
    return [run.seed for run in found.headline(arm).runs]


def test_chosen_cells_are_run_on_as_many_fresh_seeds_after_all_others(grid):
    engine = grid.run(grid.engine(values=LED_BY_2))
    assert fresh(engine) == labels("gan depth=2", 2) + labels("vae depth=2", 2)
    assert engine.ran[-4:] == [
        f"{arm} depth=2 seed={FRESH_SEED + n}" for n in range(2) for arm in ("vae", "gan")
    ]
    roles = Counter(record.about.role for record in grid.records())
    assert roles == {"run": 8, "baseline": 1, "confirm": 4}
    found = results(grid)
    assert headline_seeds(found, "vae") == [FRESH_SEED, FRESH_SEED + 1]
    assert [run.seed for run in found.chosen("vae").runs] == [0, 1]


def test_another_cell_that_more_seeds_choose_is_run_on_fresh_ones_and_the_first_steps_back(grid):
    first = grid.run(grid.engine(values=LED_BY_2))
    more = grid.run(grid.engine(values=LED_BY_2 | THIRD), seeds=3)
    assert fresh(more) == labels("gan depth=2", 3)[2:] + labels("vae depth=1", 3)
    assert not set(more.ran) & set(first.ran)
    found = results(grid)
    assert found.headline("vae").cell.factors == {"model.depth": 1}
    assert headline_seeds(found, "vae") == [FRESH_SEED + n for n in range(3)]
    (depth_2,) = [p for p in found.cells_of("vae") if p.cell.factors == {"model.depth": 2}]
    assert depth_2.confirming == ()
    overtaken = [run for run in found.unplaced_runs if run.arm == "vae"]
    assert [run.seed for run in overtaken] == [FRESH_SEED, FRESH_SEED + 1]


def test_report_of_the_first_seeds_has_the_fresh_seeds_of_the_cell_that_led_then(grid):
    grid.run(grid.engine(values=LED_BY_2))
    grid.run(grid.engine(values=LED_BY_2 | THIRD), seeds=3)
    found = results(grid, seeds=2)
    assert found.headline("vae").cell.factors == {"model.depth": 2}
    assert headline_seeds(found, "vae") == [FRESH_SEED, FRESH_SEED + 1]


@pytest.mark.parametrize("die_after", [8, 9, 11, 12])
def test_killed_among_fresh_seeds_continues_with_the_same_cells(grid, die_after):
    engine = grid.engine(die_after=die_after, values=LED_BY_2)
    with pytest.raises(Interrupted):
        grid.run(engine)
    rest = grid.run(grid.engine(values=LED_BY_2))
    assert len(engine.ran + rest.ran) == len({*engine.ran, *rest.ran}) == 13
    assert headline_seeds(results(grid), "vae") == [1000, 1001]


def test_cell_that_lost_a_run_is_chosen_by_none_while_another_lost_none(grid):
    lost = {"gan depth=2 seed=1": ending("diverged")}
    engine = grid.run(grid.engine(values=LED_BY_2, results=lost))
    assert "gan depth=1 seed=1000" in fresh(engine)
    found = results(grid)
    assert found.chosen("gan").cell.factors == {"model.depth": 1}
    assert headline_seeds(found, "gan") == [FRESH_SEED, FRESH_SEED + 1]


def test_study_of_arms_without_factors_chooses_nothing(grid):
    grid.study = grid.study.model_copy(update={"factors": {}})
    engine = grid.run()
    assert len(engine.ran) == 5
    assert fresh(engine) == []


def test_forecast_has_as_many_fresh_runs_as_there_will_be(grid):
    plan = grid.driver().plan
    assert len(plan.everything()) == 13
    assert [run.role for run in plan.confirming()] == ["confirm"] * 4
    assert {run.number for run in plan.confirming()} == {FRESH_SEED, FRESH_SEED + 1}
