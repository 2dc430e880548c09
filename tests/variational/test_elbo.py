"""The ELBO on a model whose log p(x) is known exactly, and the metrics made from it."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from linear_gaussian import LATENT, PRIOR, WEIGHT, linear_model, log_evidence, observed, posterior

from bench.contracts import EvalFns, Inference
from bench.datasets import Splits
from bench.datasets._splits import Arrays
from bench.evaluation.latents import CHUNK
from bench.evaluation.reference import ReferenceData
from bench.evaluation.view import Generated, View
from bench.images import dequantise
from bench.metrics._evaluate import evaluate
from bench.records import DataSpec
from bench.runtime import DeviceRng, generator
from bench.variational.elbo import elbo_terms
from bench.variational.posteriors.diagonal import DiagonalGaussian


def elbo_per_image(x, **options):
    noise = DeviceRng(generator("eval"))
    terms = elbo_terms(linear_model(**options), {}, x, None, noise)
    return terms[0] - terms[1]


def test_single_sample_elbo_is_log_evidence_for_every_image_under_the_exact_posterior():
    x = observed(200)
    torch.testing.assert_close(
        elbo_per_image(x, closed_kl=False), log_evidence(x), rtol=1e-9, atol=0
    )


def test_elbo_with_the_closed_kl_reaches_log_evidence_in_the_mean():
    x = observed(20_000)
    gap = elbo_per_image(x) - log_evidence(x)
    standard_error = float(gap.std() / math.sqrt(len(x)))
    assert abs(float(gap.mean())) < 4 * standard_error
    assert standard_error < 0.02


@pytest.mark.parametrize("widen", [0.7, 1.3])
def test_elbo_under_another_posterior_stays_below_by_its_divergence(widen):
    x = observed(20_000)
    gap = elbo_per_image(x, widen=widen) - log_evidence(x)
    divergence = 0.5 * LATENT * (widen**2 - 1 - 2 * math.log(widen))
    standard_error = float(gap.std() / math.sqrt(len(x)))
    assert float(gap.mean()) == pytest.approx(-divergence, abs=4 * standard_error)
    assert float(gap.mean()) < -3 * standard_error


def made_splits(n, levels=256):
    k = torch.randint(levels, (n, 1, 4, 4), generator=generator("pixels"))
    arrays = Arrays((k * 255 / (levels - 1)).round().byte().numpy())
    spec = DataSpec(
        name="made", shape=(1, 4, 4), num_classes=0, class_prior=(), levels=levels, digest="0" * 16
    )
    return Splits(spec=spec, train=arrays, val=arrays, test=arrays)


def view_of(n, inference, levels=256):
    reference = ReferenceData(made_splits(n, levels), torch.device("cpu"), None)
    fns = EvalFns(
        latent=lambda nets, n, noise: noise.normal(n, LATENT),
        decode=lambda nets, z, labels: torch.sigmoid(z @ WEIGHT.T.float()).view(-1, 1, 4, 4),
        encode=None if inference is None else encode_as(inference),
        density=inference,
    )
    return View(generated=Generated(reference, {}, fns), split="val", counts=(n,), max_samples=n)


def encode_as(inference):
    return lambda nets, images, labels, noise: inference.posterior(
        nets, inference.observe(images, noise), labels
    )


def brightness_model():
    """log p(x|z) is the image's sum and the KL is 1: means can be worked out by hand."""
    return Inference(
        kind="density",
        likelihood_name="made",
        observe=lambda images, noise: images,
        posterior=lambda nets, x, labels: DiagonalGaussian(torch.zeros(len(x), 2 * LATENT)),
        prior_log_prob=lambda nets, z: PRIOR.log_prob(z, posterior),
        log_likelihood=lambda nets, x, z, labels: x.flatten(1).sum(1),
        kl=lambda nets, q: torch.ones(len(q.mean)),
    )


@pytest.mark.parametrize("n", [CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 7])
def test_every_held_out_image_counts_once_in_the_mean(n):
    view = view_of(n, brightness_model())
    values, _ = evaluate(view, "validation")
    expected = view.images("val").double().flatten(1).sum(1).mean() / 255
    assert values["reconstruction_made"] == pytest.approx(float(expected), rel=1e-6)
    assert values["elbo_made"] == pytest.approx(float(expected) - 1, rel=1e-6)
    assert values["kl_made"] == 1


@pytest.mark.parametrize("n", [CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 7])
def test_every_held_out_image_counts_once_in_what_the_encoder_is_measured_by(n):
    """The last partial batch dropped from a held-out average (protocol.md, pitfalls)."""
    view = view_of(n, brightness_model())
    values, _ = evaluate(view, "end")
    pixels = view.images("val").double().flatten(1) / 255
    # The posterior's mean is 0 for every image, and its picture mid-gray, 128 in bytes.
    expected = (pixels - 128 / 255).square().mean(1).mean()
    assert values["reconstruction_error"] == pytest.approx(float(expected), rel=1e-6)


