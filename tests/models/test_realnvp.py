"""RealNVP: its log-determinant against autograd, its inverse, its density against other ways to it."""

import pytest
import torch
from torch.distributions import (
    AffineTransform,
    Independent,
    Normal,
    SigmoidTransform,
    TransformedDistribution,
)

from bench.contracts import ExactDensity
from bench.images import to_unit
from bench.models._realnvp import MARGIN, RealNvp, checkerboard, log_prob
from bench.runtime import DeviceRng, generator, seeded_modules
from bench.testing import made_images, made_model


def made(shape, *, couplings=4, spread=0.5):
    """A flow in float64 whose every parameter was moved at random, so that nothing in it cancels."""
    with seeded_modules(0):
        flow = RealNvp(shape, num_couplings=couplings, hidden=8).double()
    for i, parameter in enumerate(flow.parameters()):
        parameter.data += spread * torch.randn(parameter.shape, generator=generator("moved", i))
    return flow


def points(n, shape):
    return torch.rand(n, *shape, generator=generator("points", *shape)).double()


@pytest.mark.parametrize("shape", [(1, 1, 2), (1, 2, 3), (2, 3, 2)])
def test_log_determinant_is_that_of_the_jacobian_by_autograd(shape):
    flow, x = made(shape), points(5, shape)
    _, found = flow(x)
    for one, log_det in zip(x, found, strict=True):
        jacobian = torch.autograd.functional.jacobian(lambda v: flow(v[None])[0][0], one)
        sign, expected = torch.linalg.slogdet(jacobian.flatten(1))
        assert sign != 0
        torch.testing.assert_close(log_det, expected, atol=1e-10, rtol=0)  # float64, 6 values


@torch.no_grad()
def test_images_of_z_are_the_images_that_it_came_from():
    flow, x = made((2, 3, 4)), points(50, (2, 3, 4))
    torch.testing.assert_close(flow.to_images(flow(x)[0]), x, atol=1e-8, rtol=0)


def test_half_of_the_checkerboard_passes_a_coupling_unchanged_and_every_value_is_moved_by_two():
    assert checkerboard((2, 2, 3)).tolist() == [1, 0, 1, 0, 1, 0] * 2
    z = torch.randn(3, 12, generator=generator("z")).double()
    first, second, *_ = made((2, 2, 3)).couplings
    one, two = first.to_base(z)[0] != z, second.to_base(z)[0] != z
    assert (one ^ two).all()
    assert one[0].tolist() == [False, True] * 6


@torch.no_grad()
def test_density_of_two_values_integrates_to_one():
    """Over all that the logit's margin lets through, a little beyond [0, 1], by midpoints."""
    flow, n = made((1, 1, 2), spread=0.2), 800
    low, high = -MARGIN / (1 - 2 * MARGIN), (1 - MARGIN) / (1 - 2 * MARGIN)
    middles = low + (high - low) * (torch.arange(n).double() + 0.5) / n
    grid = torch.cartesian_prod(middles, middles).view(-1, 1, 1, 2)
    mass = log_prob(flow, grid).exp().mean() * (high - low) ** 2
    assert float(mass) == pytest.approx(1, abs=1e-4)


@torch.no_grad()
def test_without_its_couplings_it_is_torchs_normal_behind_a_sigmoid():
    flow, x = made((1, 2, 2), couplings=2), points(7, (1, 2, 2))
    for parameter in flow.couplings.parameters():
        parameter.zero_()
    share = 1 - 2 * MARGIN
    transforms = [SigmoidTransform(), AffineTransform(-MARGIN / share, 1 / share)]
    values = TransformedDistribution(Normal(flow.mean, flow.log_scale.exp()), transforms)
    expected = Independent(values, 1).log_prob(x.flatten(1))
    torch.testing.assert_close(log_prob(flow, x), expected)


@torch.no_grad()
def test_training_images_start_at_mean_0_and_variance_1_a_constant_pixel_too():
    images = made_images(64)
    images[:, :, 0, 0] = 0
    flow = RealNvp((1, 8, 8), num_couplings=2, hidden=4)
    for parameter in flow.couplings.parameters():
        parameter.zero_()
    flow.fit(images, levels=256)
    u = torch.rand(200, 64, 1, 8, 8, generator=generator("u"))
    z, _ = flow(((images + u) / 256).flatten(0, 1))
    torch.testing.assert_close(z.mean(0), torch.zeros(64), atol=0.02, rtol=0)
    # Eight middles have 1 - 1/64 of the variance of u; 12,800 draws know it to 1 %.
    torch.testing.assert_close(z.var(0), torch.ones(64), atol=0.06, rtol=0)


def test_density_that_is_measured_is_the_flows_of_dequantised_images():
    model = made_model("realnvp", {"hidden": "8", "num_couplings": "2"})
    density = model.eval_fns.density
    assert isinstance(density, ExactDensity)
    assert density.kind == "density"
    x = density.observe(to_unit(made_images(3)), DeviceRng(generator("u")))
    levels = x * 256 - made_images(3)
    assert bool(((levels >= 0) & (levels < 1)).all())
    bound = density.bound(model.modules, x, None, DeviceRng(generator("n")))
    assert torch.equal(bound.log_likelihood, log_prob(model.modules["flow"], x))
