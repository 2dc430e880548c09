"""Likelihoods against torch.distributions, brute force and closed forms."""

import dataclasses
import math

import pytest
import torch
from torch.distributions import Bernoulli, Independent, Normal

from bench.errors import UsageError
from bench.images import level_centres
from bench.records import DataSpec
from bench.runtime import DeviceRng, generator
from bench.variational.likelihoods import LIKELIHOODS, LearnedNumber

SPEC = DataSpec(
    name="made", shape=(1, 3, 3), num_classes=0, class_prior=(), levels=17, digest="0" * 16
)
LEARNED = ["gaussian_learned", "gaussian_learned_pixel"]


@pytest.fixture
def noise():
    return DeviceRng(generator("noise"))


def made(name, sigma=0.354, levels=17):
    return LIKELIHOODS.get(name)(dataclasses.replace(SPEC, levels=levels), sigma)


def random(purpose, *shape):
    return torch.randn(*shape, generator=generator(purpose), dtype=torch.float64)


def stored_levels(levels):
    """Every gray level as it is stored and read back, ``[1, 1, 1, levels]`` in [0, 1]."""
    return ((torch.arange(levels) * 255 / (levels - 1)).round() / 255).view(1, 1, 1, levels)


@pytest.mark.parametrize("name", LIKELIHOODS.names())
def test_log_probability_is_a_sum_over_pixels_for_each_image(name, noise):
    likelihood = made(name)
    params = random("params", 5, likelihood.params_per_value, 3, 3).float()
    x = likelihood.observe(torch.rand(5, 1, 3, 3, generator=generator("images")), noise)
    whole = likelihood.log_prob(x, params)
    parts = [likelihood.log_prob(x[..., i : i + 1], params[..., i : i + 1]) for i in range(3)]
    assert whole.shape == (5,)
    torch.testing.assert_close(whole, sum(parts))


@pytest.mark.parametrize("name", LIKELIHOODS.names())
def test_what_the_model_sees_and_shows_lies_between_0_and_1(name, noise):
    likelihood = made(name)
    x = likelihood.observe(stored_levels(17), noise)
    image = likelihood.mean(20 * random("wide", 4, likelihood.params_per_value, 3, 3))
    assert image.shape == (4, 1, 3, 3)
    for values in (x, image):
        assert values.min() >= 0
        assert values.max() <= 1


@pytest.mark.parametrize("name", LIKELIHOODS.names())
def test_extreme_outputs_of_the_decoder_have_finite_log_probabilities_and_gradients(name, noise):
    likelihood = made(name)
    params = 1e3 * random("far", 5, likelihood.params_per_value, 3, 3).float()
    params.requires_grad_()
    x = likelihood.observe(torch.rand(5, 1, 3, 3, generator=generator("images")), noise)
    value = likelihood.log_prob(x, params).sum()
    value.backward()
    assert torch.isfinite(value)
    assert torch.isfinite(params.grad).all()


@pytest.mark.parametrize("name", LIKELIHOODS.names())
def test_decoder_that_gives_the_start_of_an_image_shows_it(name):
    likelihood = made(name, 0.001)
    image = torch.arange(17).view(1, 1, 1, 17) / 16
    extra = image.new_zeros(1, likelihood.params_per_value - 1, 1, 17)
    shown = likelihood.mean(torch.cat([likelihood.start(image), extra], dim=1))
    # A logit ends at 0.001; a logistic of this scale, clipped at an edge, lies 0.0007 inside.
    torch.testing.assert_close(shown, image, rtol=0, atol=1.1e-3)


def test_bernoulli_log_probability_is_that_of_torch_distributions():
    likelihood = made("bernoulli_resampled")
    logits = random("logits", 5, 1, 3, 3)
    x = (logits > 0.3).double()
    expected = Independent(Bernoulli(logits=logits), 3).log_prob(x)
    torch.testing.assert_close(likelihood.log_prob(x, logits), expected)
    torch.testing.assert_close(likelihood.mean(logits), torch.sigmoid(logits))


