"""The ELBO on a model whose log p(x) is known exactly, and the metrics made from it."""

import dataclasses
import math

import pytest
import torch
from linear_gaussian import LATENT, PRIOR, WEIGHT, linear_model, log_evidence, observed, posterior

from bench.contracts import EvalFns, Inference
from bench.data_splits import Arrays
from bench.datasets import Splits
from bench.evaluator import Evaluation, Generated, evaluate
from bench.held import HeldData
from bench.losses.elbo import elbo_terms
from bench.metrics.likelihood import CHUNK
from bench.posteriors.diagonal import DiagonalGaussian
from bench.records import DataSpec
from bench.runtime import DeviceNoise, generator


def elbo_per_image(x, **options):
    noise = DeviceNoise(generator("eval"))
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


def made_splits(n):
    images = torch.randint(256, (n, 1, 4, 4), generator=generator("pixels"), dtype=torch.uint8)
    arrays = Arrays(images.numpy())
    spec = DataSpec(
        name="made", shape=(1, 4, 4), num_classes=0, class_prior=(), levels=256, digest="0" * 16
    )
    return Splits(spec=spec, train=arrays, val=arrays, test=arrays)


def view_of(n, inference):
    held = HeldData(made_splits(n), torch.device("cpu"), None)
    fns = EvalFns(
        latent=lambda nets, n, noise: noise.normal(n, LATENT),
        decode=lambda nets, z, labels: torch.sigmoid(z @ WEIGHT.T.float()).view(-1, 1, 4, 4),
        encode=None if inference is None else encode_as(inference),
        inference=inference,
    )
    return Evaluation(generated=Generated(held, {}, fns), split="val", counts=(n,), most=n)


def encode_as(inference):
    return lambda nets, images, labels, noise: inference.posterior(
        nets, inference.observe(images, noise), labels
    )


def brightness_model():
    """log p(x|z) is the image's sum and the KL is 1: means can be worked out by hand."""
    return Inference(
        kind="density",
        passport="made",
        observe=lambda images, noise: images,
        posterior=lambda nets, x, labels: DiagonalGaussian(torch.zeros(len(x), 2 * LATENT)),
        prior_log_prob=lambda nets, z: PRIOR.log_prob(z, posterior),
        log_likelihood=lambda nets, x, z, labels: x.flatten(1).sum(1),
        kl=lambda nets, q: torch.ones(len(q.mean)),
    )


@pytest.mark.parametrize("n", [CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 7])
def test_every_held_out_image_counts_once_in_the_mean(n):
    view = view_of(n, brightness_model())
    values, _ = evaluate(view, validation_only=True)
    expected = view.images("val").double().flatten(1).sum(1).mean() / 255
    assert values["reconstruction_nats"] == pytest.approx(float(expected), rel=1e-6)
    assert values["elbo_made"] == pytest.approx(float(expected) - 1, rel=1e-6)
    assert values["kl_nats"] == 1


def test_model_without_a_likelihood_has_no_elbo_and_says_why():
    values, reasons = evaluate(view_of(40, None), validation_only=False)
    assert not [name for name in values if name.startswith("elbo")]
    assert reasons["elbo"] == "the model has no likelihood"


def test_data_without_a_detector_has_no_distance_and_names_the_remedy():
    values, reasons = evaluate(view_of(40, None), validation_only=False)
    assert not [name for name in values if name.startswith("fd_")]
    assert reasons["frechet"] == (
        "no detector for 'made': make one with `bench detectors train made`"
    )


def test_units_that_do_not_vary_with_the_image_are_not_active():
    values, _ = evaluate(view_of(60, brightness_model()), validation_only=False)
    assert values["active_units"] == 0


def test_encoder_without_a_likelihood_has_active_units_and_reconstructions_and_no_elbo():
    view = view_of(60, brightness_model())
    expected, _ = evaluate(view, validation_only=False)
    fns = dataclasses.replace(view.fns, inference=None)
    alone = dataclasses.replace(view, generated=Generated(view.held, {}, fns))
    values, reasons = evaluate(alone, validation_only=False)
    for name in ("active_units", "reconstruction_error"):
        assert values[name] == expected[name]
    assert reasons["elbo"] == "the model has no likelihood"
