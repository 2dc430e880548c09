"""Adversarial losses against values worked by hand."""

import math

import pytest
import torch

from bench.losses import LOSSES

SOFTPLUS = {x: math.log1p(math.exp(x)) for x in (-2, -1, 0, 1)}
WORKED = {
    # real (2, 0), fake (1, -1): both sides worked by hand.
    "least_squares": (0.5 * ((1 + 1) / 2 + (1 + 1) / 2), (0 + 4) / 2),
    "minimax": (
        (SOFTPLUS[-2] + SOFTPLUS[0]) / 2 + (SOFTPLUS[1] + SOFTPLUS[-1]) / 2,
        -(SOFTPLUS[1] + SOFTPLUS[-1]) / 2,
    ),
    "non_saturating": (
        (SOFTPLUS[-2] + SOFTPLUS[0]) / 2 + (SOFTPLUS[1] + SOFTPLUS[-1]) / 2,
        (SOFTPLUS[-1] + SOFTPLUS[1]) / 2,
    ),
    "hinge": ((0 + 1) / 2 + (2 + 0) / 2, 0),
    "wasserstein": (0 - 1, 0),
}


@pytest.mark.parametrize("name", LOSSES.names())
def test_adversarial_losses_have_their_worked_values(name):
    loss, (discriminator, generator_value) = LOSSES.get(name), WORKED[name]
    real, fake = torch.tensor([2.0, 0.0]), torch.tensor([1.0, -1.0])
    assert float(loss.discriminator(real, fake)) == pytest.approx(discriminator, rel=1e-6)
    assert float(loss.generator(fake)) == pytest.approx(generator_value, rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("name", LOSSES.names())
def test_generator_gains_when_its_samples_score_higher(name):
    loss = LOSSES.get(name)
    assert loss.generator(torch.tensor([0.5])) < loss.generator(torch.tensor([0.1]))
    real, low, high = torch.tensor([0.9]), torch.tensor([0.1]), torch.tensor([0.8])
    assert loss.discriminator(real, low) < loss.discriminator(real, high)


def test_minimax_generator_has_hardly_any_gradient_where_its_fakes_are_told_apart():
    slopes = {}
    for name in ("minimax", "non_saturating"):
        fake = torch.tensor([-8.0], requires_grad=True)
        LOSSES.get(name).generator(fake).backward()
        slopes[name] = abs(float(fake.grad))
    assert slopes["minimax"] < 0.001
    assert slopes["non_saturating"] > 0.99
