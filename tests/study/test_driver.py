"""What holds of a study however it ends and begins again: nothing twice, nothing missing."""

from collections import Counter

import pytest
from study_fakes import FakeEngine, ending, optuna_trials

from bench.errors import Interrupted, UsageError
from bench.tracking.mlflow import Store

TOTAL = {"grid": 13, "search": 29}
"""Runs and trials of each."""


@pytest.fixture
def total(request, either):
    return TOTAL[request.node.callspec.params["either"]]


@pytest.fixture
def first(either):
    """A run of the first queue."""
    return either.driver().queues[0].left()[0].label


def optuna_states(made):
    return Counter(trial.state.name for trial in optuna_trials(made.storage))


def test_all_runs_are_told_once_and_a_second_start_finds_nothing_left(either, total):
    engine = either.run()
    assert len(engine.ran) == len(set(engine.ran)) == total
    assert either.driver().left() == []
    assert either.run().ran == []
    assert sum(optuna_states(either).values()) == len(either.records()) == total


@pytest.mark.parametrize("die_after", [0, 1, 7, 8, 23, 26])
def test_killed_driver_continues_without_repeating_or_missing_a_run(either, total, die_after):
    engine = either.engine(die_after=min(die_after, total - 1))
    with pytest.raises(Interrupted):
        either.run(engine)
    rest = either.run()
    assert len(engine.ran + rest.ran) == len({*engine.ran, *rest.ran}) == total
    assert optuna_states(either).keys() <= {"COMPLETE", "PRUNED"}
    assert sum(optuna_states(either).values()) == len(either.records()) == total


@pytest.mark.parametrize("made", ["grid", "search"])
def test_killed_study_continues_from_what_lies_on_disk(made, request, store_uri):
    made = request.getfixturevalue(made)
    made.store, made.storage = Store(store_uri), None
    made.options |= {"trials": 10} if made.study.search else {}
    engine = made.engine(die_after=6)
    with pytest.raises(Interrupted):
        made.run(engine)
    total = len(made.driver().left()) + 6
    rest = made.run()
    assert len({*engine.ran, *rest.ran}) == len(engine.ran + rest.ran) == total
    driver = made.driver()
    assert driver.left() == []
    assert {t.state.name for t in optuna_trials(driver.plan.storage_url)} == {"COMPLETE"}
    assert len(made.records()) == len(optuna_trials(driver.plan.storage_url)) == total


def test_run_that_ended_after_its_driver_was_killed_is_not_run_again(either, total):
    """Its worker goes on for a while: the folder and the tracking store know, Optuna does not."""

    class Killed(FakeEngine):
        def wait(self, timeout):
            super().wait(timeout)
            raise Interrupted("killed before it heard of the result")

    engine = Killed(either.store)
    with pytest.raises(Interrupted):
        either.run(engine)
    rest = either.run()
    assert len(engine.ran) == 1
    assert engine.ran[0] not in rest.ran
    assert len(rest.ran) == total - 1
    assert optuna_states(either) == {"COMPLETE": total} or "PRUNED" in optuna_states(either)
    assert sum(optuna_states(either).values()) == total


def test_run_of_a_dead_worker_is_tried_again_and_given_up_after_three_deaths(either, first):
    assert first in either.run(either.engine(lose=[first] * 2)).ran
    either.driver().forget()
    assert first not in either.run(either.engine(lose=[first] * 3)).ran
    failed = [r.tags["reason"] for r in either.records() if r.tags["status"] == "failed"]
    assert failed == ["its worker process died (3 times)"]


def test_failed_run_gets_another_attempt_as_it_was_and_a_diverged_one_does_not(either, first):
    other = either.driver().queues[0].left()[-1].label
    results = {first: ending("failed", reason="disk full"), other: ending("diverged")}
    before = either.run(either.engine(results=results))
    again = either.run()
    assert again.ran[0] == first
    assert not set(again.ran[1:]) & set(before.ran)  # of cells that are chosen since
    assert again.params[first] == before.params[first]
    assert (
        len([t for t in optuna_trials(either.storage) if t.user_attrs["status"] == "failed"]) == 1
    )


@pytest.mark.parametrize("loss", ["unknown", "not ended", "another status"])
def test_run_of_which_the_tracking_store_knows_too_little_is_told_and_not_trained_again(
    either, first, loss
):
    engine = either.run()
    lost = next(r for r in either.records() if r.params == engine.params[first])
    if loss == "unknown":
        either.store.delete_run(lost.run_id)
    elif loss == "not ended":
        del either.store.runs[lost.run_id].tags["status"]
    else:
        either.store.runs[lost.run_id].tags["status"] = "collapsed"
    either.driver().settle()
    assert either.run().ran == []
    (told,) = [r for r in either.records() if r.params == engine.params[first]]
    assert told.finished
    assert told.tags == lost.tags | {"status": "ok"}
    assert len(either.records()) == len(optuna_trials(either.storage))


def test_run_whose_folder_is_lost_is_run_again_as_it_was(either, first):
    engine = either.run()
    driver = either.driver()
    (lost,) = [r for r in either.records() if r.params == engine.params[first]]
    (driver.plan.root / lost.about.folder / "result.json").unlink()
    again = either.run()
    assert (again.ran, again.trained) == ([first], [first])
    assert again.params[first] == engine.params[first]


def test_second_driver_neither_runs_nor_forgets_what_another_runs(either, total):
    class Nosy(FakeEngine):
        def wait(self, timeout):
            if not self.ran:
                other = either.driver()
                for meddle in (other.forget, lambda: other.run(self, self)):
                    with pytest.raises(UsageError, match=r"is being run by .*: wait"):
                        meddle()
            return super().wait(timeout)

    assert len(either.run(Nosy(either.store)).ran) == total
    assert either.driver().left() == []


def test_forgotten_study_starts_again(either, total):
    either.run()
    either.driver().forget()
    assert optuna_trials(either.storage) == either.records() == []
    assert len(either.run().trained) == total


def test_runs_are_tracked_once_with_the_tags_that_a_report_reads(grid):
    grid.run()
    tags = next(r for r in grid.records() if r.tags["family"] == "gan").tags
    assert tags["study_key"] == "made-classroom-digits"
    assert tags["role"] == "run"
    assert tags["command"] == grid.driver().plan.command
    assert {r.tags["role"] for r in grid.records()} == {"run", "baseline", "confirm"}
    assert len({r.tags["config_digest"] for r in grid.records()}) == 13
