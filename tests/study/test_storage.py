"""Optuna as it is left behind by a driver that died, and by one of an older version."""

import sqlite3
from collections import Counter
from contextlib import closing
from datetime import timedelta

import optuna
import pytest
from optuna.distributions import IntDistribution
from optuna.exceptions import StorageInternalError
from optuna.storages import InMemoryStorage, RDBStorage
from optuna.storages._rdb.models import TrialModel
from optuna.trial import Trial
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from study_fakes import ending, optuna_trials

from bench.errors import Interrupted, UsageError
from bench.plan.space import Int
from bench.records import TrialResult
from bench.study.storage import OptunaGrid, OptunaSearch, Told


@pytest.fixture(params=["memory", "database"])
def storage(request):
    return InMemoryStorage() if request.param == "memory" else RDBStorage("sqlite://")


def told(storage, key, result, values=None):
    grid = OptunaGrid("grid", storage, {"arm": ["a", "b"], "model.kl_weight": [0.5, 1]})
    grid.tell([Told(key, values or {"arm": "a", "seed": 0}, result, "id")])


def test_runs_told_at_once_are_the_trials_that_optuna_itself_would_have_added(monkeypatch):
    costs = {"cost/train_seconds": 50.0}
    values = {"arm": "b", "seed": 3, "model.kl_weight": 0.5}
    results = [
        TrialResult(status="ok", primary="fd", value=float("inf"), metrics=costs),
        ending("diverged"),
        ending("ok", 2.5),
    ]
    runs = [Told(f"{n}", {**values, "seed": n}, each, f"r{n}") for n, each in enumerate(results)]
    trials = {}
    for way in ("rows", "one by one"):
        storage = RDBStorage("sqlite://")
        grid = OptunaGrid("grid", storage, {"arm": ["a", "b"], "model.kl_weight": [0.5, 1]})
        if way == "one by one":
            monkeypatch.setattr(grid, "_rows", None)
        grid.tell(runs[:1])
        grid.tell(runs[1:])
        trials[way] = [
            (t.number, t.state, t.values, t.params, t.distributions, t.user_attrs, t.duration)
            for t in optuna_trials(storage)
        ]
    seconds = [[t.pop().total_seconds() for t in map(list, each)] for each in trials.values()]
    assert seconds[0] == pytest.approx([50, 0, 0], abs=1)
    assert seconds[0] == pytest.approx(seconds[1], abs=1)
    rows, one_by_one = ([t[:-1] for t in each] for each in trials.values())
    assert rows == one_by_one
    assert [t[0] for t in rows] == [0, 1, 2]


def test_numbers_go_on_beside_another_grid_in_the_same_database():
    storage = RDBStorage("sqlite://")
    grids = {name: OptunaGrid(name, storage, {"arm": ["a"]}) for name in ("one", "two")}
    for key in ("x", "y", "z"):
        for name, grid in grids.items():
            grid.tell([Told(f"{key}{name}", {"arm": "a"}, ending("ok", 1.0), "id")])
    found = [(t.number, t.user_attrs["config_digest"]) for t in optuna_trials(storage)]
    assert found == [
        *((0, "xone"), (1, "yone"), (2, "zone")),
        *((0, "xtwo"), (1, "ytwo"), (2, "ztwo")),
    ]


def test_rows_that_a_database_refuses_are_told_as_optuna_tells_them(monkeypatch):
    storage = RDBStorage("sqlite://")
    grid = OptunaGrid("grid", storage, {"arm": ["a"]})

    def refuse(*_):
        raise StorageInternalError("database is locked")

    monkeypatch.setattr("bench.study.storage._add_rows", refuse)
    grid.tell([Told("x", {"arm": "a"}, ending("ok", 1.0), "id")])
    assert [t.user_attrs["config_digest"] for t in optuna_trials(storage)] == ["x"]


def test_runs_that_a_database_took_without_an_answer_are_told_once(monkeypatch):
    """As where the connection breaks behind the commit; a failed one of an earlier try is another."""
    storage = RDBStorage("sqlite://")
    grid = OptunaGrid("grid", storage, {"arm": ["a"]})
    grid.tell([Told("x", {"arm": "a"}, ending("failed"), "id")])
    commit, lost = Session.commit, []

    def answerless(session):
        is_adding = any(isinstance(each, TrialModel) for each in session.new)
        commit(session)
        if is_adding and not lost:
            lost.append("the answer")
            raise OperationalError("COMMIT", None, Exception("server closed the connection"))

    monkeypatch.setattr(Session, "commit", answerless)
    grid.tell([Told(key, {"arm": "a"}, ending("ok", 1.0), "id") for key in "xy"])
    assert lost
    found = [
        (t.number, t.user_attrs["config_digest"], t.state.name) for t in optuna_trials(storage)
    ]
    assert found == [(0, "x", "FAIL"), (1, "x", "COMPLETE"), (2, "y", "COMPLETE")]


def test_grid_is_shown_with_what_it_cost_and_each_run_once(storage):
    cost = {"cost/train_seconds": 50.0, "cost/eval_seconds": 10.0}
    for _ in range(2):
        told(storage, "x", TrialResult(status="ok", primary="fd", value=3.0, metrics=cost))
    (trial,) = optuna_trials(storage)
    assert (trial.value, trial.params) == (3.0, {"arm": "a", "seed": 0})
    assert trial.user_attrs == {"config_digest": "x", "status": "ok", "run_id": "id"}
    assert trial.duration - timedelta(minutes=1) < timedelta(seconds=1)


