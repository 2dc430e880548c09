"""A study that leaves the precision to the machine: decided once, for all arms and every later call."""

import pytest

from bench.plan.space import Choice, Search
from bench.plan.study import Arm, Study
from bench.study.driver import Driver
from bench.study.precision import FILE, with_precision

VAE = Arm(name="vae", model="vae")
AUTO = ["train.precision=auto"]


def planned(made, *, keep=True, **options):
    return with_precision(made.driver(**options).plan, keep=keep, require=lambda _: None)


def precisions(plan):
    return {run.config.train.precision for run in [*plan.trials(), *plan.runs()]}


def test_study_that_asks_for_nothing_is_not_timed_and_keeps_its_folders(grid, machine):
    before = grid.driver().plan
    plan, decision = planned(grid)
    assert (plan, decision, machine[1]) == (before, None, [])
    assert not (plan.folder / FILE).exists()


def test_one_precision_for_all_arms_seeds_and_later_calls(either, machine):
    seconds, asked = machine
    plan, first = planned(either, overrides=AUTO)
    assert precisions(plan) == {"bf16"}
    assert [config.name for config in asked] == ["vae", "gan"]
    seconds["bf16"] = 2.0
    later, decision = planned(either, overrides=["precision=auto"], seeds=5)
    assert (precisions(later), decision, len(asked)) == ({"bf16"}, first, 2)


def test_runs_say_what_was_decided_where_the_file_is_gone(grid, machine):
    plan, _ = planned(grid, overrides=AUTO, seeds=1)
    engine = grid.engine()
    Driver(plan, grid.store).run(engine, engine)
    (plan.folder / FILE).unlink()
    machine[0]["bf16"] = 2.0
    again, decision = planned(grid, overrides=AUTO)
    assert (precisions(again), decision.why) == ({"bf16"}, "so it was begun")
    assert not [run for run in again.runs() if run.seed == 0 and again.result(run) is None]


def test_looking_decides_nothing(grid, machine):
    plan, _ = planned(grid, overrides=AUTO, keep=False)
    assert precisions(plan) == {"bf16"}
    assert not (plan.folder / FILE).exists()


@pytest.mark.parametrize(
    "varied",
    [
        {"factors": {"train.precision": ("fp32", "auto")}},
        {"search": Search(spaces={"vae": {"precision": Choice(values=("fp32", "auto"))}})},
    ],
)
def test_auto_is_no_value_among_others(varied):
    with pytest.raises(ValueError, match=r"precision' cannot vary with auto, .* take fp32, bf16"):
        Study(name="varied", question="?", arms=(VAE,), tiers={}, **varied)
