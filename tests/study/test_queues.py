"""A search is equal for all its arms, and what it found is run; a grid grows and repeats nothing."""

import contextlib
import json
from collections import Counter

import optuna
import pytest
from study_fakes import ending, value_at

from bench.errors import Interrupted, UsageError
from bench.models import configure
from bench.plan.space import Choice, Int, LogUniform, Search
from bench.plan.study import Arm, Tier


def roles(made):
    return Counter(record.tags["role"] for record in made.records())


def labels(number, arms=("vae", "gan")):
    return sorted(f"{arm} trial={i}" for arm in arms for i in range(number))


def test_more_seeds_extend_a_study_and_fewer_repeat_nothing(grid):
    grid.run(seeds=1)
    assert len(grid.run(seeds=3).ran) == 12
    assert grid.run(seeds=2).ran == []


def test_chosen_cell_of_each_arm_is_run_again_on_fresh_seeds_after_the_grid(grid):
    values = {f"vae depth=2 seed={seed}": -1e3 for seed in range(3)}
    engine = grid.run(grid.engine(values=values), seeds=3)
    cells = ("vae depth=2", "gan depth=1")
    assert engine.ran[-6:] == [f"{c} seed={s}" for s in (1000, 1001, 1002) for c in cells]
    assert roles(grid) == {"run": 12, "confirm": 6, "baseline": 1}


def test_cell_that_is_chosen_no_more_keeps_its_fresh_runs(grid):
    grid.run(grid.engine(values={"vae depth=2 seed=0": -1e3}), seeds=1)
    later = {f"vae depth=1 seed={seed}": -1e5 for seed in (1, 2)}
    engine = grid.run(grid.engine(values=later), seeds=3)
    assert "vae depth=1 seed=1000" in engine.ran
    assert roles(grid)["confirm"] == 2 + 5
    assert grid.run(seeds=3).ran == []


def test_study_that_confirms_nothing_has_its_own_runs_alone(grid):
    grid.run(study=grid.study.model_copy(update={"confirm": False}))
    assert roles(grid) == {"run": 8, "baseline": 1}


def test_factors_of_any_values_can_be_run_and_have_more_of_them_later(grid):
    """Optuna fixes for good which choices a parameter has, and whether it is a whole number."""
    own = {"model.likelihood": ("gaussian", "bernoulli_gray")}
    arms = (Arm(name="vae", model="vae"), Arm(name="b", model="vae", factors=own))
    for factors, number in (
        ({"model.kl_weight": (1, 2), "model.likelihood": ("bernoulli_fixed",)}, 6),
        ({"model.kl_weight": (0.5, 1), "model.likelihood": ("bernoulli_fixed", "gaussian")}, 8),
    ):
        update = {"factors": factors, "arms": arms, "baselines": (), "confirm": False}
        options = {"study": grid.study.model_copy(update=update), "seeds": 1}
        assert len(grid.driver(**options).runs()) == number
        grid.run(**options)
        assert grid.driver(**options).left() == []
    names = [one.study_name for one in optuna.get_all_study_summaries(grid.storage)]
    assert names[-1] == "made-classroom-digits-5ac2f6"


def test_families_get_equal_numbers_of_trials_and_the_best_of_each_gets_fresh_seeds(search):
    engine = search.run()
    assert sorted(engine.trials) == labels(12)
    assert sorted(set(engine.ran) - set(engine.trials)) == [
        *(
            "gan seed=1000",
            "gan seed=1001",
            "uniform_noise seed=0",
            "vae seed=1000",
            "vae seed=1001",
        )
    ]
    assert {engine.params[name]["train.seed"] for name in engine.trials} == {"0"}
    tags = [record.tags for record in search.records() if record.tags["role"] == "search"]
    samplers = Counter((t["family"], t["sampler"], int(t["trial"]) < 10) for t in tags)
    expected = {(arm, "random", True): 10 for arm in ("vae", "gan")}
    assert samplers == expected | {(arm, "tpe", False): 2 for arm in ("vae", "gan")}


