"""Probabilistic PCA: the closed form against the density that it means, and a linear VAE that learns."""

import pytest
import torch
from torch.distributions import MultivariateNormal

from bench.errors import UsageError
from bench.images import to_unit
from bench.models import configure
from bench.runtime import DeviceRng, generator
from bench.testing import made_spec
from bench.training.parts import build, reference_data
from bench.training.trainer import Trainer
from bench.variational.elbo import importance_bound

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def digits():
    return reference_data("digits", "auto", CPU)


def noise():
    return DeviceRng(generator("ppca"))


def marginal(nets):
    """N(mean, W W^T + sigma^2 I) of a decoder and its likelihood."""
    layer = nets["decoder"].layers[0]
    weight, sigma = layer.weight.double(), nets["likelihood"].split(torch.zeros(1))[1].exp()
    return MultivariateNormal(
        layer.bias.double(), weight @ weight.T + float(sigma) ** 2 * torch.eye(64).double()
    )


def dequantised(density, images):
    return density.observe(to_unit(images), noise()).flatten(1).double()


@torch.no_grad()
def test_closed_form_has_its_own_marginal_as_likelihood_and_its_bound_is_exact(digits):
    ppca = build(configure("ppca"), digits)
    nets, inference, images = ppca.modules, ppca.eval_fns.inference, digits.images("test")
    exact = marginal(nets).log_prob(dequantised(inference, images))
    one = importance_bound(inference, nets, to_unit(images), None, noise(), k=1)
    # The weights of every draw are p(x) itself, in float32.
    torch.testing.assert_close(one.double(), exact, atol=1e-3, rtol=0)


@torch.no_grad()
def test_no_direction_of_the_parameters_gains_on_the_training_images(digits):
    ppca = build(configure("ppca"), digits)
    layer, images = ppca.modules["decoder"].layers[0], digits.images("train")
    # Many draws of u: the closed form is the maximum of their mean.
    x = torch.cat(
        [dequantised(ppca.eval_fns.inference, images)]
        + [
            ppca.eval_fns.inference.observe(to_unit(images), DeviceRng(generator("u", i)))
            .flatten(1)
            .double()
            for i in range(20)
        ]
    )
    best = marginal(ppca.modules).log_prob(x).mean()
    for i in range(5):
        step = 0.02 * torch.randn(layer.weight.shape, generator=generator("step", i))
        layer.weight += step
        assert marginal(ppca.modules).log_prob(x).mean() < best
        layer.weight -= step


@pytest.mark.slow
def test_linear_vae_reaches_it_within_a_tenth_of_a_nat(digits):
    ppca = build(configure("ppca"), digits)
    config = configure("vae_linear", {"num_images": "1000000"})
    linear = build(config, digits)
    for _ in Trainer(linear, digits.stored("train"), None, config.train):
        pass
    x = dequantised(ppca.eval_fns.inference, digits.images("test"))
    with torch.no_grad():
        found, wanted = (marginal(one.modules).log_prob(x).mean() for one in (linear, ppca))
    assert float(found) == pytest.approx(float(wanted), abs=0.1)


def test_latent_space_as_large_as_an_image_is_refused():
    from bench.models.ppca import Settings, build as build_ppca

    with pytest.raises(UsageError, match="latent_dim=64 leaves no pixel of 64 to sigma"):
        build_ppca(Settings(latent_dim=64), made_spec((1, 8, 8)))
