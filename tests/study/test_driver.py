"""The driver with real Optuna and real MLflow: nothing twice, nothing missing."""

import functools
from collections import Counter

import optuna
import pytest

from bench.engines import Outcome
from bench.errors import Interrupted, UsageError
from bench.plan.study import Arm, Identity, Study, Tier
from bench.records import TrialResult
from bench.study.driver import Driver
from bench.study.grid import expand, full_overrides
from bench.tracking.mlflow import Store

STUDY = Study(
    name="made",
    question="Does it work?",
    arms=(
        Arm(name="vae", model="vae"),
        Arm(name="gan", model="gan", settings={"model.lr": 2e-3}),
    ),
    factors={"model.depth": (1, 2)},
    baselines=("uniform_noise",),
    tiers={
        "classroom": Tier(
            dataset="digits",
            settings={"train.num_images": 320, "model.width": 2},
            arms={"gan": {"train.batch_size": 16}},
        )
    },
)
IDENTITY = Identity(study="made", tier="classroom", dataset="digits")


@functools.cache
def store_of(uri):
    return Store(uri)


class Instant:
    """An engine whose runs end at once; it can die or lose tasks on demand."""

    def __init__(self, *, slots=2, die_after=None, lose=(), results=None):
        self.slots, self.die_after, self.lose = slots, die_after, Counter(lose)
        self.results = results or {}
        self.queue, self.ran = [], []

    @property
    def free(self):
        return self.slots - len(self.queue)

    def submit(self, task, judge):
        self.queue.append(task)

    def wait(self, timeout):
        if self.die_after is not None and len(self.ran) >= self.die_after:
            raise Interrupted("killed")
        task = self.queue.pop(0)
        name = (
            f"{task.params['model']}-{task.params.get('model.depth')}-{task.params['train.seed']}"
        )
        if self.lose[name]:
            self.lose[name] -= 1
            return [Outcome(task, None)]
        self.ran.append(name)
        result = self.results.get(name, TrialResult(status="ok", primary="fd", value=1.0))
        store_of(task.uri).logger(task.run_id).tags({"status": result.status})
        return [Outcome(task, result)]

    def close(self):
        self.queue.clear()


class Silent:
    def started(self, run):
        pass

    def ended(self, run, result):
        pass


@pytest.fixture
def driver(tmp_path, store_uri):
    def make():
        store = Store(store_uri)
        return Driver(
            study=STUDY,
            identity=IDENTITY,
            store=store,
            experiment_id=store.experiment(IDENTITY.key),
            folder=tmp_path / "runs" / IDENTITY.key,
        )

    return make


def run_with(driver, engine, seeds=2):
    driver.run(expand(STUDY, IDENTITY, seeds), engine, Silent())
    return engine


def trials(driver):
    return driver.book._book.get_trials(deepcopy=False)


def test_grid_has_every_cell_once_per_seed_and_baselines_once():
    runs = expand(STUDY, IDENTITY, 3)
    assert Counter(
        (r.cell.arm, r.cell.factors.get("model.depth"), r.seed) for r in runs
    ) == Counter(
        [(arm, depth, seed) for arm in ("vae", "gan") for depth in (1, 2) for seed in range(3)]
        + [("uniform_noise", None, 0)]
    )
    assert [r.seed for r in runs] == sorted(r.seed for r in runs)
    assert len({r.config.digest for r in runs}) == len(runs)


def test_settings_of_tier_arm_and_command_line_lie_over_each_other():
    identity = Identity(**{**IDENTITY.model_dump(), "overrides": {"model.width": "3"}})
    runs = {(r.cell.arm, r.seed): r.config for r in expand(STUDY, identity, 1)}
    gan, vae = runs["gan", 0], runs["vae", 0]
    assert gan.model.width == vae.model.width == 3
    assert gan.model.lr == 2e-3
    assert (gan.train.batch_size, vae.train.batch_size) == (16, 32)
    assert gan.train.num_images == 320


def test_all_runs_are_told_once_and_a_second_start_finds_nothing_left(driver):
    first = run_with(driver(), Instant())
    assert len(first.ran) == len(set(first.ran)) == 9
    assert run_with(driver(), Instant()).ran == []
    assert Counter(t.state.name for t in trials(driver())) == {"COMPLETE": 9}


@pytest.mark.parametrize("die_after", [0, 1, 4, 8])
def test_killed_driver_continues_without_repeating_or_missing_a_run(driver, die_after):
    engine = Instant(die_after=die_after)
    with pytest.raises(Interrupted):
        run_with(driver(), engine)
    rest = run_with(driver(), Instant())
    assert sorted(engine.ran + rest.ran) == sorted(set(engine.ran + rest.ran))
    assert len(engine.ran + rest.ran) == 9
    assert Counter(t.state.name for t in trials(driver())) == {"COMPLETE": 9}


