"""Which runs and trials a study is of, and what each of them does."""

from collections import Counter

import pytest

from bench.errors import UsageError
from bench.plan.space import Choice, Int, Search, Uniform, bounds
from bench.study.plan import in_looks


def test_grid_has_every_cell_once_per_seed_and_baselines_once(grid):
    runs = grid.driver(seeds=3).plan.runs()
    assert Counter(
        (r.cell.arm, r.cell.factors.get("model.depth"), r.seed) for r in runs
    ) == Counter(
        [(arm, depth, seed) for arm in ("vae", "gan") for depth in (1, 2) for seed in range(3)]
        + [("uniform_noise", None, 0)]
    )
    assert [r.seed for r in runs] == sorted(r.seed for r in runs)
    assert len({r.config.digest for r in runs}) == len(runs)


def test_seeds_that_are_run_one_by_one_are_the_whole_grid(grid):
    parts = [grid.driver(seeds=None, only_seed=k).plan for k in range(3)]
    found = [run.config.digest for plan in parts for run in plan.runs()]
    assert found == [run.config.digest for run in grid.driver(seeds=3).plan.runs()]
    assert {run.seed for run in parts[2].everything()} == {2}
    assert (
        parts[2].command == "bench run --study made --tier classroom --dataset digits --only-seed 2"
    )


def test_one_seed_of_a_search_or_of_several_is_refused(grid, search):
    with pytest.raises(UsageError, match="searches for its own: leave it out"):
        search.driver(seeds=None, only_seed=1)
    with pytest.raises(UsageError, match="leave one of them out"):
        grid.driver(seeds=3, only_seed=1)
    with pytest.raises(UsageError, match="leave one out"):
        in_looks(grid.driver(seeds=None, only_seed=1).plan, 10)


def test_settings_of_tier_arm_and_command_line_lie_over_each_other(grid):
    found = grid.driver(seeds=1, overrides=["width=3"]).plan.runs()
    runs = {(r.cell.arm, r.seed): r.config for r in found}
    gan, vae = runs["gan", 0], runs["vae", 0]
    assert gan.model.width == vae.model.width == 3
    assert gan.model.lr == 2e-3
    assert (gan.train.batch_size, vae.train.batch_size) == (16, 32)
    assert gan.train.num_images == 320


def test_trials_and_runs_are_told_apart_by_label_folder_and_role(grid, search):
    plan = search.driver().plan
    trial, other = plan.trials()[0], plan.trials()[2]
    run = grid.driver().plan.runs()[0]
    assert (trial.label, other.label, run.label) == (
        *("vae trial=0", "vae trial=1", "vae depth=1 seed=0"),
    )
    assert (trial.role, run.role, plan.runs()[2].role) == ("search", "run", "baseline")
    assert run.key == run.config.digest
    assert trial.config == other.config
    assert trial.key != other.key


def test_bounds_of_a_space_have_every_end_and_every_choice():
    space = {"a": Int(low=1, high=5), "b": Choice(values=("x", "y"))}
    assert bounds(space) == [{"a": 1, "b": "x"}, {"a": 3, "b": "y"}, {"a": 5, "b": "y"}]


@pytest.mark.parametrize(
    ("space", "sentence"),
    [
        ({"model.lrr": Uniform(low=0.1, high=0.2)}, "unknown key 'model.lrr'"),
        ({"model.depth": Int(low=1, high=9)}, r"model.depth must be in 1..5, got 9"),
        ({"model.lr": Choice(values=("high", 1.0))}, "model.lr must be a number > 0 .* got 'high'"),
    ],
)
def test_space_that_a_model_does_not_take_is_refused_before_anything_starts(
    search, space, sentence
):
    spaces = {**search.study.search.spaces, "vae": space}
    study = search.study.model_copy(update={"search": Search(spaces=spaces)})
    with pytest.raises(UsageError, match=sentence):
        search.driver(study=study)
