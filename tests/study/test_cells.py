"""Cells of other depths with as many parameters, counted on models that are really built."""

import pytest

from bench import datasets
from bench.cli.preview import matched_line
from bench.errors import UsageError
from bench.models import configure, find
from bench.modules import count_parameters
from bench.plan.files import load_study
from bench.plan.study import Arm, Study, Tier
from bench.study.cells import full_overrides, matched_deviation, nearest_width, parameters_of
from bench.study.plan import resolve

SPEC = datasets.load("digits").spec


def plan_of(study, *overrides):
    return resolve(study, tier="classroom", seeds=1, device="cpu", overrides=overrides)


def built(config):
    return count_parameters(find(config.name)[1].build(config.model, SPEC).modules)


@pytest.mark.parametrize("wanted", [0, 1, 30, 31, 999, 5_000, 10**9])
def test_nearest_width_is_the_best_of_all(wanted):
    def count(width):
        return 3 * width * width + 7

    width = nearest_width(count, wanted)
    assert abs(count(width) - wanted) == min(abs(count(w) - wanted) for w in range(1, 513))


@pytest.mark.parametrize("model", ["vae", "gan", "wgan", "vae_gan", "cgan"])
def test_parameters_are_counted_without_building_as_of_a_built_model(model):
    config = configure(model, {"model.depth": 2, "model.width": 6})
    assert parameters_of(config, SPEC) == built(config)


def test_every_depth_has_the_parameters_of_the_reference_but_for_a_few_percent():
    study = load_study("depth_sweep_equal")
    runs = [run for run in plan_of(study).runs() if not run.cell.baseline]
    assert len(runs) == 20
    counts = {(run.cell.arm, run.config.model.depth): built(run.config) for run in runs}
    shares = [abs(count / counts[arm, 3] - 1) for (arm, _), count in counts.items()]
    assert max(shares) == pytest.approx(matched_deviation(study, plan_of(study).identity, SPEC))
    assert 0 < max(shares) < 0.03
    assert {run.config.model.width for run in runs if run.config.model.depth == 3} == {16}
    assert matched_line(plan_of(study)).endswith("of depth=3: at most 1.9% from them")
    assert any("within 1.9 % on digits" in note for note in study.notes)


def test_width_on_the_command_line_is_that_of_the_reference():
    study = load_study("depth_sweep_equal")
    runs = plan_of(study, "width=4").runs()
    widths = {
        run.config.model.depth: run.config.model.width for run in runs if run.cell.arm == "gan"
    }
    assert widths[3] == 4
    assert widths[1] > 4 > widths[5]


def test_study_that_holds_nothing_keeps_the_width_it_says():
    study = load_study("depth_sweep")
    runs = plan_of(study).runs()
    assert {run.config.model.width for run in runs if not run.cell.baseline} == {16}
    assert matched_line(plan_of(study)) == ""


def test_model_without_a_width_is_refused():
    study = load_study("depth_sweep_equal")
    arm = study.arms[0].model_copy(update={"model": "vae_mlp"})
    with pytest.raises(UsageError, match="unknown key"):
        plan_of(study.model_copy(update={"arms": (arm,)})).runs()


@pytest.mark.parametrize(
    ("factors", "settings", "sentence"),
    [
        ({"model.depth": (2, 3)}, {}, "lacks a factor of the study: unknown key 'model.depth'"),
        ({}, {"model.n_critic": 2}, "lacks a setting of the study: unknown key 'model.n_critic'"),
    ],
)
def test_key_that_a_model_does_not_have_is_told_with_the_arm(factors, settings, sentence):
    study = Study(
        name="mine",
        question="Which?",
        arms=(Arm(name="mine", model="vae_mlp", settings=settings),),
        factors=factors,
        tiers={"classroom": Tier(dataset="digits")},
    )
    with pytest.raises(UsageError, match=rf"arm 'mine' \(model 'vae_mlp'\) {sentence}"):
        plan_of(study).runs()


@pytest.mark.parametrize("hold", [{}, {"model.depth": 7}, {"model.latent_dim": 8}])
def test_reference_is_a_cell_of_the_grid(hold):
    study = dict(load_study("depth_sweep"))
    with pytest.raises(ValueError, match="hold_parameters names values of factors"):
        Study(**{**study, "hold_parameters": hold})


@pytest.mark.parametrize("key", ["width", "model.width"])
def test_two_spellings_of_an_override_are_one_identity(key):
    study = load_study("depth_sweep")
    assert full_overrides(study, "classroom", {key: "3"}) == {"model.width": "3"}


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        ("depth", "'model.depth' is a factor of this study"),
        ("seed", "'train.seed' has an option of its own: use --seeds"),
        ("data.dataset", "use --dataset instead of --set"),
        ("widht", "unknown key 'widht': did you mean 'width'"),
    ],
)
def test_override_that_cannot_be_one_is_refused(key, sentence):
    with pytest.raises(UsageError, match=sentence):
        plan_of(load_study("depth_sweep"), f"{key}=1").runs()


def test_override_applies_to_the_models_that_know_it():
    study = load_study("depth_sweep")
    runs = {r.cell.arm: r.config for r in plan_of(study, "kl_weight=4").runs()}
    assert runs["vae"].model.kl_weight == 4
    plain = {r.cell.arm: r.config for r in plan_of(study).runs()}
    assert runs["gan"] == plain["gan"]
