"""Penalties and clipping against closed forms."""

import pytest
import torch
from torch import nn

from bench.adversarial.lipschitz import clip_weights, gradient_penalty, r1_penalty, r2_penalty
from bench.networks import ConvEncoder, Critic
from bench.runtime import generator


class Linear(nn.Module):
    """score(x) = w . x."""

    def __init__(self, w):
        super().__init__()
        self.w = nn.Parameter(w)

    def forward(self, images):
        return images.flatten(1) @ self.w


@pytest.fixture
def images():
    return torch.rand(2, 5, 1, 2, 2, generator=generator("pair"), dtype=torch.float64)


@pytest.mark.parametrize("mix", [0.0, 0.3, 1.0])
def test_gradient_penalty_of_a_linear_critic_is_that_of_its_weights_anywhere(images, mix):
    w = torch.tensor([1.0, -2.0, 2.0, 4.0], dtype=torch.float64)  # norm 5
    penalty = gradient_penalty(Linear(w), *images, torch.full((5,), mix).double())
    assert float(penalty.detach()) == pytest.approx(16)


def test_gradient_penalty_reaches_the_critic_and_not_the_generator(images):
    w = torch.tensor([1.0, -2.0, 2.0, 4.0], dtype=torch.float64)
    critic, player = Linear(w), nn.Linear(4, 4).double()
    fake = player(images[1].flatten(1)).view_as(images[1])
    gradient_penalty(critic, images[0], fake, torch.full((5,), 0.5).double()).backward()
    # d (|w| - 1)^2 / dw = 2 (|w| - 1) w / |w|
    torch.testing.assert_close(critic.w.grad, 2 * 4 * w / 5)
    assert all(p.grad is None for p in player.parameters())


def test_gradient_penalty_of_a_quadratic_critic_knows_the_point_of_each_pair(images):
    real, fake = images
    mix = torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0]).double()
    penalty = gradient_penalty(lambda x: 1.5 * x.square().sum((1, 2, 3)), real, fake, mix)
    points = [m * r + (1 - m) * f for m, r, f in zip(mix, real, fake, strict=True)]
    expected = sum((3 * p.norm() - 1) ** 2 for p in points) / 5
    assert float(penalty.detach()) == pytest.approx(float(expected))


def test_r1_of_a_linear_critic_is_half_its_squared_norm(images):
    w = torch.tensor([1.0, -2.0, 2.0, 4.0], dtype=torch.float64)
    assert float(r1_penalty(Linear(w), images[0]).detach()) == pytest.approx(25 / 2)


def test_r1_of_a_quadratic_critic_knows_each_image(images):
    penalty = r1_penalty(lambda x: 1.5 * x.square().sum((1, 2, 3)), images[0])
    expected = 0.5 * 9 * images[0].square().sum((1, 2, 3)).mean()
    assert float(penalty.detach()) == pytest.approx(float(expected))


def test_r1_and_r2_of_a_linear_critic_are_together_its_squared_norm_wherever_images_lie(images):
    w = torch.tensor([1.0, -2.0, 2.0, 4.0], dtype=torch.float64)
    both = r1_penalty(Linear(w), images[0]) + r2_penalty(Linear(w), images[1])
    assert float(both.detach()) == pytest.approx(25)


def test_r2_moves_the_critic_and_not_the_generator(images):
    w = torch.tensor([1.0, -2.0, 2.0, 4.0], dtype=torch.float64)
    critic, player = Linear(w), nn.Linear(4, 4).double()
    r2_penalty(critic, player(images[1].flatten(1)).view_as(images[1])).backward()
    torch.testing.assert_close(critic.w.grad, w)
    assert all(p.grad is None for p in player.parameters())


def test_clipping_reaches_every_parameter_batch_norm_included():
    critic = Critic(ConvEncoder((1, 8, 8), depth=2, width=4, out_dim=8, norm="batch"), 8)
    assert max(float(p.detach().abs().max()) for p in critic.parameters()) > 0.05
    share = clip_weights(critic, 0.05)["clipped_share"]
    assert max(float(p.detach().abs().max()) for p in critic.parameters()) == pytest.approx(0.05)
    assert 0 < float(share) < 1
