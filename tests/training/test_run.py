"""One run: its result, its stop and its continuation."""

import json

import pytest
import torch
from training_runs import small

from bench.contracts import NullLogger
from bench.errors import Interrupted
from bench.models import configure
from bench.records import TrialResult
from bench.testing import Recorder
from bench.training.checkpoint import LAST
from bench.training.health_checks import examine
from bench.training.run import Run, diagnostics_of, held_data

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def held():
    return held_data("digits", "auto", CPU)


def test_stopped_run_continues_to_the_same_bits(tmp_path, held):
    config = small("wgan")
    whole = Run(config=config, held=held, folder=tmp_path / "a", logger=NullLogger()).execute()
    for stop_at in (1, 2, 5):
        asked = iter(range(100))

        def should_stop(asked=asked, stop_at=stop_at):
            return next(asked) == stop_at

        run = Run(
            config=config,
            held=held,
            folder=tmp_path / "b",
            logger=NullLogger(),
            should_stop=should_stop,
        )
        if stop_at < 5:
            with pytest.raises(Interrupted, match="stopped at"):
                run.execute()
    result = Run(config=config, held=held, folder=tmp_path / "b", logger=NullLogger()).execute()
    timing = {name for name in whole.metrics if name.endswith("_seconds")}
    for name in whole.metrics.keys() - timing:
        assert result.metrics[name] == whole.metrics[name], name
    assert result.warnings == whole.warnings


