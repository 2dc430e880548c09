"""How the KL spreads over latents, and how far codes are from the prior."""

import dataclasses
import functools

import pytest
import torch

from bench.errors import NotApplicable
from bench.evaluation.latents import CHUNK, mean_kl_per_latent
from bench.evaluation.view import Generated, View, evaluation_mode
from bench.metrics import METRICS
from bench.metrics._evaluate import evaluate
from bench.metrics.latent_measures import inverse_multiquadratic
from bench.models import configure
from bench.pictures import PICTURES
from bench.pictures._chart import BAR, HIGH, TOP, spans
from bench.runtime import DeviceRng, generator
from bench.training.parts import build, reference_data
from bench.variational.posteriors.diagonal import DiagonalGaussian

CPU = torch.device("cpu")


@functools.cache
def view_of(model="vae_mlp", **values):
    """Digits seen by a model whose weights are far from their start."""
    reference = reference_data("digits", "auto", CPU)
    trainable = build(configure(model, values), reference)
    rng = generator("weights")
    with torch.no_grad():
        for net in trainable.modules.values():
            for parameter in net.parameters():
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=rng))
    evaluation_mode(trainable.modules)
    generated = Generated(reference, trainable.modules, trainable.eval_fns)
    return View(generated=generated, split="val", counts=(297,), max_samples=297)


def with_inference(view, **replaced):
    inference = dataclasses.replace(view.fns.inference, **replaced)

    def encode(nets, images, labels, noise):
        return inference.posterior(nets, inference.observe(images, noise), labels)

    fns = dataclasses.replace(view.fns, density=inference, encode=encode)
    return dataclasses.replace(view, generated=Generated(view.reference, view.nets, fns))


@torch.no_grad()
def measured(name, view):
    return METRICS.get(name).measure(view)


def test_kl_of_the_latents_adds_up_to_that_of_the_elbo():
    view = view_of(latent_dim=6, hidden="16", likelihood="bernoulli_gray")
    per_latent = mean_kl_per_latent(view, "val", 297)
    values, _ = evaluate(view, "validation")
    assert per_latent.shape == (6,)
    assert per_latent.dtype == torch.float64
    expected = values["kl_bernoulli_gray"]
    assert float(per_latent.detach().sum()) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("likelihood", ["bernoulli_gray", "gaussian"])
def test_every_image_counts_once_in_the_kl_of_the_latents(likelihood):
    """The last partial batch dropped from a held-out average (protocol.md, pitfalls)."""
    view = view_of(latent_dim=3, hidden="16", likelihood=likelihood)
    images, sizes = view.images("train"), []

    def kl_per_latent(nets, q):
        sizes.append(len(q.mean))
        return q.mean

    seen = with_inference(view, kl_per_latent=kl_per_latent, observe=lambda images, noise: images)
    n = CHUNK + 7
    found = mean_kl_per_latent(seen, "train", n)
    chosen = view.subset("train", n)[0] / 255.0
    expected = seen.fns.inference.posterior(view.nets, chosen, None).mean
    assert sizes == [CHUNK, 7]
    assert len(images) > n
    torch.testing.assert_close(found, expected.double().mean(0), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("nats", "needed"),
    [
        ([1.0, 7.0, 2.0], 2),
        ([1.01, 6.99, 2.0], 3),
        ([5.0, 0.0, 0.0], 1),
        ([1.0, 1.0, 1.0, 1.0], 4),
        ([0.0, 0.0], 0),
    ],
)
def test_fewest_latents_that_hold_nine_tenths_of_the_kl_are_counted(nats, needed):
    view = with_inference(
        view_of(latent_dim=6, hidden="16"),
        kl_per_latent=lambda nets, q: torch.tensor(nats).expand(len(q.mean), -1),
    )
    values = measured("kl_latents", view)
    assert values["kl_latents_90"] == needed
    assert values["kl_latent_max"] == pytest.approx(max(nats))


@pytest.mark.parametrize("values", [{"prior": "flow"}, {"posterior": "full_covariance"}])
def test_kl_that_has_no_form_latent_by_latent_gives_no_number_and_no_picture(values):
    view = view_of(latent_dim=3, hidden="16", **values)
    _, reasons = evaluate(view, "end")
    assert reasons["kl_latents"] == "the model has no KL latent by latent in closed form"
    with pytest.raises(NotApplicable, match=reasons["kl_latents"]):
        PICTURES.get("kl_per_latent").draw(view)