def test_resampled_pixels_are_coins_with_the_gray_value_as_probability(noise):
    images = torch.tensor([0.0, 0.25, 1.0]).view(1, 1, 1, 3).expand(20_000, 1, 1, 3)
    x = made("bernoulli_resampled").observe(images, noise)
    assert set(x.unique().tolist()) == {0, 1}
    # The standard error of the middle share is 0.003: four of them.
    torch.testing.assert_close(
        x.mean((0, 1, 2)), torch.tensor([0.0, 0.25, 1.0]), atol=0.013, rtol=0
    )


def test_fixed_pixels_are_coins_with_the_gray_value_as_probability(noise):
    """Protocol rule 15: one draw for each image, independent over pixels."""
    images = torch.rand(4_000, 1, 4, 4, generator=generator("grays")).mul(255).round().div(255)
    x = made("bernoulli_fixed").observe(images, noise)
    assert set(x.unique().tolist()) == {0.0, 1.0}
    surplus = ((x - images) / (images * (1 - images)).clamp(min=1e-3).sqrt()).flatten(1)
    n = len(images)
    assert surplus.mean(0).abs().max() < 5 / n**0.5  # standardised: mean 0, five deviations
    correlation = (surplus.T @ surplus / n).fill_diagonal_(0)
    assert correlation.abs().max() < 5 / n**0.5


def test_fixed_pixels_depend_on_the_image_alone(noise):
    likelihood = made("bernoulli_fixed")
    images = torch.rand(50, 1, 4, 4, generator=generator("grays"))
    x = likelihood.observe(images, noise)
    assert torch.equal(x, likelihood.observe(images, noise))
    order = torch.randperm(50, generator=generator("order"))
    assert torch.equal(x[order], likelihood.observe(images[order], noise))
    assert torch.equal(x[:7], likelihood.observe(images[:7], noise))


def test_threshold_is_one_half(noise):
    images = torch.tensor([0.0, 0.5, 128 / 255, 1.0]).view(1, 1, 2, 2)
    x = made("bernoulli_threshold").observe(images, noise)
    assert x.flatten().tolist() == [0, 0, 1, 1]


def test_gray_values_are_seen_as_they_are(noise):
    likelihood = made("bernoulli_gray")
    images = torch.rand(4, 1, 3, 3, generator=generator("gray"))
    assert torch.equal(likelihood.observe(images, noise), images)
    assert likelihood.name == "bernoulli_gray"


def test_gaussian_log_probability_is_that_of_torch_distributions():
    likelihood = made("gaussian")
    params, x = random("params", 5, 1, 3, 3), random("x", 5, 1, 3, 3)
    expected = Independent(Normal(torch.sigmoid(params), 0.354), 3).log_prob(x)
    torch.testing.assert_close(likelihood.log_prob(x, params), expected)
    assert likelihood.name == "gaussian_sigma0.354"


def test_gaussian_with_a_sigma_of_its_own_for_each_pixel_is_that_of_torch_distributions():
    likelihood = made("gaussian_learned_pixel")
    params, x = random("params", 5, 2, 3, 3), random("x", 5, 1, 3, 3)
    _, log_sigma = likelihood.split(params)
    expected = Independent(Normal(torch.sigmoid(params[:, :1]), log_sigma.exp()), 3).log_prob(x)
    torch.testing.assert_close(likelihood.log_prob(x, params), expected)


def test_decoder_moves_the_log_of_each_pixels_sigma():
    likelihood = made("gaussian_learned_pixel")
    raw = torch.tensor([0.0, 1.0, -1.0]).view(3, 1, 1, 1)
    _, log_sigma = likelihood.split(torch.cat([torch.zeros_like(raw), raw], dim=1))
    # It is as far above its bound as 6, 7 and 5, where softplus is the identity within exp(-5).
    expected = math.log(0.354) + raw
    torch.testing.assert_close(log_sigma, expected, rtol=0, atol=7e-3)


def test_continuous_likelihood_sees_dequantised_levels(noise):
    x = made("gaussian").observe(stored_levels(17).expand(500, 1, 1, 17), noise)
    assert torch.equal((x * 17).floor()[0, 0, 0], torch.arange(17.0))
    assert x.min() >= 0
    assert x.max() < 1
    # Mean of (k + u) / L, standard error 0.0008.
    torch.testing.assert_close(x.mean((0, 1, 2)), (torch.arange(17) + 0.5) / 17, atol=0.004, rtol=0)


