"""A search with real Optuna and real MLflow: equal for all, nothing twice, nothing missing."""

import functools
import itertools
import json
import math
from collections import Counter
from types import SimpleNamespace

import optuna
import pydantic
import pytest
from optuna.storages import InMemoryStorage
from optuna.trial import Trial

from bench.engines import Outcome
from bench.errors import Interrupted, UsageError
from bench.plan.space import Choice, Int, LogUniform, Search, Uniform
from bench.plan.study import Arm, Identity, Study, Tier
from bench.records import RunRecord, TrialResult
from bench.study.driver import Driver
from bench.study.grid import require_spaces
from bench.study.search import SearchDriver
from bench.tracking.mlflow import Store

LR = {"model.lr": LogUniform(low=1e-4, high=1e-1), "model.latent_dim": Choice(values=(2, 4))}
STUDY = Study(
    name="made",
    question="Which is best?",
    arms=(Arm(name="vae", model="vae"), Arm(name="gan", model="gan")),
    search=Search(spaces={"vae": LR, "gan": {**LR, "model.depth": Int(low=1, high=2)}}),
    baselines=("uniform_noise",),
    tiers={"classroom": Tier(dataset="digits", settings={"train.num_images": 320})},
)
IDENTITY = Identity(study="made", tier="classroom", dataset="digits")


class Remembered:
    """A tracking store in memory: what the driver asks of one, a hundred times as fast."""

    def __init__(self):
        self.uri = "memory"
        self.runs, self.facts, self.ids = {}, {}, itertools.count()

    def create_run(self, experiment_id, *, name, params, tags):
        run_id = f"{next(self.ids):04d}"
        self.runs[run_id] = RunRecord(
            run_id=run_id, params=dict(params), tags=dict(tags), metrics={}
        )
        return run_id

    def run_of(self, experiment_id, config_digest, folder=None):
        for run in self.runs.values():
            if run.tags["config_digest"] == config_digest and folder in {None, run.tags["folder"]}:
                return run.run_id
        return None

    def records(self, experiment_id):
        return list(self.runs.values())

    def record(self, run_id):
        return self.runs[run_id]

    def log_params(self, run_id, params):
        assert self.runs[run_id].params == params

    def logger(self, run_id):
        return SimpleNamespace(tags=self.runs[run_id].tags.update)

    def fail_run(self, run_id, tags):
        self.logger(run_id).tags(tags)

    def describe_experiment(self, experiment_id, tags):
        self.facts |= tags

    def discard_runs(self, experiment_id):
        self.runs.clear()


def value_at(params):
    """Lowest at a rate of 1e-2."""
    return 10 + abs(math.log10(float(params["model.lr"])) + 2)


class Made:
    """An engine with values made from the settings; it can die, lose or break tasks on demand."""

    def __init__(self, *, slots=2, die_after=None, lose=(), results=None, values=None):
        self.slots, self.die_after, self.lose = slots, die_after, Counter(lose)
        self.results, self.values = results or {}, values or {}
        self.queue, self.ran, self.params, self.curves = [], [], {}, {}

    @property
    def free(self):
        return self.slots - len(self.queue)

    def submit(self, task, judge):
        self.queue.append((task, judge))

    def wait(self, timeout):
        if self.die_after is not None and len(self.ran) >= self.die_after:
            raise Interrupted("killed")
        task, judge = self.queue.pop(0)
        tags = self.store.record(task.run_id).tags
        arm = tags["family"]
        name = f"{arm}-{tags['trial']}" if task.stage == "trial" else f"{arm}:{tags['seed']}"
        if self.lose[name]:
            self.lose[name] -= 1
            return [Outcome(task, None)]
        self.ran.append(name)
        self.params[name] = task.params
        result = self.results.get(name) or self.trained(name, task, judge)
        self.store.logger(task.run_id).tags({"status": result.status})
        return [Outcome(task, result)]

    def trained(self, name, task, judge):
        end = self.values.get(name, value_at(task.params) if task.stage == "trial" else 1.0)
        curve = [end + 30, end + 20, end + 10]
        for seen in range(1, 4 if task.stage == "trial" else 0):
            if judge(curve[:seen]):
                self.curves[name] = curve[:seen]
                return TrialResult(status="pruned", primary="fd", value=curve[seen - 1])
        return TrialResult(status="ok", primary="fd", value=end)

    def close(self):
        self.queue.clear()

    @property
    def trials(self):
        return [name for name in self.ran if "-" in name]