def test_warnings_of_a_stopped_run_are_of_the_whole_training(tmp_path, held):
    # Nothing moves the generator of a critic as tight as this: its gradient vanishes at once.
    config = small("wgan", clip_value=1e-4)
    logs = config.train.num_logs
    for stop_at in (0, logs // 2, logs - 2):
        asked = iter(range(logs))
        folder = tmp_path / str(stop_at)

        def should_stop(asked=asked, stop_at=stop_at):
            return next(asked) == stop_at

        run = Run(
            config=config, held=held, folder=folder, logger=NullLogger(), should_stop=should_stop
        )
        with pytest.raises(Interrupted):
            run.execute()
        again = Run(config=config, held=held, folder=folder, logger=NullLogger())
        result = again.execute()
        assert len(again.state.progress.logs) == logs
        assert len(again.state.progress.curve) == config.train.num_validations
        kinds = {warning.kind for warning in result.warnings}
        assert {"gradient_vanishing", "clip_saturated"} <= kinds


def test_warnings_are_kept_in_the_result_and_in_a_tag(tmp_path, held):
    config = small("wgan", clip_value=1e-4)
    log = Recorder()
    result = Run(config=config, held=held, folder=tmp_path, logger=log).execute()
    assert [one["kind"] for one in json.loads(log.named["health"])] == [
        warning.kind for warning in result.warnings
    ]
    again = Recorder()
    assert Run(config=config, held=held, folder=tmp_path, logger=again).execute() == result
    assert again.named["health"] == log.named["health"]


def test_warnings_read_no_test_value(tmp_path, held):
    """The test split used for validation (protocol.md, pitfalls and rule 2)."""
    run = Run(config=small("gan"), held=held, folder=tmp_path, logger=NullLogger())
    run.execute()
    run.state.progress.logs = [{"generator_gradient_norm": 1.0}]
    run.state.progress.curve = [1.0, 1.0]
    bad = {"copying": 1.0, "copying_low": 1.0, "train_mode_gap_digits_n297": 1e9}

    def warned(split):
        metrics = {f"{split}/{name}": value for name, value in bad.items()}
        return examine(diagnostics_of(run.state, TrialResult(status="ok", metrics=metrics)))

    assert [warning.kind for warning in warned("val")] == ["train_mode_gap", "copying"]
    assert warned("test") == warned("test_best") == []


def test_diverged_run_has_a_warning_and_a_baseline_is_not_judged(tmp_path, held):
    config = small("gan", lr=1e18, num_validations=1, num_logs=2)
    run = Run(config=config, held=held, folder=tmp_path / "a", logger=NullLogger())
    (warning,) = run.execute().warnings
    assert (warning.kind, warning.turn) == ("diverged", "lower lr (1e+18)")
    log = Recorder()
    run = Run(config=small("uniform_noise"), held=held, folder=tmp_path / "b", logger=log)
    assert run.execute().warnings is None
    assert "health" not in log.named


def test_run_killed_before_its_checkpoint_starts_again_to_the_same_bits(tmp_path, held):
    config = small()
    whole = Run(config=config, held=held, folder=tmp_path / "a", logger=NullLogger()).execute()

    class Killed(BaseException):
        pass

    def kill():
        raise Killed

    with pytest.raises(Killed):
        Run(
            config=config,
            held=held,
            folder=tmp_path / "b",
            logger=NullLogger(),
            should_stop=kill,
        ).execute()
    assert not (tmp_path / "b" / LAST).exists()
    result = Run(config=config, held=held, folder=tmp_path / "b", logger=NullLogger()).execute()
    assert result.value == whole.value


def test_finished_run_is_not_run_again(tmp_path, held):
    config = small(num_images=320)
    first = Run(config=config, held=held, folder=tmp_path, logger=NullLogger()).execute()

    def never():
        raise AssertionError("it trains again")

    again = Run(
        config=config, held=held, folder=tmp_path, logger=NullLogger(), should_stop=never
    ).execute()
    assert again == first


def test_diverged_run_has_a_reason_and_no_value(tmp_path, held):
    config = small("gan", lr=1e18, num_validations=1, num_logs=2)
    log = Recorder()
    result = Run(config=config, held=held, folder=tmp_path, logger=log).execute()
    assert result.status == "diverged"
    assert result.value is None
    assert "not finite" in result.reason
    assert log.named["status"] == "diverged"


def test_baseline_is_measured_like_a_model_without_training(tmp_path, held):
    log = Recorder()
    run = Run(config=small("memoriser", floors=True), held=held, folder=tmp_path, logger=log)
    result = run.execute()
    assert result.metrics["cost/images_seen"] == 0
    assert ("samples", 0) in {(name, step) for name, step, _ in log.drawn}
    floor = result.metrics["test/floor_train_fd_digits_n500"]
    spread = result.metrics["test/floor_train_fd_digits_n500_sd"]
    # The memoriser shows train images: it must lie where the floor lies.
    assert abs(result.metrics["test/fd_digits_n500"] - floor) < 4 * spread


def test_baselines_stand_in_their_order_of_quality(tmp_path, held):
    values = {
        name: Run(config=small(name), held=held, folder=tmp_path / name, logger=NullLogger())
        .execute()
        .value
        for name in ("memoriser", "pixel_gaussian", "uniform_noise")
    }
    assert values["memoriser"] < values["pixel_gaussian"] < values["uniform_noise"]


def test_finished_run_tells_its_result_to_a_store_that_does_not_know_it(tmp_path, held):
    config = small("uniform_noise")
    Run(config=config, held=held, folder=tmp_path, logger=NullLogger()).execute()
    log = Recorder()
    result = Run(config=config, held=held, folder=tmp_path, logger=log).execute()
    assert log.named["status"] == "collapsed"
    assert log.curves["val/fd_digits_n297"] == [(0, result.value)]


@pytest.mark.mnist
@pytest.mark.slow
def test_mlp_vae_reaches_the_elbo_of_a_plain_loop_on_mnist(tmp_path):
    # A plain loop over 784-400-20 reached -102.6 nats after 10 epochs.
    config = configure("vae_mlp", {"dataset": "mnist", "num_images": 540_000, "num_validations": 1})
    held = held_data("mnist", "auto", CPU)
    result = Run(config=config, held=held, folder=tmp_path, logger=NullLogger()).execute()
    assert result.metrics["test/elbo_bernoulli_resampled"] > -105
