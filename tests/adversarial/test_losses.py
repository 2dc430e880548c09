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
    # Pairs (2, 1) and (0, -1): the real one leads by 1 in both.
    "relativistic": (SOFTPLUS[-1], SOFTPLUS[1]),
}


@pytest.mark.parametrize("name", LOSSES.names())
def test_adversarial_losses_have_their_worked_values(name):
    loss, (discriminator, generator_value) = LOSSES.get(name), WORKED[name]
    real, fake = torch.tensor([2.0, 0.0]), torch.tensor([1.0, -1.0])
    assert float(loss.discriminator(real, fake)) == pytest.approx(discriminator, rel=1e-6)
    found = loss.for_generator(fake, lambda: real)
    assert float(found) == pytest.approx(generator_value, rel=1e-6, abs=1e-7)


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


def test_relativistic_loss_pairs_the_scores_in_their_order():
    real, fake = torch.tensor([2.0, 0.0]), torch.tensor([-1.0, 1.0])
    loss = LOSSES.get("relativistic")
    # Leads of the real one: 3 and -1.
    expected = (math.log1p(math.exp(-3)) + SOFTPLUS[1]) / 2
    assert float(loss.discriminator(real, fake)) == pytest.approx(expected, rel=1e-6)
    expected = (math.log1p(math.exp(3)) + SOFTPLUS[-1]) / 2
    assert float(loss.for_generator(fake, lambda: real)) == pytest.approx(expected, rel=1e-6)


def test_relativistic_loss_takes_no_notice_of_what_is_added_to_every_score():
    real, fake = torch.tensor([2.0, 0.0]), torch.tensor([1.0, -1.0])
    loss = LOSSES.get("relativistic")
    assert torch.equal(loss.discriminator(real, fake), loss.discriminator(real + 8, fake + 8))
    moved = loss.for_generator(fake + 8, lambda: real + 8)
    assert torch.equal(loss.for_generator(fake, lambda: real), moved)


def test_relativistic_players_pull_at_equilibrium_with_half_a_unit_against_each_other():
    scores = torch.zeros(2, 4, requires_grad=True)
    loss = LOSSES.get("relativistic")
    value = loss.discriminator(*scores)
    assert float(value.detach()) == pytest.approx(math.log(2))
    (slope,) = torch.autograd.grad(value, scores)
    # sigmoid(0) = 1/2 of a pair, a quarter of it in the mean over four.
    torch.testing.assert_close(slope, torch.tensor([[-0.125], [0.125]]).expand(2, 4))
    (slope,) = torch.autograd.grad(loss.for_generator(scores[1], scores[0].detach), scores)
    torch.testing.assert_close(slope[1], torch.full((4,), -0.125))


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
