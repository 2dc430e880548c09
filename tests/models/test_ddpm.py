"""DDPM: its bound and its samplers where the best network is known, which it is for Gaussian data."""

import itertools
import math

import pytest
import torch
from torch import nn
from torch.distributions import Normal

from bench.contracts import BoundedDensity
from bench.errors import UsageError
from bench.evaluation.view import draw
from bench.images import to_unit
from bench.models import configure
from bench.models._ddpm import Diffusion, noise_loss
from bench.runtime import DeviceRng, generator, seeded_modules
from bench.testing import made_images, made_model

MEAN, STD = 0.2, 0.15
POINT = (1, 1, 1)


class Best(Diffusion):
    """Knows E[eps | y_t] of data that are N(MEAN, STD^2) in each value."""

    def forward(self, y, t):
        kept = torch.tensor([self.kept(float(s)) for s in t[:1]]).double()
        return (1 - kept).sqrt() * (y - kept.sqrt() * MEAN) / (kept * STD**2 + 1 - kept)


def best(num_steps, variance="posterior"):
    return Best(POINT, num_steps=num_steps, width=1, variance=variance).double()


class Doubles:
    """Noise in float64."""

    def __init__(self, *purpose):
        self.rng = generator(*purpose)

    def normal(self, *shape):
        return torch.randn(shape, generator=self.rng, dtype=torch.float64)


def data(n):
    return MEAN + STD * Doubles("data").normal(n, *POINT)


def gap(num_steps, variance, n=20_000):
    """Mean and standard error of exact log-likelihood of the data minus the bound, in nats."""
    y = data(n)
    found = best(num_steps, variance).bound(y, Doubles("bound"))
    exact = Normal(MEAN, STD).log_prob(y).flatten()
    difference = exact - (found.log_likelihood - found.kl)
    return float(difference.mean()), float(difference.std()) / math.sqrt(n)


@pytest.mark.parametrize("variance", ["posterior", "forward"])
def test_bound_is_below_the_exact_log_likelihood_of_gaussian_data(variance):
    for steps in (2, 5, 20):
        mean, error = gap(steps, variance)
        assert mean > 5 * error


def test_bound_comes_near_the_exact_log_likelihood_with_more_steps():
    """With the variance that is best for data that are smooth at the scale of the first steps."""
    gaps = [gap(steps, "forward")[0] for steps in (5, 20, 80)]
    assert gaps[0] > 2 * gaps[1]
    assert gaps[1] > 2 * gaps[2]


def chain(num_steps, variance_of):
    """Mean and variance of the y_0 that the chain of a best network samples: all of it is linear."""
    net, mean, variance = best(num_steps), 0.0, 1.0
    for t in range(num_steps, 0, -1):
        kept, left = net.kept(t), net.kept(t - 1)
        # y_0 at y_t is slope y_t + offset; Ho et al. 2020, eq. 7 for q(y_s | y_t, y_0).
        slope = math.sqrt(kept) * STD**2 / (kept * STD**2 + 1 - kept)
        offset = MEAN * (1 - slope * math.sqrt(kept))
        beta = 1 - kept / left
        of_start = math.sqrt(left) * beta / (1 - kept)
        of_now = math.sqrt(kept / left) * (1 - left) / (1 - kept)
        a = of_start * slope + of_now
        mean = a * mean + of_start * offset
        own = beta * (1 - left) / (1 - kept) if variance_of == "posterior" else beta
        variance = a**2 * variance + (own if t > 1 else 0)
    return mean, variance


@pytest.mark.parametrize("variance_of", ["posterior", "forward"])
def test_bound_is_below_the_log_likelihood_of_its_own_chain_which_is_below_the_datas(variance_of):
    y, net = data(20_000), best(10, variance_of)
    found = net.bound(y, Doubles("bound"))
    bound = found.log_likelihood - found.kl
    mean, variance = chain(10, variance_of)
    variance += (1 - net.kept(1)) / net.kept(1)  # of p(y_0 | y_1)
    own = Normal(mean, math.sqrt(variance)).log_prob(y).flatten()
    exact = Normal(MEAN, STD).log_prob(y).flatten()
    for low, high in itertools.pairwise([bound, own, exact]):
        difference = high - low
        assert float(difference.mean()) > 5 * float(difference.std()) / math.sqrt(len(y))


@pytest.mark.parametrize("variance_of", ["posterior", "forward"])
@torch.no_grad()
def test_ancestral_samples_have_the_mean_and_variance_of_the_chain(variance_of):
    """The last step shows the mean of p(y_0 | y_1)."""
    steps, n = 30, 20_000
    y = best(steps, variance_of).sample(Doubles("z").normal(n, steps, *POINT), steps)
    mean, variance = chain(steps, variance_of)
    assert float(y.mean()) == pytest.approx(mean, abs=5 * math.sqrt(variance / n))
    assert float(y.var()) == pytest.approx(variance, rel=5 * math.sqrt(2 / n))