def test_best_is_the_lowest_validation_value_of_a_whole_trial(search):
    results = {"gan trial=3": ending("pruned", -50.0)}
    engine = search.run(search.engine(values={"vae trial=11": -100.0}, results=results))
    found = search.driver().best()
    for arm, best in found.items():
        whole = {
            name: engine.values.get(name, value_at(engine.params[name]))
            for name in engine.trials
            if name.startswith(arm) and name not in {*engine.curves, "gan trial=3"}
        }
        assert f"{arm} trial={best.trial}" == min(whole, key=whole.__getitem__)
        assert best.value == min(whole.values())
        assert float(engine.params[f"{arm} seed=1000"]["model.lr"]) == best.values["model.lr"]
    assert found["vae"].trial == 11


def test_trials_are_pruned_by_the_median_and_never_the_random_ones(search):
    values = {"vae trial=12": 1e6, "vae trial=3": 1e6}
    engine = search.run(search.engine(values=values), trials=16)
    assert engine.curves["vae trial=12"] == [1e6 + 30]
    assert all(int(name.partition("=")[2]) >= 10 for name in engine.curves)
    assert sorted(engine.trials) == labels(16)


def test_trial_better_than_the_median_is_left_alone(search):
    engine = search.run(search.engine(values={"vae trial=12": -1.0}), trials=13)
    assert "vae trial=12" not in engine.curves


def test_random_trials_are_the_same_however_often_the_search_was_stopped(search):
    stopped = search.engine(die_after=5)
    with pytest.raises(Interrupted):
        search.run(stopped, trials=10)
    rest = search.run(trials=10)
    params = {**stopped.params, **rest.params}
    rates = {n: p["model.lr"] for n, p in params.items() if "trial=" in n}
    search.driver().forget()
    whole = search.run(trials=10)
    assert rates == {name: whole.params[name]["model.lr"] for name in whole.trials}
    assert len(set(rates.values())) == 20


def test_more_trials_extend_a_search_and_replace_its_best(search):
    search.run(trials=10)
    values = {f"vae trial={number}": -1e3 for number in range(10, 12)}
    engine = search.run(search.engine(values=values))
    assert sorted(engine.trials) == ["gan trial=10", "gan trial=11", "vae trial=10", "vae trial=11"]
    assert search.driver().best()["vae"].trial == 10
    replaced = [r for r in search.records() if r.tags["role"] == "superseded"]
    assert [r.tags["family"] for r in replaced] == ["vae", "vae"]
    assert all("trial" not in r.tags for r in replaced)


def test_fewer_trials_are_a_subset_and_delete_nothing(search):
    search.run(search.engine(values={"vae trial=11": -1e3}))
    total = len(search.records())
    assert search.run(trials=10).trials == []
    assert roles(search)["search"] == 20
    assert search.driver(trials=10).best()["vae"].trial < 10
    search.run()
    assert roles(search)["search"] == 24
    assert len(search.records()) >= total


def test_best_of_more_trials_counts_again_when_nothing_is_left_to_run(search):
    """Twelve trials, then ten, then twelve: the last command finds everything there."""
    search.run(search.engine(values={"vae trial=11": -1e3}))
    search.run(trials=10)
    assert search.driver().left() == []
    assert search.run().ran == []
    chosen = {run.config.digest for run in search.driver().runs() if run.role == "run"}
    counted = [r.tags["config_digest"] for r in search.records() if r.tags["role"] == "run"]
    assert set(counted) == chosen
    assert roles(search)["search"] == 24


def test_runs_begin_though_a_trial_has_failed_for_good(search):
    results = {"vae trial=1": ending("failed", reason="disk full")}
    engine = search.run(search.engine(results=results))
    assert (
        float(engine.params["vae seed=1000"]["model.lr"])
        == (search.driver().best()["vae"].values["model.lr"])
    )


def test_what_is_not_chosen_yet_stands_in_the_middle_of_its_space(search):
    left = search.driver().left()
    assert len(left) == 29
    assert {round(run.config.model.lr, 6) for run in left if run.stage == "trial"} == {0.003162}


