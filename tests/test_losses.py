"""Losses, divergences and likelihoods against closed forms and independent libraries."""

import math

import pytest
import torch
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence

from bench.likelihoods import LIKELIHOODS
from bench.losses import LOSSES
from bench.losses.elbo import kl_warmup, negative_elbo
from bench.posteriors.diagonal import DiagonalGaussian
from bench.priors import PriorShape
from bench.priors.standard import StandardNormal
from bench.records import DataSpec
from bench.runtime import DeviceNoise, generator

SPEC = DataSpec(
    name="made", shape=(1, 3, 3), num_classes=0, class_prior=(), levels=17, digest="0" * 16
)
PRIOR = StandardNormal(
    PriorShape(latent_dim=4, image_shape=(1, 3, 3), num_layers=1, hidden=1, num_components=1)
)


def no_encoder(x):
    raise AssertionError("the standard prior asks for no encoder")


@pytest.fixture
def q():
    return DiagonalGaussian(torch.randn(6, 8, generator=generator("q"), dtype=torch.float64))


@pytest.fixture
def noise():
    return DeviceNoise(generator("noise"))


def oracle(q):
    return Independent(Normal(q.mu, (0.5 * q.logvar).exp()), 1)


def test_kl_is_that_of_torch_distributions_summed_over_latents(q):
    standard = Independent(Normal(torch.zeros_like(q.mu), torch.ones_like(q.mu)), 1)
    torch.testing.assert_close(PRIOR.kl(q), kl_divergence(oracle(q), standard))


def test_kl_of_the_prior_with_itself_is_zero_and_positive_elsewhere(q):
    assert DiagonalGaussian(torch.zeros(2, 8)).kl_standard().tolist() == [0, 0]
    assert (q.kl_standard() > 0).all()


def test_log_densities_are_those_of_torch_distributions(q, noise):
    z = q.rsample(3, noise).double()
    assert z.shape == (3, 6, 4)
    torch.testing.assert_close(q.log_prob(z), oracle(q).log_prob(z))
    standard = Independent(Normal(torch.zeros(4).double(), torch.ones(4).double()), 1)
    torch.testing.assert_close(PRIOR.log_prob(z, no_encoder), standard.log_prob(z))


def test_posterior_draws_have_its_mean_and_its_sigma_not_its_variance(noise):
    q = DiagonalGaussian(torch.tensor([[2.0, -1.0, math.log(9.0), math.log(0.25)]]))
    z = q.rsample(40_000, noise)[:, 0]
    # Standard errors are 0.015 and 0.0025 for the means: five of them.
    torch.testing.assert_close(z.mean(0), torch.tensor([2.0, -1.0]), atol=0.08, rtol=0)
    torch.testing.assert_close(z.std(0), torch.tensor([3.0, 0.5]), atol=0.06, rtol=0)


def test_warmup_rises_over_its_share_and_stays_at_one():
    factors = [float(kl_warmup(torch.tensor(p), 0.5)) for p in (0.0, 0.25, 0.5, 1.0)]
    assert factors == [0, 0.5, 1, 1]
    assert float(kl_warmup(torch.tensor(0.0), 0.0)) == 1


def test_negative_elbo_is_a_mean_over_images_of_sums():
    log_likelihood, kl = torch.tensor([-100.0, -50.0]), torch.tensor([10.0, 30.0])
    assert float(negative_elbo(log_likelihood, kl, 1.0)) == 95
    assert float(negative_elbo(log_likelihood, kl, 0.5)) == 85


def test_bernoulli_log_probability_is_that_of_torch_distributions():
    likelihood = LIKELIHOODS.get("bernoulli_resampled")(SPEC, 1.0)
    logits = torch.randn(5, 1, 3, 3, generator=generator("logits"))
    x = (logits > 0.3).float()
    expected = Independent(Bernoulli(logits=logits), 3).log_prob(x)
    torch.testing.assert_close(likelihood.log_prob(x, logits), expected)
    torch.testing.assert_close(likelihood.mean(logits), torch.sigmoid(logits))


def test_resampled_pixels_are_coins_with_the_gray_value_as_probability(noise):
    likelihood = LIKELIHOODS.get("bernoulli_resampled")(SPEC, 1.0)
    images = torch.tensor([0.0, 0.25, 1.0]).view(1, 1, 1, 3).expand(20_000, 1, 1, 3)
    x = likelihood.observe(images, noise)
    assert set(x.unique().tolist()) == {0, 1}
    # The standard error of the middle share is 0.003: four of them.
    torch.testing.assert_close(
        x.mean((0, 1, 2)), torch.tensor([0.0, 0.25, 1.0]), atol=0.013, rtol=0
    )


def test_gray_values_are_seen_as_they_are_and_bound_the_resampled_likelihood(noise):
    likelihood = LIKELIHOODS.get("bernoulli_gray")(SPEC, 1.0)
    images = torch.rand(4, 1, 3, 3, generator=generator("gray"))
    assert torch.equal(likelihood.observe(images, noise), images)
    assert likelihood.passport == "bernoulli_gray"


def test_gaussian_log_probability_is_that_of_torch_distributions():
    likelihood = LIKELIHOODS.get("gaussian")(SPEC, 0.354)
    params = torch.randn(5, 1, 3, 3, generator=generator("params"))
    x = torch.rand(5, 1, 3, 3, generator=generator("x"))
    expected = Independent(Normal(torch.sigmoid(params), 0.354), 3).log_prob(x)
    torch.testing.assert_close(likelihood.log_prob(x, params), expected)
    assert likelihood.passport == "gaussian_sigma0.354"


def test_continuous_likelihood_sees_dequantised_levels(noise):
    likelihood = LIKELIHOODS.get("gaussian")(SPEC, 0.354)
    gray = (torch.arange(17) * 255 / 16).round() / 255  # digits as they are stored
    x = likelihood.observe(gray.view(1, 1, 1, 17).expand(500, 1, 1, 17), noise)
    assert torch.equal((x * 17).floor()[0, 0, 0], torch.arange(17.0))
    assert x.min() >= 0
    assert x.max() < 1
    # Mean of (k + u) / L, standard error 0.0008.
    torch.testing.assert_close(x.mean((0, 1, 2)), (torch.arange(17) + 0.5) / 17, atol=0.004, rtol=0)


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
