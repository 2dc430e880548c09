"""How long a run will take."""

import pytest
import torch
from training_runs import small

from bench.training.forecast import seconds_per_run
from bench.training.run import held_data

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def held():
    return held_data("digits", "auto", CPU)


def test_forecast_of_a_run_that_diverges_at_once_is_a_number(held):
    assert 0 < seconds_per_run(small("gan", lr=1e18), held) < 60
    assert 0 < seconds_per_run(small("gan"), held) < 600


def test_baseline_is_forecast_without_training(held):
    assert seconds_per_run(small("uniform_noise"), held) == 1.0


def test_more_images_and_a_larger_bound_take_longer(held):
    few = seconds_per_run(small("vae"), held)
    # A thousand times the steps, then 64 draws for each of 500 images: far above timing's noise.
    assert seconds_per_run(small("vae", num_images=640_000), held) > 3 * few
    assert seconds_per_run(small("vae", likelihood_images=500), held) > 2 * few
