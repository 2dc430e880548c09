"""Paths, grids and axes of latent space against closed forms."""

import math

import numpy as np
import pytest
import torch

from bench.evaluation.latents import (
    linear_path,
    most_active,
    normal_quantiles,
    principal_components,
    spherical_path,
)
from bench.runtime import generator


def draws(*shape):
    return torch.randn(*shape, generator=generator("latents", *shape))


@pytest.mark.parametrize("path", [linear_path, spherical_path])
def test_path_begins_and_ends_at_its_ends(path):
    z0, z1 = draws(5, 16), draws(6, 16)[:5]
    points = path(z0, z1, 10)
    assert points.shape == (5, 10, 16)
    assert torch.allclose(points[:, 0], z0, atol=1e-6)  # float32: sine over the same sine
    assert torch.allclose(points[:, -1], z1, atol=1e-6)


def test_linear_path_has_its_midpoint_in_the_middle():
    z0, z1 = draws(3, 4), draws(4, 4)[:3]
    assert torch.allclose(linear_path(z0, z1, 3)[:, 1], (z0 + z1) / 2)


def test_spherical_path_keeps_the_norm_and_the_linear_one_does_not():
    z0, z1 = (3 * torch.nn.functional.normalize(draws(n, 16)[:5]) for n in (5, 6))
    norms = spherical_path(z0, z1, 10).norm(dim=2)
    assert torch.allclose(norms, torch.full_like(norms, 3.0), atol=1e-5)  # float32
    assert (linear_path(z0, z1, 10).norm(dim=2)[:, 4] < 2.9).all()


def test_spherical_path_turns_by_equal_angles():
    points = spherical_path(torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 2.0]]), 4)[0]
    angles = torch.atan2(points[:, 1], points[:, 0])
    assert torch.allclose(angles, torch.linspace(0, math.pi / 2, 4), atol=1e-6)


@pytest.mark.parametrize("end", [1.0, 2.0, -1.0])
def test_spherical_path_between_parallel_or_opposite_ends_is_straight(end):
    z0 = torch.tensor([[1.0, 2.0, -2.0], [1.0, 0.0, 0.0]])
    points = spherical_path(z0, end * z0, 5)
    assert torch.allclose(points, linear_path(z0, end * z0, 5))


def test_normal_quantiles_hold_equal_shares_of_the_mass():
    from scipy.stats import norm

    q = normal_quantiles(10)
    assert np.allclose(norm.cdf(q.double()), np.arange(0.05, 1, 0.1), atol=1e-6)
    assert q[9].item() == pytest.approx(1.6448536, abs=1e-6)


def test_most_active_latents_come_first():
    means = draws(200, 4) * torch.tensor([0.1, 2.0, 0.0, 1.0]) + 50
    assert most_active(means, 3).tolist() == [1, 3, 0]
    assert most_active(means, 9).tolist() == [1, 3, 0, 2]


def test_principal_components_are_those_of_numpys_svd():
    means = draws(60, 5) @ draws(5, 5) + 7
    scores, share = principal_components(means)
    centred = means.double().numpy() - means.double().numpy().mean(0)
    u, s, vt = np.linalg.svd(centred, full_matrices=False)
    signs = np.sign(vt[np.arange(5), np.abs(vt).argmax(1)])
    assert np.allclose(scores, u * s * signs, atol=1e-8)
    assert np.allclose(share, s**2 / (s**2).sum(), atol=1e-12)


def test_principal_components_of_a_collapsed_posterior_are_zero():
    scores, share = principal_components(torch.ones(10, 3))
    assert scores.abs().max() == 0
    assert share.tolist() == [0, 0, 0]
