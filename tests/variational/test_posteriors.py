"""Posteriors against torch.distributions, in double precision where they are exact."""

import math

import pytest
import torch
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from bench.runtime import DeviceRng, generator
from bench.variational.posteriors import POSTERIORS
from bench.variational.posteriors.diagonal import DiagonalGaussian
from bench.variational.posteriors.full_covariance import FullGaussian

N, DIM = 6, 4


@pytest.fixture
def noise():
    return DeviceRng(generator("noise"))


def made(kind, dim=DIM, n=N):
    values = torch.randn(n, kind.size(dim), generator=generator("q"), dtype=torch.float64)
    return kind(values)


def oracle(q):
    """The same distribution, made by torch of what each posterior says of itself."""
    if isinstance(q, DiagonalGaussian):
        return MultivariateNormal(q.mu, scale_tril=torch.diag_embed((0.5 * q.logvar).exp()))
    return MultivariateNormal(q.mu, scale_tril=q.factor)


def standard(dim):
    zeros = torch.zeros(dim, dtype=torch.float64)
    return MultivariateNormal(zeros, torch.eye(dim, dtype=torch.float64))


@pytest.mark.parametrize("dim", [1, 2, 5, 8])
@pytest.mark.parametrize("name", POSTERIORS.names())
def test_density_is_that_of_torch_distributions_summed_over_latents(name, dim, noise):
    q = made(POSTERIORS.get(name), dim)
    z = q.rsample(3, noise)
    assert z.shape == (3, N, dim)
    torch.testing.assert_close(q.log_prob(z), oracle(q).log_prob(z))
    torch.testing.assert_close(q.log_prob(z[0]), oracle(q).log_prob(z[0]))


@pytest.mark.parametrize("dim", [1, 2, 5, 8])
@pytest.mark.parametrize("name", POSTERIORS.names())
def test_kl_to_the_standard_normal_is_that_of_torch_distributions(name, dim):
    q = made(POSTERIORS.get(name), dim)
    torch.testing.assert_close(q.kl_standard(), kl_divergence(oracle(q), standard(dim)))


@pytest.mark.parametrize("name", POSTERIORS.names())
def test_kl_of_the_standard_normal_with_itself_is_zero_and_positive_elsewhere(name):
    kind = POSTERIORS.get(name)
    assert kind(torch.zeros(2, kind.size(DIM))).kl_standard().tolist() == [0, 0]
    assert (made(kind).kl_standard() > 0).all()


@pytest.mark.parametrize("name", POSTERIORS.names())
def test_draws_have_the_mean_and_the_covariance_of_the_posterior(name, noise):
    q = made(POSTERIORS.get(name), dim=3, n=2)
    draws = 200_000
    z = q.rsample(draws, noise)
    variances = oracle(q).variance
    for i in range(2):
        found = torch.cov(z[:, i].T)
        expected = oracle(q).covariance_matrix[i]
        # An entry's standard error is at most sqrt(2 v_i v_j / n): five of them.
        bound = 5 * (2 / draws * variances[i, :, None] * variances[i]).sqrt()
        assert ((found - expected).abs() < bound).all()
        assert ((z[:, i].mean(0) - q.mean[i]).abs() < 5 * (variances[i] / draws).sqrt()).all()


def test_diagonal_draws_have_its_sigma_not_its_variance(noise):
    q = DiagonalGaussian(torch.tensor([[2.0, -1.0, math.log(9.0), math.log(0.25)]]))
    z = q.rsample(40_000, noise)[:, 0]
    # Standard errors are 0.015 and 0.0025 for the means: five of them.
    torch.testing.assert_close(z.mean(0), torch.tensor([2.0, -1.0]), atol=0.08, rtol=0)
    torch.testing.assert_close(z.std(0), torch.tensor([3.0, 0.5]), atol=0.06, rtol=0)


def test_kl_of_each_latent_adds_up_to_that_of_the_image():
    q = made(DiagonalGaussian)
    torch.testing.assert_close(q.kl_per_latent().sum(1), q.kl_standard())
    one = Normal(q.mu, (0.5 * q.logvar).exp())
    unit = Normal(torch.zeros_like(q.mu), torch.ones_like(q.mu))
    torch.testing.assert_close(q.kl_per_latent(), kl_divergence(one, unit))


def test_full_covariance_without_entries_below_the_diagonal_is_the_diagonal_posterior():
    diagonal = made(DiagonalGaussian)
    below = torch.zeros(N, DIM * (DIM - 1) // 2, dtype=torch.float64)
    full = FullGaussian(torch.cat([diagonal.mu, 0.5 * diagonal.logvar, below], dim=1))
    z = diagonal.rsample(5, DeviceRng(generator("same")))
    torch.testing.assert_close(full.rsample(5, DeviceRng(generator("same"))), z)
    torch.testing.assert_close(full.log_prob(z), diagonal.log_prob(z))
    torch.testing.assert_close(full.kl_standard(), diagonal.kl_standard())


def test_full_covariance_density_at_a_draw_is_that_of_its_noise_over_its_diagonal():
    """log q(z|x) = -sum_i (eps_i^2 + log 2pi + 2 log sigma_i) / 2, as experiment A writes it."""
    q = made(FullGaussian)
    z = q.rsample(3, DeviceRng(generator("eps")))
    eps = DeviceRng(generator("eps")).normal(3, N, DIM).double()
    log_sigma = q.factor.diagonal(dim1=-2, dim2=-1).log()
    expected = -0.5 * (eps**2 + math.log(2 * math.pi) + 2 * log_sigma).sum(-1)
    torch.testing.assert_close(q.log_prob(z), expected)


def test_full_covariance_factor_is_lower_triangular_with_the_encoders_values_row_by_row():
    values = torch.tensor([[9.0, 9.0, 9.0, 0.0, math.log(2.0), math.log(3.0), 4.0, 5.0, 6.0]])
    expected = torch.tensor([[[1.0, 0.0, 0.0], [4.0, 2.0, 0.0], [5.0, 6.0, 3.0]]])
    torch.testing.assert_close(FullGaussian(values).factor, expected)


@pytest.mark.parametrize("name", POSTERIORS.names())
def test_values_far_outside_of_training_give_finite_densities_and_gradients(name, noise):
    kind = POSTERIORS.get(name)
    values = torch.full((2, kind.size(1)), 1e3)
    values[1] *= -1
    values.requires_grad_()
    q = kind(values)
    total = q.log_prob(q.rsample(2, noise)).sum() + q.kl_standard().sum()
    total.backward()
    assert torch.isfinite(total)
    assert torch.isfinite(values.grad).all()


@pytest.mark.parametrize("name", POSTERIORS.names())
def test_gradient_of_a_draw_reaches_every_value_of_the_encoder(name, noise):
    kind = POSTERIORS.get(name)
    values = torch.randn(N, kind.size(3), generator=generator("q"), requires_grad=True)
    kind(values).rsample(1, noise).square().sum().backward()
    assert (values.grad != 0).all()