@pytest.mark.parametrize("levels", [2, 17, 256])
def test_image_of_the_middle_of_a_level_is_that_level(levels):
    k = torch.arange(levels).double()
    torch.testing.assert_close(level_centres((k + 0.5) / levels, levels), k / (levels - 1))


@pytest.mark.parametrize("sigma", [0.001, 0.01, 0.354, 3.0])
@pytest.mark.parametrize("name", LEARNED)
def test_learned_sigma_starts_at_the_setting(name, sigma):
    likelihood = made(name, sigma)
    _, log_sigma = likelihood.split(torch.zeros(1, likelihood.params_per_value, 1, 1))
    # Near its bound, at 0.0009, a float32 resolves log sigma to 1e-6 and sigma to 1e-5.
    assert float(log_sigma.detach().exp()) == pytest.approx(sigma, rel=2e-5)
    assert likelihood.name == name


@pytest.mark.parametrize("name", LEARNED)
def test_learned_sigma_cannot_start_below_its_bound(name):
    with pytest.raises(UsageError, match=r"sigma=0\.0009 is where .* stays above 9\.1e-04"):
        made(name, 0.0009)


@pytest.mark.parametrize("levels", [17, 256])
def test_learned_sigma_has_room_for_a_constant_pixel(levels):
    """Noise uniform in 1/L has the standard deviation 1 / (L sqrt(12))."""
    wanted = math.log(1 / (levels * math.sqrt(12)))
    likelihood = made("gaussian_learned_pixel", levels=levels)
    raw = torch.linspace(-20, 0, 2001).view(-1, 1, 1, 1)
    _, log_sigma = likelihood.split(torch.cat([torch.zeros_like(raw), raw], dim=1))
    assert float((log_sigma - wanted).abs().min()) < 0.01


def slope(likelihood, x, params):
    """Derivative of the mean log-likelihood with respect to the learned number."""
    (gradient,) = torch.autograd.grad(
        likelihood.log_prob(x, params).mean(), list(likelihood.parameters())
    )
    return float(gradient)


def test_likelihood_of_the_global_sigma_is_greatest_at_the_root_mean_square_residual():
    params, x = random("params", 50, 1, 3, 3), random("x", 50, 1, 3, 3)
    residual = float((x - torch.sigmoid(params)).square().mean().sqrt())
    at = {factor: made("gaussian_learned", factor * residual).double() for factor in (0.9, 1, 1.1)}
    slopes = {factor: slope(likelihood, x, params) for factor, likelihood in at.items()}
    assert slopes[0.9] > 1
    # The parameter starts as a float32.
    assert slopes[1] == pytest.approx(0, abs=1e-3)
    assert slopes[1.1] < -1


def test_learned_number_starts_at_its_value_and_moves_ten_learning_rates_a_step():
    number = LearnedNumber(-1.5)
    optimizer = torch.optim.Adam(number.parameters(), lr=1e-3)
    assert float(number().detach()) == -1.5
    number().backward()
    optimizer.step()
    assert float(number().detach()) == pytest.approx(-1.51, abs=1e-6)


def probabilities(levels, scale, location, dtype=torch.float64):
    """Of every level, ``[locations, levels]``; the decoder's output 0 is mid-gray."""
    likelihood = made("discretised_logistic", scale, levels).to(dtype)
    x = likelihood.observe(stored_levels(levels), noise=None).to(dtype).view(-1, 1, 1, 1)
    rows = [likelihood.log_prob(x, torch.full_like(x, m - 0.5)).exp().detach() for m in location]
    return torch.stack(rows)


def brute_force(levels, scale, location):
    """Differences of the CDF in double precision; the bins at both ends take the tails."""
    bounds = (torch.arange(levels - 1, dtype=torch.float64) + 0.5) / (levels - 1)
    m = torch.tensor(location, dtype=torch.float64).unsqueeze(1)
    inner = torch.sigmoid((bounds - m) / scale)
    ends = torch.zeros_like(m), torch.ones_like(m)
    return torch.cat([ends[0], inner, ends[1]], dim=1).diff(dim=1)


LOCATIONS = [-3.0, 0.0, 0.3, 0.5, 0.502, 1.0, 2.5]