def test_kl_that_is_sampled_says_so_in_its_name():
    view = view_of(40, brightness_model())
    sampled = dataclasses.replace(brightness_model(), kl=lambda nets, q: None)
    closed, _ = evaluate(view, "validation")
    values, _ = evaluate(view_of(40, sampled), "validation")
    assert {"kl_made", "kl_sampled_made"} & set(closed) == {"kl_made"}
    assert {"kl_made", "kl_sampled_made"} & set(values) == {"kl_sampled_made"}
    terms = values["reconstruction_made"] - values["kl_sampled_made"]
    assert values["elbo_made"] == pytest.approx(terms, rel=1e-9)


def bits(kind, log_likelihood, *, kl=0.0, n=600, levels=256, likelihood_name="made"):
    """Bits per dimension, by an ELBO of the given terms, of random gray levels."""
    model = Inference(
        kind=kind,
        likelihood_name=likelihood_name,
        observe=lambda images, noise: dequantise(images, levels, noise.uniform(*images.shape)),
        posterior=lambda nets, x, labels: DiagonalGaussian(torch.zeros(len(x), 2 * LATENT)),
        prior_log_prob=lambda nets, z: PRIOR.log_prob(z, posterior),
        log_likelihood=lambda nets, x, z, labels: log_likelihood(x).flatten(1).sum(1),
        kl=lambda nets, q: torch.full((len(q.mean),), kl),
    )
    values, reasons = evaluate(view_of(n, model, levels), "end")
    return values.get(f"bits_per_dim_{likelihood_name}"), reasons.get("bits_per_dim")


@pytest.mark.parametrize("levels", [2, 17, 256])
def test_uniform_model_has_the_bits_of_a_gray_level_per_dimension(levels):
    """As a density of dequantised images, and as probabilities of the levels."""
    density, _ = bits("density", torch.zeros_like, levels=levels)
    assert density == pytest.approx(math.log2(levels), rel=1e-12)
    share = math.log(1 / levels)
    discrete, _ = bits("levels", lambda x: torch.full_like(x, share), levels=levels)
    assert discrete == pytest.approx(math.log2(levels), rel=1e-6)


def test_bits_rise_by_the_nats_that_the_bound_is_lower():
    plain, _ = bits("density", torch.zeros_like)
    worse, _ = bits("density", torch.zeros_like, kl=3.0)
    # 16 pixels to an image.
    assert worse - plain == pytest.approx(3 / (16 * math.log(2)), rel=1e-6)


def test_bits_of_a_density_are_at_least_those_of_the_probabilities_that_it_adds_up_to():
    """p(x) = 2x gives level k of L the probability ((k + 1)^2 - k^2) / L^2."""
    levels, n = 4, 2_000
    density, _ = bits("density", lambda x: (2 * x).log(), levels=levels, n=n)
    k = np.round(made_splits(n, levels).val.images / 255.0 * (levels - 1))
    exact = -np.log2((2 * k + 1) / levels**2).mean()
    # The gap is the mean over levels and u of -log2 of p((k + u) / L) over its mean in level k.
    u = (np.arange(1_000) + 0.5) / 1_000
    gaps = [-np.log2((2 * i + 2 * u) / (2 * i + 1)).mean() for i in range(levels)]
    assert density - exact == pytest.approx(np.mean(gaps), abs=0.01)
    assert np.mean(gaps) > 0.05


def test_binary_likelihood_has_no_bits_per_dimension_and_says_why():
    value, reason = bits("binary", torch.zeros_like)
    assert value is None
    assert reason == "a binary likelihood gives no probability of gray levels"


def test_model_without_a_likelihood_has_no_elbo_and_says_why():
    values, reasons = evaluate(view_of(40, None), "end")
    assert not [name for name in values if name.startswith("elbo")]
    assert reasons["elbo"] == "the model has no likelihood"


def test_data_without_a_detector_has_no_distance_and_names_the_remedy():
    values, reasons = evaluate(view_of(40, None), "end")
    assert not [name for name in values if name.startswith("fd_")]
    assert reasons["frechet"] == (
        "no detector for 'made': it has no labels to make one: look through an untrained network "
        "with --set detector=random"
    )


def test_units_that_do_not_vary_with_the_image_are_not_active():
    values, _ = evaluate(view_of(60, brightness_model()), "end")
    assert values["active_units"] == 0


def test_encoder_without_a_likelihood_has_active_units_and_reconstructions_and_no_elbo():
    view = view_of(60, brightness_model())
    expected, _ = evaluate(view, "end")
    fns = dataclasses.replace(view.fns, density=None)
    alone = dataclasses.replace(view, generated=Generated(view.reference, {}, fns))
    values, reasons = evaluate(alone, "end")
    for name in ("active_units", "reconstruction_error"):
        assert values[name] == expected[name]
    assert reasons["elbo"] == "the model has no likelihood"
