"""One run: its result, its stop and its continuation; what a trial never reads."""

import dataclasses
import itertools
import json
import math

import pytest
import torch
from training_runs import small

from bench.contracts import NullLogger
from bench.errors import Interrupted
from bench.files import read_record
from bench.models import configure
from bench.records import TrialResult
from bench.runtime import prepare
from bench.testing import Recorder
from bench.training import run as run_module
from bench.training.checkpoint import BEST, LAST, STOPPED
from bench.training.health_checks import examine
from bench.training.parts import build, reference_data
from bench.training.run import Run

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def reference():
    return reference_data("digits", "auto", CPU)


def stopping_at(ask):
    """Says stop when it is asked for the n-th time, and counts how often it was asked."""
    asked = itertools.count()
    return lambda: next(asked) == ask


def begun(config, reference, folder, logger, ask=-1, **more):
    return Run(
        config=config,
        reference=reference,
        folder=folder,
        logger=logger,
        should_stop=stopping_at(ask),
        **more,
    )


def without_seconds(result):
    return {k: v for k, v in result.metrics.items() if not k.endswith("_seconds")}


@pytest.mark.parametrize("stage", ["run", "trial"])
def test_run_stopped_wherever_it_asks_continues_to_the_same_bits_and_curves(
    tmp_path, reference, stage
):
    """Between steps, in a validation, in its pictures, and in what is measured at the end."""
    config = small("wgan", num_images=160, num_logs=4, num_validations=2)
    whole, asked = Recorder(), []
    undisturbed = Run(
        config=config,
        reference=reference,
        folder=tmp_path / "whole",
        logger=whole,
        stage=stage,
        should_stop=lambda: bool(asked.append(None)),
    ).execute()
    for ask in range(1, len(asked), len(asked) // 3):
        log, folder = Recorder(), tmp_path / str(ask)
        with pytest.raises(Interrupted):
            begun(config, reference, folder, log, ask, stage=stage).execute()
        again = begun(config, reference, folder, log, stage=stage)
        result = again.execute()
        assert without_seconds(result) == without_seconds(undisturbed)
        assert result.warnings == undisturbed.warnings
        assert len(again.progress.curve) == 2
        for name, points in whole.curves.items():
            if name.startswith("train/"):
                assert log.curves[name] == points
            if not name.endswith("_seconds"):
                # The last validation is told before the rest of the end is measured.
                assert list(dict.fromkeys(log.curves[name])) == list(dict.fromkeys(points))


def test_stop_while_a_validation_is_due_keeps_the_training_before_it(tmp_path, reference):
    config = small(num_images=160, num_logs=2, num_validations=2)
    run = begun(config, reference, tmp_path, Recorder())
    run.should_stop = lambda: run.trainer.logs_done == 1  # which is asked in the validation then
    with pytest.raises(Interrupted, match="pieces"):
        run.execute()
    said = read_record(tmp_path / STOPPED, kind="stop", key=tmp_path.name)
    assert (said["images_seen"], said["num_images"]) == (run.trainer.images_seen, 160)
    again = begun(config, reference, tmp_path, log := Recorder(), 0)
    with pytest.raises(Interrupted):  # before it has measured anything
        again.execute()
    assert again.progress.validating
    assert again.trainer.logs_done == 1
    assert log.curves == {}
    begun(config, reference, tmp_path, Recorder()).execute()
    assert not (tmp_path / STOPPED).exists()


def test_evaluation_with_little_memory_goes_on_in_smaller_pieces(tmp_path, reference, monkeypatch):
    config = small("gan", num_images=160, num_logs=2, num_validations=2)
    whole = Run(config=config, reference=reference, folder=tmp_path / "a", logger=NullLogger())
    whole = whole.execute()

    def built(config, reference):
        trainable = build(config, reference)
        decode = trainable.eval_fns.decode

        def limited(nets, z, labels):
            if len(z) > 450:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return decode(nets, z, labels)

        fns = dataclasses.replace(trainable.eval_fns, decode=limited)
        return dataclasses.replace(trainable, eval_fns=fns)

    monkeypatch.setattr(run_module, "build", built)
    log = Recorder()
    run = Run(config=config, reference=reference, folder=tmp_path / "b", logger=log)
    assert without_seconds(run.execute()) == without_seconds(whole)
    assert log.named["eval_pieces"] == "1/4"


def test_warnings_of_a_stopped_run_are_of_the_whole_training(tmp_path, reference):
    # Nothing moves the generator of a critic as tight as this: its gradient vanishes at once.
    config = small("wgan", clip_value=1e-4)
    for ask in (1, 13):
        folder = tmp_path / str(ask)
        with pytest.raises(Interrupted):
            begun(config, reference, folder, NullLogger(), ask).execute()
        again = begun(config, reference, folder, NullLogger())
        result = again.execute()
        assert len(again.progress.logs) == config.train.num_logs
        assert len(again.progress.curve) == config.train.num_validations
        kinds = {warning.kind for warning in result.warnings}
        assert {"gradient_vanishing", "clip_saturated"} <= kinds


def test_warnings_are_kept_in_the_result_and_in_a_tag(tmp_path, reference):
    config = small("wgan", clip_value=1e-4)
    log = Recorder()
    result = Run(config=config, reference=reference, folder=tmp_path, logger=log).execute()
    assert [one["kind"] for one in json.loads(log.named["health"])] == [
        warning.kind for warning in result.warnings
    ]
    again = Recorder()
    assert (
        Run(config=config, reference=reference, folder=tmp_path, logger=again).execute() == result
    )
    assert again.named["health"] == log.named["health"]


def test_warnings_read_no_test_value(tmp_path, reference):
    """The test split used for validation (protocol.md, pitfalls and rule 2)."""
    run = Run(config=small("gan"), reference=reference, folder=tmp_path, logger=NullLogger())
    run.execute()
    run.progress.logs = [{"generator_gradient_norm": 1.0}]
    run.progress.curve = [1.0, 1.0]
    bad = {
        "copied": 1.0,
        "copied_low": 1.0,
        "train_mode_fd_digits_n297": 9.0,
        "eval_mode_fd_digits_n297": 1.0,
    }

    def warned(split):
        metrics = {f"{split}/{name}": value for name, value in bad.items()}
        return examine(run.diagnostics(TrialResult(status="ok", metrics=metrics)))

    assert [warning.kind for warning in warned("val")] == ["train_mode_gap", "copying"]
    assert warned("test") == warned("test_best") == []


def test_diverged_run_has_a_warning_and_a_baseline_is_not_judged(tmp_path, reference):
    config = small("gan", lr=1e18, num_validations=1, num_logs=2)
    run = Run(config=config, reference=reference, folder=tmp_path / "a", logger=NullLogger())
    (warning,) = run.execute().warnings
    assert (warning.kind, warning.turn) == ("diverged", "lower lr (1e+18)")
    log = Recorder()
    run = Run(config=small("uniform_noise"), reference=reference, folder=tmp_path / "b", logger=log)
    assert run.execute().warnings is None
    assert "health" not in log.named


def test_algorithms_that_repeat_change_no_bit_on_a_cpu(tmp_path, reference):
    found = []
    for deterministic in (False, True):
        prepare(deterministic=deterministic)
        folder = tmp_path / str(deterministic)
        run = Run(config=small(), reference=reference, folder=folder, logger=NullLogger())
        found.append(without_seconds(run.execute()))
    prepare()
    assert found[0] == found[1]


def test_run_killed_before_its_checkpoint_starts_again_to_the_same_bits(tmp_path, reference):
    config = small()
    whole = Run(
        config=config, reference=reference, folder=tmp_path / "a", logger=NullLogger()
    ).execute()

    class Killed(BaseException):
        pass

    def kill():
        raise Killed

    with pytest.raises(Killed):
        Run(
            config=config,
            reference=reference,
            folder=tmp_path / "b",
            logger=NullLogger(),
            should_stop=kill,
        ).execute()
    assert not (tmp_path / "b" / LAST).exists()
    result = Run(
        config=config, reference=reference, folder=tmp_path / "b", logger=NullLogger()
    ).execute()
    assert result.value == whole.value


def test_finished_run_is_not_run_again(tmp_path, reference):
    config = small(num_images=320)
    first = Run(config=config, reference=reference, folder=tmp_path, logger=NullLogger()).execute()

    def never():
        raise AssertionError("it trains again")

    again = Run(
        config=config, reference=reference, folder=tmp_path, logger=NullLogger(), should_stop=never
    ).execute()
    assert again == first


def test_diverged_run_has_a_reason_and_no_value(tmp_path, reference):
    config = small("gan", lr=1e18, num_validations=1, num_logs=2)
    log = Recorder()
    result = Run(config=config, reference=reference, folder=tmp_path, logger=log).execute()
    assert result.status == "diverged"
    assert result.value is None
    assert "not finite" in result.reason
    assert log.named["status"] == "diverged"


def test_baseline_is_measured_like_a_model_without_training(tmp_path, reference):
    log = Recorder()
    run = Run(
        config=small("memoriser", floors=True), reference=reference, folder=tmp_path, logger=log
    )
    result = run.execute()
    assert result.metrics["cost/images_seen"] == 0
    assert ("samples", 0) in {(name, step) for name, step, _ in log.drawn}
    floor = result.metrics["test/floor_train_fd_digits_n500"]
    spread = result.metrics["test/floor_train_fd_digits_n500_sd"]
    # The memoriser shows train images: it must lie where the floor lies.
    assert abs(result.metrics["test/fd_digits_n500"] - floor) < 4 * spread


def test_baselines_stand_in_their_order_of_quality(tmp_path, reference):
    values = {
        name: Run(
            config=small(name), reference=reference, folder=tmp_path / name, logger=NullLogger()
        )
        .execute()
        .value
        for name in ("memoriser", "pixel_gaussian", "uniform_noise")
    }
    assert values["memoriser"] < values["pixel_gaussian"] < values["uniform_noise"]


def test_finished_run_tells_its_result_to_a_store_that_does_not_know_it(tmp_path, reference):
    config = small("uniform_noise")
    Run(config=config, reference=reference, folder=tmp_path, logger=NullLogger()).execute()
    log = Recorder()
    result = Run(config=config, reference=reference, folder=tmp_path, logger=log).execute()
    assert log.named["status"] == "collapsed"
    assert log.curves["val/fd_digits_n297"] == [(0, result.value)]


@pytest.mark.mnist
@pytest.mark.slow
def test_mlp_vae_reaches_the_elbo_of_a_plain_loop_on_mnist(tmp_path):
    # A plain loop over 784-400-20 reached -102.6 nats after 10 epochs.
    config = configure("vae_mlp", {"dataset": "mnist", "num_images": 540_000, "num_validations": 1})
    reference = reference_data("mnist", "auto", CPU)
    result = Run(config=config, reference=reference, folder=tmp_path, logger=NullLogger()).execute()
    assert result.metrics["test/elbo_bernoulli_resampled"] > -105


def test_run_measures_last_and_best_on_test_and_curves_on_validation(tmp_path, reference):
    log = Recorder()
    result = Run(config=small(), reference=reference, folder=tmp_path, logger=log).execute()
    assert result.primary == "fd_digits_n297"
    assert result.value == result.metrics["val/fd_digits_n297"]
    wanted = {"test/fd_digits_n297", "test/fd_digits_n500", "test_best/fd_digits_n500"}
    assert wanted <= set(result.metrics)
    assert "test/elbo_bernoulli_resampled" in result.metrics
    steps = [step for step, _ in log.curves["val/fd_digits_n297"]]
    assert steps == [160, 320, 480, 640, 640]  # the last one stands in the result as well
    worked = log.curves["cost/processor_seconds"]
    assert [step for step, _ in worked] == steps
    assert 0 < worked[0][1] < worked[1][1] < worked[2][1] < worked[3][1] == worked[4][1]
    assert log.named["test_reads"] == "1"
    assert log.named["passport"] == "bernoulli_resampled"


def test_processor_seconds_are_told_only_where_all_of_them_were_counted(tmp_path, reference):
    config = small(num_images=160, num_logs=2, num_validations=2)
    run = begun(config, reference, tmp_path, NullLogger())
    run.should_stop = lambda: run.trainer.logs_done == 1
    with pytest.raises(Interrupted):
        run.execute()
    assert run.progress.processor_seconds > 0
    run.progress.processor_seconds = math.nan  # as where a part of it trained on a GPU
    run._save()
    result = begun(config, reference, tmp_path, log := Recorder()).execute()
    assert "cost/processor_seconds" not in log.curves
    assert "cost/processor_seconds" not in result.metrics
    assert result.metrics["cost/train_seconds"] > 0


def test_best_state_is_the_one_with_the_lowest_validation_distance(tmp_path, reference):
    log = Recorder()
    result = Run(config=small("gan"), reference=reference, folder=tmp_path, logger=log).execute()
    curve = log.curves["val/fd_digits_n297"][:-1]
    best = min(curve, key=lambda point: point[1])
    assert result.metrics["test_best/images_seen"] == best[0]
    assert (tmp_path / BEST).exists()


def test_model_without_a_likelihood_is_not_applicable_for_the_elbo(tmp_path, reference):
    result = Run(
        config=small("gan"), reference=reference, folder=tmp_path, logger=NullLogger()
    ).execute()
    assert result.not_applicable["elbo"] == "the model has no likelihood"
    assert not [name for name in result.metrics if "elbo" in name]


def test_noise_that_covers_few_classes_is_called_collapsed(tmp_path, reference):
    run = Run(
        config=small("uniform_noise"), reference=reference, folder=tmp_path, logger=NullLogger()
    )
    result = run.execute()
    assert result.status == "collapsed"
    assert "classes" in result.reason
    assert result.value is not None


def test_fewer_images_than_features_have_no_distance_and_the_reason_says_so(tmp_path, reference):
    config = small("uniform_noise", max_samples=20)
    result = Run(config=config, reference=reference, folder=tmp_path, logger=NullLogger()).execute()
    assert result.value is None
    assert result.not_applicable["frechet"].startswith("20 images are too few for 32 features")


class Sealed:
    """Reference data whose test split has a size and nothing that could be read."""

    def __init__(self, reference):
        self._reference = reference

    def __getattr__(self, name):
        return getattr(self._reference, name)

    def images(self, split):
        images = self._reference.images(split)
        return images.to("meta") if split == "test" else images


def trial(folder, reference, log, should_prune, model="vae"):
    return Run(
        config=small(model),
        reference=reference,
        folder=folder,
        logger=log,
        stage="trial",
        should_prune=should_prune,
    )


@pytest.mark.parametrize("model", ["vae", "wgan"])
def test_trial_of_a_search_never_opens_the_test_split(tmp_path, reference, model):
    log, asked = Recorder(), []
    judge = lambda curve: asked.append(list(curve))  # noqa: E731 - None is no reason to end
    result = trial(tmp_path, Sealed(reference), log, judge, model).execute()
    curve = [value for _, value in log.curves["val/fd_digits_n297"][:4]]
    assert asked == [curve[:1], curve[:2], curve[:3]]
    assert result.value == curve[-1]
    assert result.status in {"ok", "collapsed"}
    assert not [name for name in result.metrics if name.startswith("test")]
    assert "test_reads" not in log.named
    assert not (tmp_path / "test_reads").exists()
    assert log.drawn == []


def test_trial_has_the_validation_values_of_the_run_it_would_have_been(tmp_path, reference):
    log = Recorder()
    run = Run(
        config=small(), reference=reference, folder=tmp_path / "a", logger=NullLogger()
    ).execute()
    result = trial(tmp_path / "b", reference, log, lambda _: False).execute()
    values = {name: value for name, value in result.metrics.items() if name.startswith("val/")}
    assert {"val/classes", "val/spread", "val/active_units"} <= values.keys()
    assert values == {name: run.metrics[name] for name in values}
    assert result.status == run.status


def test_pruned_trial_ends_where_it_is_told_to(tmp_path, reference):
    log = Recorder()
    result = trial(tmp_path, reference, log, lambda curve: len(curve) == 2).execute()
    assert result.status == log.named["status"] == "pruned"
    assert result.value == log.curves["val/fd_digits_n297"][1][1]
    assert result.metrics["cost/images_seen"] == 320
    again = trial(tmp_path, reference, NullLogger(), lambda _: False)
    assert again.execute() == result


def test_trial_killed_while_it_waits_for_an_answer_asks_again(tmp_path, reference):
    def killed(curve):
        raise Interrupted("killed")

    with pytest.raises(Interrupted):
        trial(tmp_path, reference, NullLogger(), killed).execute()
    whole = trial(tmp_path / "whole", reference, NullLogger(), lambda _: False).execute()
    asked = []
    log = Recorder()
    continued = trial(tmp_path, reference, log, lambda curve: asked.append(len(curve)) is not None)
    assert continued.execute().value == whole.value
    assert asked == [2, 3]
