"""How long a run will take."""

import itertools

import pytest
import torch
from training_runs import small

from bench.models import configure
from bench.training import forecast
from bench.training.forecast import seconds_per_run
from bench.training.parts import build, reference_data

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def reference():
    return reference_data("digits", "auto", CPU)


def test_forecast_of_a_run_that_diverges_at_once_is_a_number(reference):
    assert 0 < seconds_per_run(small("gan", lr=1e18), reference) < 60
    assert 0 < seconds_per_run(small("gan"), reference) < 600


def test_baseline_is_forecast_without_training(reference):
    assert seconds_per_run(small("uniform_noise"), reference) == 1.0


@pytest.fixture
def ticking(monkeypatch):
    """Whatever is timed takes a second."""
    ticks = itertools.count()
    monkeypatch.setattr(forecast.time, "perf_counter", lambda: next(ticks))


@pytest.mark.usefixtures("ticking")
def test_forecast_counts_the_draws_of_the_bound(reference):
    def seconds(model, likelihood_images):
        config = configure(model, {"hidden": "8", "likelihood_images": likelihood_images})
        return forecast._evaluation_seconds(config, reference, build(config, reference))

    # A second for NUM_SAMPLES, which the detector need not see; validation has 297 images.
    each = 1 / forecast.NUM_SAMPLES
    more = seconds("vae_mlp", 20) - seconds("vae_mlp", 10)
    assert more == pytest.approx(each * 64 * 2 * 10)
    more = seconds("vae_mlp", 1_000) - seconds("vae_mlp", 10)
    assert more == pytest.approx(each * 64 * (287 + 490))
    assert seconds("gan_mlp", 20) == seconds("gan_mlp", 10)


@pytest.mark.usefixtures("ticking")
def test_steps_are_timed_over_whole_periods_of_all_phases(reference):
    config = small("wgan", n_critic=5)
    seconds = forecast._training_seconds(config, reference, build(config, reference))
    assert seconds == pytest.approx(config.train.num_steps / (forecast.TIMED * 5))
