"""Warnings by numbers that runs on digits have shown."""

import dataclasses
import json

import pytest
import torch
from measured_runs import MEASURED

from bench.config import known_keys
from bench.contracts import NullLogger
from bench.models import MODELS, configure
from bench.records import HealthWarning, RunTags, TrialResult
from bench.tracking.mlflow import LONGEST_TAG
from bench.training.health import Diagnostics
from bench.training.health_checks import CHECKS, examine
from bench.training.parts import build, reference_data
from bench.training.run import Run


def diagnostics_of(command):
    """What a measured run is judged by: four logs, one for each quarter."""
    seen = MEASURED[command]
    reference, *values = command.split()
    settings = configure(reference, dict(value.split("=") for value in values)).flat()
    name, loss, before, after = seen.loss
    logs = [
        {
            "generator_gradient_norm": seen.gradient,
            "opponent_gradient_norm": seen.peak if quarter == 0 else 1.0,
            name: loss,
            f"{name}_sd": before if quarter < 2 else after,
        }
        for quarter in range(4)
    ]
    if seen.accuracy is not None:
        logs[-1]["discriminator_accuracy"] = seen.accuracy
    if seen.clipped is not None:
        logs[-1]["clipped_share"] = seen.clipped
    if name == "critic_loss":
        logs[-1]["critic_gradient_norm"] = 1.0
    val = {}
    if seen.modes is not None:
        trained, evaluated = seen.modes
        val["train_mode_fd_digits_n297"], val["eval_mode_fd_digits_n297"] = trained, evaluated
    if seen.active is not None:
        val["active_units"] = seen.active
    role = name.removesuffix("_loss")
    return Diagnostics(
        status=seen.status,
        roles={"generator": "samples", "opponent": "discriminator", role: role},
        reason="it has collapsed" if seen.status == "collapsed" else "",
        logs=logs,
        curve=seen.curve,
        val=val,
        settings=settings,
    )


@pytest.mark.parametrize("command", MEASURED)
def test_runs_have_the_warnings_that_their_numbers_call_for(command):
    found = examine(diagnostics_of(command))
    assert tuple(warning.kind for warning in found) == MEASURED[command].warnings


def test_every_warning_but_those_of_ends_copies_and_modes_was_seen_in_a_broken_run():
    seen = {kind for run in MEASURED.values() for kind in run.warnings}
    assert set(CHECKS) - seen == {"diverged", "copying", "train_mode_gap"}


def healthy(**changes):
    """The default GAN's diagnostics with other fields."""
    seen = diagnostics_of("gan")
    return dataclasses.replace(seen, **changes)


def kinds(run):
    return [warning.kind for warning in examine(run)]


def test_diverged_run_is_told_to_lower_its_rate():
    (warning,) = examine(
        Diagnostics(status="diverged", reason="not finite", settings={"model.lr": 1})
    )
    assert str(warning) == "not finite: lower lr (1)"


def test_memoriser_would_be_called_a_copier_and_a_collapsed_run_is_not():
    # What the memoriser of 1,000 digits shows: each sample is a training image.
    val = {"copied": 1.0, "copied_low": 0.977}
    assert kinds(healthy(val=val)) == ["copying"]
    collapsed = healthy(val=val, status="collapsed", reason="it has collapsed")
    assert kinds(collapsed) == ["collapsed"]


@pytest.mark.parametrize("curve", [(), (9.0,), (9.0, 1.0), (9.0, 4.0, 3.5), (4.0, 9.0, 1.0)])
def test_budget_is_too_small_only_where_two_validations_in_a_row_fell(curve):
    assert kinds(healthy(curve=curve)) == []


@pytest.mark.parametrize(
    ("trained", "evaluated", "warned"),
    [(739.0, 1096.0, True), (1096.0, 739.0, True), (900.0, 1096.0, False), (739.0, None, False)],
)
def test_modes_are_judged_by_their_distances_to_real_images(trained, evaluated, warned):
    # A VAE with batch norm on MNIST: 38 apart from each other, and 357 in what they are judged by.
    val = {"train_mode_gap_mnist_n2000": 38.0, "train_mode_fd_mnist_n2000": trained}
    if evaluated is not None:
        val["eval_mode_fd_mnist_n2000"] = evaluated
    found = examine(healthy(val=val))
    assert [one.kind for one in found] == ["train_mode_gap"] * warned
    if warned:
        assert found[0].sentence.startswith(
            f"the distance of samples to real images is {trained:,.0f} in training mode and "
            f"{evaluated:,.0f} in evaluation mode"
        )


def test_what_was_not_measured_is_not_judged():
    assert examine(Diagnostics(status="ok", logs=[{"loss": 1.0}])) == []


def test_warning_shows_the_value_the_threshold_and_the_setting_with_its_value():
    (_, strong) = examine(diagnostics_of("gan n_critic=20"))
    assert strong.sentence == "the discriminator tells 99.6% of the images apart, more than 90%"
    assert strong.turn == "lower n_critic (20) or raise r1_weight (0.0)"


