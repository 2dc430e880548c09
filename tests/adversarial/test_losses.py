"""Adversarial losses against values worked by hand."""

import math

import pytest
import torch

from bench.adversarial.losses import LOSSES

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


CLASSIFIERS = [name for name in LOSSES.names() if LOSSES.get(name).threshold is not None]


def test_every_discriminator_classifies_and_no_critic_does():
    opponents = {name: LOSSES.get(name).role for name in LOSSES.names()}
    assert {n for n, opponent in opponents.items() if opponent == "discriminator"} == {*CLASSIFIERS}
    assert LOSSES.get("wasserstein").accuracy(torch.ones(2), torch.zeros(2)) == {}


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_threshold_lies_midway_between_what_real_and_fake_scores_are_drawn_to(name):
    loss = LOSSES.get(name)
    t = torch.tensor([loss.threshold])
    # Mirrored at the threshold, a real score costs what a fake one does.
    ab, ba = loss.discriminator(t + 1.7, t - 0.3), loss.discriminator(t + 0.3, t - 1.7)
    assert float(ab) == pytest.approx(float(ba), rel=1e-6)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_accuracy_is_the_share_of_scores_on_their_side_of_the_threshold(name):
    loss = LOSSES.get(name)
    real, fake = torch.tensor([1.0, -1.0, 2.0, 0.0]), torch.tensor([-1.0, 3.0, 3.0, 3.0])
    shares = loss.accuracy(real + loss.threshold, fake + loss.threshold)
    # The real score at the threshold itself is half right.
    assert {key: float(share) for key, share in shares.items()} == {
        "accuracy_real": 0.625,
        "accuracy_fake": 0.25,
        "discriminator_accuracy": 0.4375,
    }
