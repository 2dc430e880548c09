"""Priors: densities that are exact, samples that follow them, and what they start from."""

import math

import pytest
import torch
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal, Normal

from bench.runtime import DeviceRng, generator, seeded_modules
from bench.variational.posteriors.diagonal import DiagonalGaussian
from bench.variational.posteriors.full_covariance import FullGaussian
from bench.variational.priors import PRIORS, PriorShape, vamp
from bench.variational.priors.flow import LOG_SCALE_LIMIT, START

IMAGE = (1, 2, 2)
SIZES = [1, 2, 5, 8]


def shape_of(dim, *, layers=6, components=5):
    return PriorShape(
        latent_dim=dim, image_shape=IMAGE, num_layers=layers, hidden=16, num_components=components
    )


def made(name, dim, **values):
    with seeded_modules(0):
        return PRIORS.get(name)(shape_of(dim, **values)).double()


def trained_flow(dim, **values):
    """A flow as it is once training has moved its last layers away from nearly nothing."""
    flow = made("flow", dim, **values)
    with torch.no_grad():
        for coupling in flow.couplings:
            for parameter in coupling.net[-1].parameters():
                parameter.mul_(3 / START)
    return flow


def points(*shape):
    return 2 * torch.randn(*shape, generator=generator("z"), dtype=torch.float64)


def no_encoder(x):
    raise AssertionError("this prior asks for no encoder")


def linear_encoder(dim, kind=DiagonalGaussian):
    """Posteriors that depend on all pixels, with a weight to look at."""
    weight = torch.randn(4, kind.size(dim), generator=generator("weight"), dtype=torch.float64)
    weight.requires_grad_()
    return weight, lambda x: kind((2 * x.flatten(1) - 1) @ weight)


def noise(purpose="noise"):
    return DeviceRng(generator(purpose))


@pytest.mark.parametrize("name", PRIORS.names())
@pytest.mark.parametrize("dim", SIZES)
def test_draws_and_densities_have_their_shapes(name, dim):
    prior, (_, encode) = made(name, dim), linear_encoder(dim)
    assert prior.sample(7, noise(), encode).shape == (7, dim)
    for shape in ((), (7,), (3, 7)):
        assert prior.log_prob(points(*shape, dim), encode).shape == shape


@pytest.mark.parametrize("name", PRIORS.names())
def test_density_of_a_point_does_not_depend_on_the_points_beside_it(name):
    prior, (_, encode) = made(name, 3), linear_encoder(3)
    z = points(4, 6, 3)
    alone = torch.stack([prior.log_prob(z[i, j], encode) for i in range(4) for j in range(6)])
    torch.testing.assert_close(prior.log_prob(z, encode).flatten(), alone)


@pytest.mark.parametrize("name", PRIORS.names())
def test_density_integrates_to_one_over_the_plane_and_draws_follow_it(name):
    prior, (_, encode) = made(name, 2), linear_encoder(2)
    prior = trained_flow(2) if name == "flow" else prior
    edge, steps, n = 16.0, 641, 20_000
    axis = torch.linspace(-edge, edge, steps, dtype=torch.float64)
    grid = torch.cartesian_prod(axis, axis)
    with torch.no_grad():
        mass = prior.log_prob(grid, encode).exp() * (2 * edge / (steps - 1)) ** 2
        draws = prior.float().sample(n, noise(), lambda x: encode(x.double()))
    # The flow's couplings have kinks, where the sum over a grid errs by the square of its step.
    assert float(mass.sum()) == pytest.approx(1, abs=2e-3)
    for direction in ([1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, -1.0]):
        along, found = (
            grid @ torch.tensor(direction).double(),
            draws.double() @ torch.tensor(direction).double(),
        )
        share = float(mass[along > 0.4].sum())
        # Four standard errors of a share of n draws, and what the line through grid points costs.
        bound = 4 * math.sqrt(share * (1 - share) / n) + 4e-3
        assert float((found > 0.4).double().mean()) == pytest.approx(share, abs=bound)


def test_standard_prior_is_that_of_torch_distributions():
    z = points(3, 6, 4)
    expected = Normal(0.0, 1.0).log_prob(z).sum(-1)
    torch.testing.assert_close(made("standard", 4).log_prob(z, no_encoder), expected)


@pytest.mark.parametrize("dim", SIZES)
def test_flow_is_undone_by_its_inverse(dim):
    flow, z = trained_flow(dim), points(50, dim)
    u, _ = flow.to_base(z)
    assert (u - z).abs().max() > 0.1
    torch.testing.assert_close(flow.from_base(u), z, rtol=0, atol=1e-10)


@pytest.mark.parametrize("layers", [1, 2, 6])
@pytest.mark.parametrize("dim", SIZES)
def test_flow_has_the_log_determinant_of_its_jacobian(dim, layers):
    flow = trained_flow(dim, layers=layers)
    z = points(5, dim)
    jacobians = [torch.autograd.functional.jacobian(lambda v: flow.to_base(v)[0], one) for one in z]
    expected = torch.linalg.slogdet(torch.stack(jacobians)).logabsdet
    assert expected.abs().max() > 0.05
    torch.testing.assert_close(flow.to_base(z)[1], expected)


@pytest.mark.parametrize("dim", SIZES)
def test_flow_with_last_layers_of_zero_is_the_standard_prior(dim):
    flow, standard = made("flow", dim), made("standard", dim)
    with torch.no_grad():
        for coupling in flow.couplings:
            for parameter in coupling.net[-1].parameters():
                parameter.zero_()
    z = points(9, dim)
    assert torch.equal(flow.log_prob(z, no_encoder), standard.log_prob(z, no_encoder))
    draws = flow.float().sample(9, noise(), no_encoder)
    assert torch.equal(draws, standard.sample(9, noise(), no_encoder))