class Silent:
    def started(self, run):
        pass

    def ended(self, run, result):
        pass


def made_search(folder, store, storage, *, num_trials=12, num_seeds=2, study=STUDY):
    """Another driver of the same search, as after a kill."""
    driver = Driver(
        study=study,
        identity=IDENTITY,
        store=store,
        experiment_id="1",
        folder=folder / "runs" / IDENTITY.key,
        storage=storage,
    )
    return SearchDriver(driver=driver, num_trials=num_trials, num_seeds=num_seeds)


@pytest.fixture
def search(tmp_path):
    return functools.partial(made_search, tmp_path, Remembered(), InMemoryStorage())


def run(search, engine=None):
    engine = engine or Made()
    engine.store = search.driver.store
    search.run(engine, Silent())
    return engine


def records(search):
    return search.driver.store.records(search.driver.experiment_id)


def roles(search):
    return Counter(record.tags["role"] for record in records(search))


def names(number, arms=("vae", "gan")):
    return sorted(f"{arm}-{i}" for arm in arms for i in range(number))


def test_families_get_equal_numbers_of_trials_and_the_best_of_each_gets_fresh_seeds(search):
    made = search()
    engine = run(made)
    assert sorted(engine.trials) == names(12)
    assert sorted(set(engine.ran) - set(engine.trials)) == [
        *("gan:1", "gan:2", "uniform_noise:0", "vae:1", "vae:2")
    ]
    assert {engine.params[name]["train.seed"] for name in engine.trials} == {"0"}
    tags = [record.tags for record in records(made) if record.tags["role"] == "search"]
    samplers = Counter((t["family"], t["sampler"], int(t["trial"]) < 10) for t in tags)
    expected = {(arm, "random", True): 10 for arm in ("vae", "gan")}
    assert samplers == expected | {(arm, "tpe", False): 2 for arm in ("vae", "gan")}


def test_best_is_the_lowest_validation_value_of_a_whole_trial(search):
    made = search()
    engine = run(made, Made(values={"vae-11": -100.0}, results={"gan-3": pruned(-50.0)}))
    for arm, best in made.best().items():
        whole = {
            name: engine.values.get(name, value_at(engine.params[name]))
            for name in engine.trials
            if name.startswith(arm) and name not in {*engine.curves, "gan-3"}
        }
        assert f"{arm}-{best.trial}" == min(whole, key=whole.__getitem__)
        assert best.value == min(whole.values())
        assert float(engine.params[f"{arm}:1"]["model.lr"]) == best.values["model.lr"]
    assert made.best()["vae"].trial == 11


def pruned(value):
    return TrialResult(status="pruned", primary="fd", value=value)


def test_trials_are_pruned_by_the_median_and_never_the_random_ones(search):
    engine = run(search(num_trials=16), Made(values={"vae-12": 1e6, "vae-3": 1e6}))
    assert engine.curves["vae-12"] == [1e6 + 30]
    assert all(int(name.partition("-")[2]) >= 10 for name in engine.curves)
    assert sorted(engine.trials) == names(16)


def test_trial_better_than_the_median_is_left_alone(search):
    assert "vae-12" not in run(search(num_trials=13), Made(values={"vae-12": -1.0})).curves


@pytest.mark.parametrize("die_after", [0, 7, 23, 26])
def test_killed_search_continues_to_what_an_uninterrupted_one_has(search, die_after):
    engine = Made(die_after=die_after)
    with pytest.raises(Interrupted):
        run(search(), engine)
    rest = run(search())
    assert sorted(engine.trials + rest.trials) == names(12)
    assert len(engine.ran + rest.ran) == 29
    assert run(search()).ran == []
    assert roles(search()) == {"search": 24, "run": 4, "baseline": 1}