@torch.no_grad()
def test_ddim_is_a_map_of_z_alone_that_reaches_the_data_with_many_steps():
    z = torch.linspace(-2, 2, 9).double().view(9, 1, *POINT)
    expected = (MEAN + STD * z).view(9, *POINT)
    errors = [
        float((best(1_000).sample(z, steps) - expected).abs().max()) for steps in (10, 100, 1_000)
    ]
    assert errors[0] > 5 * errors[1]
    assert errors[1] > 5 * errors[2]
    assert errors[2] < 0.02 * 2 * STD  # of the largest way; y_T has a trace of the mean left


def test_step_back_has_the_mean_and_variance_of_ho_et_al():
    """Eq. 7."""
    net, steps = best(8), 8
    y, fresh = torch.full((1, *POINT), 0.7).double(), torch.full((1, *POINT), 1.3).double()
    z = torch.stack([y, fresh, *[torch.zeros_like(y)] * (steps - 2)], 1)
    seen = []
    net.forward = lambda y_t, t: (seen.append(y_t), Best.forward(net, y_t, t))[1]
    with torch.no_grad():
        net.sample(z, steps)
    kept, left = net.kept(8), net.kept(7)
    start = (y - math.sqrt(1 - kept) * Best.forward(net, y, torch.tensor([8.0]))) / math.sqrt(kept)
    beta = 1 - kept / left
    mean = (
        math.sqrt(left) * beta / (1 - kept) * start.clamp(-1, 1)
        + math.sqrt(1 - beta) * (1 - left) / (1 - kept) * y
    )
    expected = mean + math.sqrt(beta * (1 - left) / (1 - kept)) * fresh
    torch.testing.assert_close(seen[1], expected)


def test_schedule_is_ho_et_als_linear_one_as_steps_grow():
    net = best(1_000)
    betas = torch.linspace(1e-4, 0.02, 1_000).double()
    theirs = (1 - betas).log().cumsum(0)
    ours = torch.tensor([math.log(net.kept(t)) for t in range(1, 1_001)]).double()
    torch.testing.assert_close(ours, theirs, rtol=0.01, atol=1e-3)  # of order beta


@pytest.mark.parametrize("steps", [2, 7])
def test_loss_is_the_mean_squared_error_of_the_noise(steps):
    """Of a network that says 0 it is 1, the variance of the noise."""
    with seeded_modules(0):
        net = Diffusion((1, 8, 8), num_steps=steps, width=2)
    net.forward = lambda y, t: torch.zeros_like(y)
    loss = noise_loss(net, torch.zeros(64, 1, 8, 8), DeviceRng(generator("loss")))
    assert float(loss) == pytest.approx(1, abs=5 * math.sqrt(2 / 4096))


def test_steps_of_a_batch_are_each_as_frequent():
    with seeded_modules(0):
        net, seen = Diffusion((1, 2, 2), num_steps=4, width=1), []
    net.forward = lambda y, t: (seen.extend(t.tolist()), y)[1]
    noise_loss(net, torch.zeros(12, 1, 2, 2), DeviceRng(generator("loss")))
    assert sorted(seen) == [1] * 3 + [2] * 3 + [3] * 3 + [4] * 3


@torch.no_grad()
def test_elbo_that_is_measured_is_of_x_and_has_two_terms():
    """dx = dy / 2 in each value; nothing in it is trained."""
    model = made_model("ddpm", {"width": "1", "num_steps": "3", "sample_steps": "3"})
    density = model.eval_fns.density
    assert isinstance(density, BoundedDensity)
    assert (density.exact, density.kind) == (False, "density")
    x = density.observe(to_unit(made_images(5)), DeviceRng(generator("u")))
    ours = density.bound(model.modules, x, None, DeviceRng(generator("n")))
    net: nn.Module = model.modules["diffusion"]
    theirs = net.bound(2 * x - 1, DeviceRng(generator("n")))
    torch.testing.assert_close(ours.log_likelihood, theirs.log_likelihood + 64 * math.log(2))
    assert torch.equal(ours.kl, theirs.kl)
    assert bool((ours.kl > 0).all())


def test_more_steps_back_than_there_are_are_refused():
    with pytest.raises(UsageError, match="sample_steps must be at most num_steps=20, got 50"):
        configure("ddpm", {"num_steps": 20, "sample_steps": 50})


def test_samplers_are_a_setting_and_ddim_draws_no_noise_but_the_first():
    fast = {"width": "1", "num_steps": "4", "sample_steps": "2"}
    ancestral, ddim = (made_model("ddpm", {**fast, "sampler": s}) for s in ("ancestral", "ddim"))
    shapes = [
        m.eval_fns.latent(m.modules, 3, DeviceRng(generator("z"))).shape for m in (ancestral, ddim)
    ]
    assert shapes == [(3, 128), (3, 64)]
    made = [draw(m.modules, m.eval_fns, 3, DeviceRng(generator("z"))) for m in (ancestral, ddim)]
    assert not torch.equal(*made)