def test_importance_names_its_evaluator_and_finds_the_setting_that_matters(search):
    search.run(trials=24)
    found = json.loads(search.store.facts["bench.importance"])
    assert "PED-ANOVA" in found["evaluator"]
    whole = Counter(
        r.tags["family"]
        for r in search.records()
        if r.tags["role"] == "search" and r.tags["status"] == "ok"
    )
    assert found["trials"] == whole
    for shares in found["values"].values():
        assert sum(shares.values()) == pytest.approx(1)
        assert max(shares, key=shares.__getitem__) == "model.lr"


def test_arm_whose_trials_all_diverged_has_no_runs(search):
    results = {f"gan trial={i}": ending("diverged", reason="nan") for i in range(10)}
    engine = search.run(search.engine(results=results), trials=10)
    assert "gan" not in search.driver(trials=10).best()
    assert [name for name in engine.ran if name.startswith("gan seed")] == []
    assert engine.ran.count("vae seed=1000") == 1


def test_changed_budget_is_another_search(search):
    search.run(trials=10)
    tier = Tier(dataset="digits", settings={"train.num_images": 640})
    other = search.study.model_copy(update={"tiers": {"classroom": tier}})
    assert len(search.run(study=other, trials=10).trials) == 20
    assert roles(search)["search"] == 20


def test_values_stay_within_their_space(search):
    engine = search.run(trials=16)
    for name in engine.trials:
        assert 1e-4 <= float(engine.params[name]["model.lr"]) <= 1e-1
        assert engine.params[name]["model.latent_dim"] in {"2", "4"}
        if name.startswith("gan"):
            assert engine.params[name]["model.depth"] in {"1", "2"}


def test_studies_in_optuna_and_folders_keep_their_names_so_that_old_ones_continue(search):
    search.run(search.engine(slots=1), trials=10)
    names = {one.study_name for one in optuna.get_all_study_summaries(search.storage)}
    assert names == {
        f"made-classroom-digits-{end}" for end in ("bf0970", "vae-a22d69", "gan-aca7d9")
    }
    folders = {path.name for path in search.driver().plan.folder.glob("trial0-*")}
    assert "trial0-4a1664c94362e5de" in folders


KNOWN_FIRST = {"model.lr": 3e-2}


@pytest.fixture
def staged(search):
    """A search in stages that begins with what is known: the study's own, a found one, defaults."""
    tier = search.study.tier("classroom").model_copy(
        update={
            "arms": {"vae": {"model.lr": 1e-2}, "gan": {"model.lr": 1e-2}},
            "known": {"vae": (KNOWN_FIRST,), "gan": (KNOWN_FIRST,)},
        }
    )
    spaces = {
        arm: {**space, "model.latent_dim": Choice(values=(2, 4, 16, 32))}
        for arm, space in search.study.spaces.items()
    }
    spaces["gan"]["model.depth"] = Int(low=1, high=4)
    plan = Search(spaces=spaces, known=True, share=0.25, finalists=2, startup=5)
    update = {"search": plan, "tiers": {"classroom": tier}}
    search.study = search.study.model_copy(update=update)
    search.options["trials"] = 6
    return search


def budgets(engine, kind):
    return {engine.params[name]["train.num_images"] for name in engine.ran if kind in name}


def test_search_begins_with_what_is_known_and_ends_with_it_beside_what_it_found(staged):
    engine = staged.run()
    rates = [engine.params[f"gan trial={i}"]["model.lr"] for i in range(3)]
    assert rates == ["0.01", "0.03", str(configure("gan").model.lr)]
    tags = [r.tags for r in staged.records() if r.tags["role"] == "search"]
    samplers = Counter(t["sampler"] for t in tags)
    assert samplers == {"known": 6, "random": 4, "tpe": 2, "finalist": 6}
    assert (budgets(engine, "trial="), budgets(engine, "finalist=")) == ({"80"}, {"320"})
    assert budgets(engine, " seed=") - {"24000"} == {"320"}  # baselines train nothing
    known = [r for r in staged.records() if r.tags.get("settings") == "known"]
    assert {r.params["model.lr"] for r in known} == {"0.01"}
    assert Counter(r.tags["family"] for r in known) == {"vae": 2, "gan": 2}