def test_random_trials_are_the_same_however_often_the_search_was_stopped(search):
    stopped = Made(die_after=5)
    with pytest.raises(Interrupted):
        run(search(num_trials=10), stopped)
    rest = run(search(num_trials=10))
    rates = {n: p["model.lr"] for n, p in {**stopped.params, **rest.params}.items() if "-" in n}
    search().forget()
    whole = run(search(num_trials=10))
    assert rates == {name: whole.params[name]["model.lr"] for name in whole.trials}
    assert len(set(rates.values())) == 20


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
            run(search(num_trials=10))
    run(search(num_trials=10))
    for book in search().books.values():
        states = Counter(t.state.name for t in book._book.get_trials(deepcopy=False))
        assert states == {"COMPLETE": 10}
    assert roles(search())["search"] == 20


def test_more_trials_extend_a_search_and_replace_its_best(search):
    run(search(num_trials=10))
    values = {f"vae-{number}": -1e3 for number in range(10, 12)}
    engine = run(search(num_trials=12), Made(values=values))
    assert sorted(engine.trials) == ["gan-10", "gan-11", "vae-10", "vae-11"]
    assert search(num_trials=12).best()["vae"].trial == 10
    replaced = [r for r in records(search()) if r.tags["role"] == "superseded"]
    assert [r.tags["family"] for r in replaced] == ["vae", "vae"]
    assert all("trial" not in r.tags for r in replaced)


def test_fewer_trials_are_a_subset_and_delete_nothing(search):
    run(search(num_trials=12), Made(values={"vae-11": -1e3}))
    total = len(records(search()))
    assert [name for name in run(search(num_trials=10)).ran if "-" in name] == []
    assert roles(search())["search"] == 20
    assert search(num_trials=10).best()["vae"].trial < 10
    run(search(num_trials=12))
    assert roles(search())["search"] == 24
    assert len(records(search())) >= total


def test_best_of_more_trials_counts_again_when_nothing_is_left_to_run(search):
    """Twelve trials, then ten, then twelve: the last command finds everything there."""
    run(search(num_trials=12), Made(values={"vae-11": -1e3}))
    run(search(num_trials=10))
    again = search(num_trials=12)
    assert again.left() == []
    again.settle()
    chosen = {run.config.digest for run in again.runs() if run.role == "run"}
    counted = [r.tags["config_digest"] for r in records(again) if r.tags["role"] == "run"]
    assert set(counted) == chosen
    assert roles(again)["search"] == 24


def test_fresh_search_that_is_run_elsewhere_keeps_its_trials(search):
    made = search()
    run(made)
    with made.driver.alone(), pytest.raises(UsageError, match="being run by another process"):
        search().forget()
    assert search().left() == []


def test_failed_trial_gets_another_attempt_with_its_values_and_a_diverged_one_does_not(search):
    results = {
        "vae-1": TrialResult(status="failed", reason="disk full"),
        "gan-1": TrialResult(status="diverged", reason="nan"),
    }
    first = run(search(), Made(results=results))
    again = run(search())
    assert again.trials == ["vae-1"]
    assert again.params["vae-1"] == first.params["vae-1"]
    assert roles(search())["search"] == 24


def test_trial_of_a_dead_worker_is_tried_again(search):
    engine = run(search(), Made(lose=["vae-2", "vae-2", "gan-11"]))
    assert sorted(engine.trials) == names(12)


def test_trial_that_the_tracking_store_does_not_know_is_tracked_again_and_not_asked_anew(search):
    run(search())
    lost = next(r for r in records(search()) if r.tags.get("trial") == "4")
    del search().driver.store.runs[lost.run_id]
    engine = run(search())
    assert engine.ran == [f"{lost.tags['family']}-4"]
    assert engine.params[engine.ran[0]]["model.lr"] == lost.params["model.lr"]
    assert len(records(search())) == 29


def test_second_driver_is_kept_out_of_a_search(search):
    class Nosy(Made):
        def wait(self, timeout):
            if not self.ran:
                with pytest.raises(UsageError, match="is being run by another process"):
                    run(search())
            return super().wait(timeout)

    assert sorted(run(search(num_trials=10), Nosy()).trials) == names(10)