def test_dashboard_calls_the_objective_by_its_name_and_says_no_warning(storage, recwarn):
    told(storage, "x", ending("ok", 3.0))
    space = {"model.depth": Int(low=1, high=3)}
    OptunaSearch("search", storage, space, startup=1, seed=0)
    for name in ("grid", "search"):
        named = optuna.load_study(study_name=name, storage=storage)
        assert named.metric_names == ["validation distance"]
    assert not [each for each in recwarn if "metric_names" in str(each.message)]


def test_run_that_failed_is_told_again_and_one_without_a_value_is_not(storage):
    results = [ending("failed"), ending("diverged"), ending("ok", float("nan"))]
    for key, result in zip("xyz", results, strict=True):
        told(storage, key, result)
        told(storage, key, result)
    assert Counter(t.user_attrs["config_digest"] for t in optuna_trials(storage)) == {
        "x": 2,
        "y": 1,
        "z": 1,
    }
    assert {t.state.name for t in optuna_trials(storage)} == {"FAIL"}


def test_run_of_two_arms_is_one_trial_whether_told_at_once_or_later(storage):
    grid = OptunaGrid("grid", storage, {"arm": ["a", "b"]})
    same = [Told("x", {"arm": arm}, ending("ok", 1.0), "id") for arm in "ab"]
    grid.tell(same)
    grid.tell(same)
    assert [t.params for t in optuna_trials(storage)] == [{"arm": "a"}]


def test_whole_and_broken_numbers_of_one_factor_are_of_one_kind(storage):
    for key, weight in {"x": 0.5, "y": 1}.items():
        values = {"arm": "b", "seed": 0, "model.kl_weight": weight}
        told(storage, key, ending("ok", 1.0), values)
    assert [t.params["model.kl_weight"] for t in optuna_trials(storage)] == [0.5, 1.0]


def test_trials_that_an_older_version_left_open_are_closed(storage):
    study = optuna.create_study(study_name="grid", storage=storage)
    seed = {"seed": IntDistribution(-(2**31 - 1), 2**31 - 1)}
    study.ask(seed).set_user_attr("config_digest", "x")
    study.enqueue_trial({"seed": 1}, user_attrs={"config_digest": "y"})
    told(storage, "x", ending("ok", 1.0))
    assert [t.state.name for t in optuna_trials(storage)] == ["FAIL", "FAIL", "COMPLETE"]


@pytest.mark.parametrize("broken", ["set_user_attr", "_suggest"])
def test_driver_that_dies_while_it_asks_leaves_no_orphan(search, monkeypatch, broken):
    """Before the trial has its number, and between two of its values."""
    whole, calls = getattr(Trial, broken), []

    def dies(*arguments):
        calls.append(arguments)
        if len(calls) == 6:
            raise Interrupted("killed")
        return whole(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Trial, broken, dies)
        with pytest.raises(Interrupted):
            search.run(trials=10)
    search.run(trials=10)
    assert Counter(t.state.name for t in optuna_trials(search.storage)) == {"COMPLETE": 25}
    trials = [r for r in search.records() if r.tags["role"] == "search"]
    assert len(trials) == 20


def test_storage_that_does_not_open_is_told_in_a_sentence():
    with pytest.raises(UsageError, match=r"storage 'nothing://x' does not open .* sqlite:///"):
        OptunaGrid("grid", "nothing://x", {})


@pytest.mark.faults
@pytest.mark.parametrize("damaged", [b"garbage", None])
def test_database_of_a_grid_that_is_damaged_or_gone_is_made_anew(grid, damaged, capsys):
    grid.storage = None
    grid.run()
    path = grid.driver().plan.folder / "optuna.db"
    before = sorted(repr(t.params) for t in optuna_trials(f"sqlite:///{path}"))
    damage(path, damaged)
    assert grid.run().trained == []
    assert ("is kept as 'optuna.db.damaged'" in capsys.readouterr().err) == bool(damaged)
    assert sorted(repr(t.params) for t in optuna_trials(f"sqlite:///{path}")) == before


@pytest.mark.faults
def test_search_that_lost_a_trial_or_its_database_chooses_the_same_and_trains_none(search):
    search.storage, search.options["trials"] = None, 2
    search.run(search.engine(slots=1))
    path = search.driver().plan.folder / "optuna.db"
    before = [(t.state, t.params) for t in optuna_trials(f"sqlite:///{path}")]
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("DELETE FROM trial_user_attributes WHERE trial_id = 3")
        database.execute("DELETE FROM trials WHERE trial_id = 3")
    again = search.run(search.engine(slots=1))
    assert (again.ran, again.trained) == (["vae trial=1"], [])
    damage(path, 20_000)
    assert search.run(search.engine(slots=1)).trained == []
    after = [(t.state, t.params) for t in optuna_trials(f"sqlite:///{path}")]
    assert sorted(map(repr, after)) == sorted(map(repr, before))


def damage(path, how):
    """Removes a file, cuts it after so many bytes, or writes something else."""
    if how is None:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:how] if isinstance(how, int) else how)


def test_database_of_another_program_is_no_storage(tmp_path):
    with closing(sqlite3.connect(tmp_path / "bills.db")) as database, database:
        database.execute("CREATE TABLE bills (id)")
    with pytest.raises(UsageError, match=r"tables of another program \(bills\)"):
        told(f"sqlite:///{tmp_path}/bills.db", "x", ending("ok"))