def coded(view, posterior):
    """The view of a model whose encoder gives this posterior."""
    fns = dataclasses.replace(
        view.fns, encode=lambda nets, images, labels, noise: posterior(images)
    )
    return dataclasses.replace(view, generated=Generated(view.reference, view.nets, fns))


def normal(mean, logvar=0.0):
    def posterior(images):
        values = torch.full((len(images), 4), float(mean))
        return DiagonalGaussian(torch.cat([values, torch.full_like(values, logvar)], dim=1))

    return posterior


def test_codes_that_are_drawn_from_the_prior_have_no_distance_to_it():
    view = coded(view_of(latent_dim=4, hidden="16"), normal(0.0))
    values = measured("mmd_posterior", view)
    assert set(values) == {"mmd_posterior_n297", "mmd_posterior_n297_se"}
    # Its error is up to sqrt(2) too large there.
    assert abs(values["mmd_posterior_n297"]) < 3 * values["mmd_posterior_n297_se"]
    assert values["mmd_posterior_n297_se"] < 0.01


@pytest.mark.parametrize("posterior", [normal(0.5), normal(0.0, -2.0)], ids=["shifted", "narrow"])
def test_codes_that_are_shifted_or_too_narrow_are_clearly_away_from_the_prior(posterior):
    values = measured("mmd_posterior", coded(view_of(latent_dim=4, hidden="16"), posterior))
    assert values["mmd_posterior_n297"] > 5 * values["mmd_posterior_n297_se"]


def test_distance_of_codes_is_that_of_two_normals():
    """E k of the difference of two normal draws, by many draws: MMD^2 = 2 (E k(d) - E k(d + m))."""
    view, shift, dim = view_of(latent_dim=4, hidden="16"), 1.0, 4
    difference = 2**0.5 * DeviceRng(generator("difference")).normal(400_000, dim).double()
    near, far = (
        (2 * dim / (2 * dim + (difference + by).square().sum(1))).mean() for by in (0.0, shift)
    )
    values = measured("mmd_posterior", coded(view, normal(shift)))
    error = values["mmd_posterior_n297"] - float(2 * (near - far))
    assert abs(error) < 4 * values["mmd_posterior_n297_se"]
    assert 2 * (near - far) > 8 * values["mmd_posterior_n297_se"]


def test_kernel_falls_from_one_to_a_half_at_its_scale():
    x = torch.randn(5, 8, generator=generator("x"), dtype=torch.float64)
    away = torch.zeros(8, dtype=torch.float64)
    away[2] = 4.0  # squared distance 16 = 2 D
    y = torch.cat([x, x + away])
    norms = [points.square().sum(1) for points in (x, y)]
    kernel = inverse_multiquadratic(x @ y.T, norms[0][:, None], norms[1], 8)
    torch.testing.assert_close(kernel.diagonal(0), torch.ones(5).double())
    torch.testing.assert_close(kernel.diagonal(5), torch.full((5,), 0.5).double())
    expected = 16 / (16 + torch.cdist(x, x).square())
    torch.testing.assert_close(kernel[:, :5], expected)


def test_model_without_an_encoder_has_no_codes_and_says_why():
    _, reasons = evaluate(view_of("gan_mlp", hidden="16"), "end")
    assert reasons["mmd_posterior"] == "the model has no encoder"


def heights(picture, count):
    """Pixels of each bar, counted at its middle."""
    colour = [int(BAR[i : i + 2], 16) for i in (1, 3, 5)]
    middles = [round((left + right) / 2) for left, right in spans(count)]
    return (picture[TOP : TOP + HIGH, middles] == colour).all(axis=2).sum(0)


def test_picture_shows_the_kl_of_the_latents_from_the_fullest_to_the_emptiest():
    view = view_of(latent_dim=6, hidden="16")
    with torch.no_grad():
        picture = PICTURES.get("kl_per_latent").draw(view)
        kl = mean_kl_per_latent(view, "val", 297).sort(descending=True).values.numpy()
    assert heights(picture, 6) == pytest.approx(kl / (1.05 * kl[0]) * HIGH, abs=2)
    assert kl[0] > 2 * kl[-1]