def test_what_was_found_is_the_best_on_all_images_and_no_other_trial(staged):
    """The best trial of few images loses to another finalist."""
    values = {"vae trial=4": -10.0, "vae trial=5": -9.0, "vae finalist=5": -99.0}
    engine = staged.run(staged.engine(values=values))
    assert staged.driver().best()["vae"].trial == 5
    chosen = engine.params["vae settings=found seed=1000"]["model.lr"]
    assert chosen == engine.params["vae trial=5"]["model.lr"]


def test_finalist_of_several_seeds_is_held_by_their_mean(staged):
    tier = staged.study.tier("classroom").model_copy(update={"finalist_seeds": 2})
    staged.study = staged.study.model_copy(update={"tiers": {"classroom": tier}})
    values = {"vae trial=4": -10.0, "vae trial=5": -9.0}
    values |= {"vae finalist=4": -50.0, "vae finalist=4 seed=1": -50.0, "vae finalist=5": -99.0}
    engine = staged.run(staged.engine(values=values))
    assert sum("vae finalist=" in name for name in engine.ran) == 6
    assert sum("vae trial=" in name for name in engine.ran) == 6
    best = staged.driver().best()["vae"]
    assert (best.trial, best.value) == (4, -50.0)


def test_search_that_finds_nothing_better_than_what_is_known_runs_that_alone(staged):
    values = {"vae finalist=0": -99.0, "gan finalist=0": -99.0}
    engine = staged.run(staged.engine(values=values))
    assert not [name for name in engine.ran if "settings=found" in name]
    assert engine.ran.count("vae settings=known seed=1000") == 1
    assert staged.driver().left() == []


def test_arm_whose_finalists_all_diverged_is_run_at_what_was_known(staged):
    results = {f"gan finalist={i}": ending("diverged", reason="nan") for i in range(9)}
    engine = staged.run(staged.engine(results=results))
    assert "gan" not in staged.driver().best()
    assert engine.ran.count("gan settings=known seed=1000") == 1
    assert staged.driver().left() == []


def test_search_in_stages_that_is_stopped_anywhere_repeats_and_loses_nothing(staged):
    ran = []
    while staged.driver().left():
        engine = staged.engine(die_after=4)
        with contextlib.suppress(Interrupted):
            staged.run(engine)
        ran += engine.trained
    staged.driver().forget()
    assert sorted(ran) == sorted(staged.run().trained)


def test_trial_of_several_seeds_has_their_mean_and_is_not_pruned(search):
    values = {"vae trial=1": -30.0, "vae trial=1 seed=1": 10.0, "vae trial=0 seed=1": -11.0}
    values |= {"vae trial=0": -11.0}
    engine = search.run(search.engine(values=values), seeds_per_trial=2, trials=2)
    assert len(engine.trials) == 8
    best = search.driver(seeds_per_trial=2, trials=2).best()["vae"]
    assert (best.trial, best.value) == (0, -11.0)
    assert engine.curves == {}


@pytest.mark.parametrize(
    ("update", "said"),
    [
        ({"trials": 2}, "--trials must be at least 3"),
        ({"seeds_per_trial": 0}, "--seeds-per-trial must be in 1..100, got 0"),
    ],
)
def test_search_that_cannot_hold_what_is_known_is_refused(staged, update, said):
    with pytest.raises(UsageError, match=said):
        staged.driver(**update)


def test_known_settings_that_the_search_could_not_choose_are_refused(staged):
    spaces = {**staged.study.spaces, "vae": {"model.lr": LogUniform(low=1e-4, high=2e-3)}}
    narrow = staged.study.search.model_copy(update={"spaces": spaces})
    with pytest.raises(UsageError, match=r"'model.lr' is searched for 'vae' .* widen the range"):
        staged.driver(study=staged.study.model_copy(update={"search": narrow}))


def test_factor_without_values_leaves_nothing_to_choose(grid):
    study = grid.study.model_copy(update={"factors": {"model.depth": ()}})
    plan = grid.driver(study=study).plan
    assert not plan.is_choosing
    assert [run.cell.arm for run in plan.runs()] == ["uniform_noise"]