def test_collapsed_run_is_told_first_to_follow_its_other_warnings():
    collapsed, _ = examine(diagnostics_of("gan n_critic=20"))
    assert collapsed.turn == (
        "what the other warnings name, else change lr (0.001) or raise num_images (24000)"
    )
    (alone,) = examine(healthy(status="collapsed", reason="it has collapsed"))
    assert alone.turn == "change lr (0.001) or raise num_images (24000)"


@pytest.mark.parametrize("command", [c for c, run in MEASURED.items() if run.warnings])
def test_every_setting_that_a_warning_names_exists(command):
    known = {
        key.partition(".")[2] for _, kind in MODELS.items() for key in known_keys(kind.settings)
    }
    run = diagnostics_of(command)
    for kind in MEASURED[command].warnings:
        _, options = CHECKS[kind](run)
        assert {option.split()[1] for option in options} <= known
        assert run.advice(*options), f"{kind} of {command} names nothing that can be turned"


def test_peak_of_a_penalty_that_comes_and_goes_is_none_of_the_gradients():
    logs = [{"r1_gradient_norm": norm} for norm in (1e6, 1.0, 1.0, 1.0)]
    assert examine(Diagnostics(status="ok", roles={"r1": "penalty"}, logs=logs)) == []
    kinds = [
        one.kind for one in examine(Diagnostics(status="ok", roles={"r1": "samples"}, logs=logs))
    ]
    assert kinds == ["gradient_exploding"]


@pytest.mark.parametrize(("role", "warned"), [("samples", True), ("critic", False)])
def test_gradient_of_a_model_of_no_known_kind_is_judged_by_its_role(role, warned):
    logs = [{"flow_gradient_norm": 1e-9}] * 4
    found = examine(Diagnostics(status="ok", roles={"flow": role}, logs=logs))
    assert [one.kind for one in found] == ["gradient_vanishing"] * warned


@pytest.mark.parametrize(
    ("reference", "roles"),
    [
        ("vae", {"vae": "samples"}),
        ("gan", {"discriminator": "discriminator", "generator": "samples"}),
        ("wgan", {"critic": "critic", "generator": "samples"}),
        (
            "vae_gan",
            {"encoder": "encoder", "decoder": "samples", "discriminator": "discriminator"},
        ),
    ],
)
def test_models_say_the_roles_of_their_phases(reference, roles):
    data = reference_data("digits", "auto", torch.device("cpu"))
    assert {phase.name: phase.role for phase in build(configure(reference), data).phases} == roles


def test_penalty_has_its_role():
    data = reference_data("digits", "auto", torch.device("cpu"))
    phases = build(configure("gan", {"r1_weight": 1}), data).phases
    assert {phase.name: phase.role for phase in phases}["r1"] == "penalty"


def test_tag_of_all_warnings_at_once_is_whole():
    # One that has diverged is measured no more, none is both strong and weak, a collapsed one
    # is not asked for copies.
    possible = CHECKS.keys() - {"diverged", "discriminator_weak", "copying"}
    everything = [
        HealthWarning(kind=kind, sentence="x" * 160, turn="y" * 120) for kind in sorted(possible)
    ]
    text = TrialResult(status="ok", warnings=everything).tags()["health"]
    assert len(text) <= LONGEST_TAG
    assert RunTags.from_tags({"health": text}).warnings == tuple(everything)
    assert TrialResult(status="ok", warnings=[]).tags()["health"] == "ok"
    assert "health" not in TrialResult(status="ok").tags()


@pytest.mark.parametrize("command", [c for c, run in MEASURED.items() if run.warnings])
def test_sentences_are_short_enough_for_the_tag(command):
    for warning in examine(diagnostics_of(command)):
        assert len(warning.sentence) <= 160
        assert len(warning.turn) <= 120


def test_result_with_warnings_reads_back_and_one_of_an_older_version_has_none():
    warning = HealthWarning(kind="copying", sentence="a", turn="b")
    result = TrialResult(status="ok", warnings=[warning])
    assert TrialResult.from_json(json.loads(json.dumps(result.to_json()))) == result
    older = {key: value for key, value in result.to_json().items() if key != "warnings"}
    assert TrialResult.from_json(older).warnings is None


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        *("gan", "wgan", "vae", "vae_gan"),
        *(
            "gan lr=0.05",
            "gan lr=0.00001",
            "wgan clip_value=0.001",
            "vae stack_norm=batch kl_weight=50",
        ),
    ],
)
def test_trained_run_has_the_warnings_of_the_table(command, tmp_path):
    reference, *values = command.split()
    config = configure(reference, dict(value.split("=") for value in values))
    data = reference_data("digits", "auto", torch.device("cpu"))
    result = Run(config=config, reference=data, folder=tmp_path, logger=NullLogger()).execute()
    # Other sums round otherwise, and a game goes its own way from there: kinds, not numbers.
    assert tuple(warning.kind for warning in result.warnings) == MEASURED[command].warnings