@pytest.mark.parametrize("scale", [30.0, 1.0, 0.05, 1e-3, 1e-6, 1e-12])
@pytest.mark.parametrize("levels", [2, 17, 256])
def test_discretised_logistic_probabilities_sum_to_one(levels, scale):
    total = probabilities(levels, scale, LOCATIONS, torch.float32).sum(1)
    # 256 summands of single precision.
    torch.testing.assert_close(total, torch.ones_like(total), rtol=0, atol=2e-5)


@pytest.mark.parametrize("scale", [30.0, 1.0, 0.05, 0.01])
@pytest.mark.parametrize("levels", [2, 17, 256])
def test_discretised_logistic_probabilities_are_differences_of_the_cdf(levels, scale):
    found = probabilities(levels, scale, LOCATIONS)
    # The scale starts as a float32, whose logarithm is exact to 1e-7.
    torch.testing.assert_close(found, brute_force(levels, scale, LOCATIONS), rtol=1e-4, atol=1e-12)


@pytest.mark.parametrize("scale", [1.0, 1e-3, 1e-6, 1e-12])
def test_discretised_logistic_is_finite_in_single_precision_for_sharp_scales(scale):
    likelihood = made("discretised_logistic", scale, 256)
    x = likelihood.observe(stored_levels(256), noise=None)
    params = torch.linspace(-2, 2, 256).view(1, 1, 1, 256).requires_grad_()
    value = likelihood.log_prob(x, params).sum()
    value.backward()
    assert torch.isfinite(value)
    assert torch.isfinite(params.grad).all()
    assert all(torch.isfinite(p.grad) for p in likelihood.parameters())


def test_discretised_logistic_sees_gray_levels_in_the_unit_range():
    likelihood = made("discretised_logistic")
    x = likelihood.observe(stored_levels(17), noise=None).flatten()
    torch.testing.assert_close(x, torch.arange(17) / 16)
    assert likelihood.name == "discretised_logistic"


@pytest.mark.parametrize("scale", [0.354, 0.05])
def test_discretised_logistic_scale_starts_at_the_setting(scale):
    likelihood = made("discretised_logistic", scale)
    assert float(likelihood.log_scale().detach().exp()) == pytest.approx(scale, rel=1e-6)


@pytest.mark.parametrize("levels", [17, 256])
@pytest.mark.parametrize("scale", [1.0, 0.1, 0.03])
def test_discretised_logistic_shows_the_expected_gray_level(levels, scale):
    expected = (brute_force(levels, scale, LOCATIONS) * torch.arange(levels)).sum(1) / (levels - 1)
    params = torch.tensor(LOCATIONS).double().view(-1, 1, 1, 1) - 0.5
    shown = made("discretised_logistic", scale, levels).double().mean(params).flatten().detach()
    # The clipped logistic differs from its levels by the error of a midpoint sum.
    torch.testing.assert_close(shown, expected, rtol=0, atol=0.05 / levels)


def test_discretised_logistic_shows_its_location_where_it_is_sharp():
    params = torch.tensor([-3.0, -0.5, 0.1, 0.5, 4.0]).view(-1, 1, 1, 1)
    shown = made("discretised_logistic", 1e-6).mean(params).flatten()
    torch.testing.assert_close(shown, torch.tensor([0.0, 0.0, 0.6, 1.0, 1.0]))


def test_discretised_logistic_of_a_fair_coin_costs_one_bit_per_dimension():
    """bits/dim = nll / (D ln 2)."""
    likelihood = made("discretised_logistic", 0.2, levels=2)
    x = torch.tensor([0.0, 1.0, 1.0, 0.0]).view(1, 1, 2, 2)
    nll = -likelihood.log_prob(x, torch.zeros_like(x)).detach()
    assert float(nll) / (4 * math.log(2)) == pytest.approx(1)


def test_discretised_logistic_keeps_its_digits_where_a_level_is_a_sliver_of_the_scale():
    found = probabilities(256, 30.0, [0.5], torch.float32)[:, 1:-1].double()
    expected = brute_force(256, 30.0, [0.5])[:, 1:-1]
    # A difference of two numbers near 1/2 would lose three of the seven digits.
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=0)