def test_importance_names_its_evaluator_and_finds_the_setting_that_matters(search):
    made = search(num_trials=24)
    run(made)
    found = json.loads(made.driver.store.facts["bench.importance"])
    assert "PED-ANOVA" in found["evaluator"]
    whole = Counter(
        r.tags["family"]
        for r in records(made)
        if r.tags["role"] == "search" and r.tags["status"] == "ok"
    )
    assert found["trials"] == whole
    for shares in found["values"].values():
        assert sum(shares.values()) == pytest.approx(1)
        assert max(shares, key=shares.__getitem__) == "model.lr"


def test_arm_whose_trials_all_diverged_has_no_runs(search):
    nothing = TrialResult(status="diverged", reason="nan")
    engine = run(search(num_trials=10), Made(results={f"gan-{i}": nothing for i in range(10)}))
    assert "gan" not in search(num_trials=10).best()
    assert [name for name in engine.ran if name.startswith("gan:")] == []
    assert engine.ran.count("vae:1") == 1


def test_changed_budget_is_another_search(search):
    run(search(num_trials=10))
    tier = Tier(dataset="digits", settings={"train.num_images": 640})
    other = STUDY.model_copy(update={"tiers": {"classroom": tier}})
    assert len(run(search(num_trials=10, study=other)).trials) == 20
    assert roles(search())["search"] == 20


@pytest.mark.parametrize(
    ("space", "sentence"),
    [
        ({"model.lrr": Uniform(low=0.1, high=0.2)}, "unknown key 'model.lrr'"),
        ({"model.depth": Int(low=1, high=9)}, r"model.depth must be in 1..5, got 9"),
        ({"model.lr": Choice(values=("high", 1.0))}, "model.lr must be > 0, got 'high'"),
    ],
)
def test_space_that_a_model_does_not_take_is_refused_before_anything_starts(space, sentence):
    spaces = {**STUDY.search.spaces, "vae": space}
    study = STUDY.model_copy(update={"search": Search(spaces=spaces)})
    with pytest.raises(UsageError, match=sentence):
        require_spaces(study, IDENTITY)


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (lambda: Uniform(low=2.0, high=1.0), "low must be below high, got 2.0 and 1.0"),
        (lambda: Choice(values=(1, 1)), "the values of a choice must differ"),
        (lambda: Search(spaces={}, startup=5), "greater than or equal to 10"),
        (
            lambda: Study(**{**dict(STUDY), "factors": {"model.depth": (1, 2)}}),
            "factors or a search",
        ),
        (lambda: Study(**{**dict(STUDY), "search": Search(spaces={"vae": LR})}), "for each arm"),
    ],
)
def test_search_that_cannot_be_one_is_refused(made, sentence):
    with pytest.raises(pydantic.ValidationError, match=sentence):
        made()


def test_values_stay_within_their_space(search):
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    engine = run(search(num_trials=16))
    for name in engine.trials:
        assert 1e-4 <= float(engine.params[name]["model.lr"]) <= 1e-1
        assert engine.params[name]["model.latent_dim"] in {"2", "4"}
        if name.startswith("gan"):
            assert engine.params[name]["model.depth"] in {"1", "2"}


def test_killed_search_continues_from_what_lies_on_disk(tmp_path, store_uri):
    store = Store(store_uri)

    def make():
        made = made_search(tmp_path, store, None, num_trials=11, num_seeds=1)
        made.driver.experiment_id = store.experiment(IDENTITY.key)
        return made

    engine = Made(die_after=21)
    with pytest.raises(Interrupted):
        run(make(), engine)
    rest = run(make())
    assert sorted(engine.trials + rest.trials) == names(11)
    found = make()
    assert roles(found) == {"search": 22, "run": 2, "baseline": 1}
    assert [r.params["train.seed"] for r in records(found) if r.tags["role"] == "run"] == ["1", "1"]
    tags = store.experiment_tags(found.driver.experiment_id)
    assert set(json.loads(tags["bench.importance"])) == {"evaluator", "values", "trials"}