def test_driver_that_died_between_enqueueing_and_asking_leaves_no_orphan(driver, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr(optuna.Study, "ask", lambda *a, **k: (_ for _ in ()).throw(Interrupted("x")))
        with pytest.raises(Interrupted):
            run_with(driver(), Instant())
    assert [t.state.name for t in trials(driver())] == ["WAITING"]
    assert len(run_with(driver(), Instant()).ran) == 9
    assert Counter(t.state.name for t in trials(driver())) == {"COMPLETE": 9}


def test_more_seeds_extend_a_study_and_fewer_repeat_nothing(driver):
    run_with(driver(), Instant(), seeds=1)
    assert len(run_with(driver(), Instant(), seeds=3).ran) == 8
    assert run_with(driver(), Instant(), seeds=2).ran == []


def test_run_of_a_dead_worker_is_tried_again_and_given_up_after_three_deaths(driver):
    engine = run_with(driver(), Instant(lose=["vae-1-0"] * 2), seeds=1)
    assert "vae-1-0" in engine.ran
    made = driver()
    engine = run_with(made, Instant(lose=["gan-2-1"] * 3), seeds=2)
    assert "gan-2-1" not in engine.ran
    records = made.store.records(made.experiment_id)
    failed = [r for r in records if r.tags.get("status") == "failed"]
    assert ["its worker process died 3 times" in r.tags["reason"] for r in failed] == [True]


def test_failed_run_gets_another_attempt_and_a_diverged_one_does_not(driver):
    results = {
        "vae-1-0": TrialResult(status="failed", reason="disk full"),
        "gan-1-0": TrialResult(status="diverged", reason="nan"),
    }
    run_with(driver(), Instant(results=results), seeds=1)
    assert run_with(driver(), Instant(), seeds=1).ran == ["vae-1-0"]


def test_runs_are_tracked_once_with_the_tags_that_a_report_reads(driver):
    made = driver()
    run_with(made, Instant(), seeds=2)
    run_with(driver(), Instant(), seeds=2)
    records = made.store.records(made.experiment_id)
    assert len(records) == 9
    tags = next(r for r in records if r.tags["family"] == "gan").tags
    assert tags["study_key"] == "made-classroom-digits"
    assert tags["role"] == "run"
    assert {r.tags["role"] for r in records} == {"run", "baseline"}
    assert len({r.tags["config_digest"] for r in records}) == 9


def test_second_driver_is_kept_out(driver):
    class Nosy(Instant):
        def wait(self, timeout):
            with pytest.raises(UsageError, match="is being run by another process: wait for it"):
                run_with(driver(), Instant())
            return super().wait(timeout)

    assert len(run_with(driver(), Nosy(), seeds=1).ran) == 5


def test_run_that_the_tracking_store_does_not_know_is_left(driver):
    made = driver()
    run_with(made, Instant(), seeds=1)
    records = made.store.records(made.experiment_id)
    lost = next(r for r in records if r.tags["family"] == "gan" and r.params["model.depth"] == "2")
    made.store._client.delete_run(lost.run_id)
    assert run_with(driver(), Instant(), seeds=1).ran == ["gan-2-0"]
    assert len(made.store.records(made.experiment_id)) == 5


def test_study_that_runs_cannot_be_forgotten_by_another(driver):
    class Careless(Instant):
        def wait(self, timeout):
            with pytest.raises(UsageError, match="is being run by another process"):
                driver().forget()
            return super().wait(timeout)

    assert len(run_with(driver(), Careless(), seeds=1).ran) == 5
    assert len(trials(driver())) == 5


def test_factors_of_any_values_can_be_run_and_have_more_of_them_later(driver):
    """Optuna fixes for good which choices a parameter has, and whether it is a whole number."""
    own = {"model.likelihood": ("gaussian", "bernoulli_gray")}
    arms = (Arm(name="vae", model="vae"), Arm(name="b", model="vae", factors=own))
    for factors, number in (
        ({"model.kl_weight": (1, 2), "model.likelihood": ("bernoulli_fixed",)}, 6),
        ({"model.kl_weight": (0.5, 1), "model.likelihood": ("bernoulli_fixed", "gaussian")}, 8),
    ):
        made = driver()
        made.study = STUDY.model_copy(update={"factors": factors, "arms": arms, "baselines": ()})
        runs = expand(made.study, IDENTITY, 1)
        made.run(runs, Instant(), Silent())
        assert made.left(runs) == []
        assert len(runs) == number


def test_forgotten_study_starts_again(driver):
    run_with(driver(), Instant(), seeds=1)
    driver().forget()
    assert len(run_with(driver(), Instant(), seeds=1).ran) == 5


def test_two_spellings_of_an_override_are_one_identity():
    assert full_overrides(STUDY, "classroom", {"width": "3"}) == {"model.width": "3"}
    assert full_overrides(STUDY, "classroom", {"model.width": "3"}) == {"model.width": "3"}


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        ("depth", "'depth' is a factor of this study"),
        ("seed", "'seed' has an option of its own: use --seeds"),
        ("data.dataset", "use --dataset instead of --set"),
        ("widht", "unknown key 'widht': did you mean 'width'"),
    ],
)
def test_override_that_cannot_be_one_is_refused(key, sentence):
    with pytest.raises(UsageError, match=sentence):
        expand(STUDY, Identity(**{**IDENTITY.model_dump(), "overrides": {key: "1"}}), 1)


def test_override_applies_to_the_models_that_know_it():
    identity = Identity(**{**IDENTITY.model_dump(), "overrides": {"model.kl_weight": "4"}})
    runs = {r.cell.arm: r.config for r in expand(STUDY, identity, 1)}
    assert runs["vae"].model.kl_weight == 4
    plain = {r.cell.arm: r.config for r in expand(STUDY, IDENTITY, 1)}
    assert runs["gan"] == plain["gan"]