@pytest.mark.parametrize("dim", [2, 5, 8])
def test_flow_of_two_layers_moves_every_latent_and_one_that_depends_on_the_others(dim):
    flow = trained_flow(dim, layers=2)
    jacobian = torch.autograd.functional.jacobian(lambda v: flow.to_base(v)[0], points(dim))
    assert (jacobian.diagonal() != 1).all()
    assert jacobian[0, 1] != 0


@pytest.mark.parametrize("size", [1.0, 1e4])
def test_flow_stretches_each_latent_by_a_bounded_factor_wherever_it_is(size):
    for coupling in trained_flow(5).couplings:
        log_scale, _ = coupling._params(size * points(50, 5))
        assert (log_scale.abs() <= LOG_SCALE_LIMIT).all()
        assert (log_scale[:, coupling.keep == 1] == 0).all()


@pytest.mark.parametrize("flow", [made("flow", 8), trained_flow(8)], ids=["new", "trained"])
def test_flow_is_finite_with_finite_gradients_far_from_the_origin(flow):
    flow = flow.float()
    z = (1e4 * points(50, 8).float().sign()).requires_grad_()
    total = flow.log_prob(z, no_encoder).sum()
    total.backward()
    assert torch.isfinite(total)
    assert torch.isfinite(z.grad).all()
    assert all(torch.isfinite(p.grad).all() for p in flow.parameters())
    assert torch.isfinite(flow.from_base(z)).all()


def mixture_of(q):
    """The same mixture, made by torch."""
    if isinstance(q, DiagonalGaussian):
        parts = MultivariateNormal(q.mu, scale_tril=torch.diag_embed((0.5 * q.logvar).exp()))
    else:
        parts = MultivariateNormal(q.mu, scale_tril=q.factor)
    return MixtureSameFamily(Categorical(torch.ones(len(q.mu), dtype=torch.float64)), parts)


@pytest.mark.parametrize("kind", [DiagonalGaussian, FullGaussian])
@pytest.mark.parametrize("most_values", [1, 40, 2**24])
def test_vamp_density_is_that_of_the_mixture_of_its_pseudo_inputs_posteriors(
    kind, most_values, monkeypatch
):
    monkeypatch.setattr(vamp, "MOST_VALUES", most_values)
    prior, (_, encode) = made("vamp", 3), linear_encoder(3, kind)
    z = points(4, 6, 3)
    expected = mixture_of(encode(prior.pseudo_inputs)).log_prob(z)
    torch.testing.assert_close(prior.log_prob(z, encode), expected)


def test_vamp_with_one_pseudo_input_is_its_posterior():
    prior, (_, encode) = made("vamp", 3, components=1), linear_encoder(3)
    z = points(6, 3)
    expected = encode(prior.pseudo_inputs).log_prob(z.unsqueeze(1)).squeeze(1)
    torch.testing.assert_close(prior.log_prob(z, encode), expected)


def test_vamp_density_stays_finite_far_from_every_component():
    prior, (_, encode) = made("vamp", 3), linear_encoder(3)
    value = prior.float().log_prob(torch.full((2, 3), 1e4), lambda x: encode(x.double()))
    assert torch.isfinite(value).all()


def test_vamp_samples_follow_its_density(monkeypatch):
    monkeypatch.setattr(vamp, "MOST_IMAGES", 300)
    prior, (_, encode) = made("vamp", 1, components=3), linear_encoder(1)
    n = 20_000
    z = prior.sample(n, noise(), encode).detach().squeeze(1).sort().values
    q = encode(prior.pseudo_inputs)
    parts = Normal(q.mu.squeeze(1), (0.5 * q.logvar).exp().squeeze(1))
    cdf = parts.cdf(z.unsqueeze(1)).mean(1)
    steps = (torch.arange(n) + 0.5) / n
    # Kolmogorov's distance passes 1.95 / sqrt(n) once in a thousand times.
    assert float((cdf - steps).detach().abs().max()) < 1.95 / math.sqrt(n)


def test_vamp_gradient_reaches_pseudo_inputs_and_encoder():
    prior, (weight, encode) = made("vamp", 3), linear_encoder(3)
    prior.log_prob(points(20, 3), encode).sum().backward()
    assert (prior.pseudo_inputs.grad != 0).all()
    assert (weight.grad != 0).all()


def test_vamp_starts_from_evenly_spaced_train_images():
    images = torch.randint(256, (12, *IMAGE), generator=generator("images"), dtype=torch.uint8)
    prior = made("vamp", 3, components=4)
    prior.initialise(images)
    assert torch.equal((prior.pseudo_inputs * 255).round().byte(), images[[0, 3, 6, 9]])
    assert prior.pseudo_inputs.requires_grad


def test_vamp_repeats_images_where_there_are_fewer_than_pseudo_inputs():
    images = torch.arange(12, dtype=torch.uint8).view(3, *IMAGE)
    prior = made("vamp", 3, components=5)
    prior.initialise(images)
    assert torch.equal((prior.pseudo_inputs * 255).round().byte(), images[[0, 1, 2, 0, 1]])


def test_vamp_puts_pixels_that_left_the_range_back_to_its_ends():
    prior = made("vamp", 3, components=1)
    with torch.no_grad():
        prior.pseudo_inputs.copy_(torch.tensor([-0.5, 0.25, 1.0, 7.0]).view(1, *IMAGE))
    prior.project()
    assert prior.pseudo_inputs.flatten().tolist() == [0, 0.25, 1, 1]
