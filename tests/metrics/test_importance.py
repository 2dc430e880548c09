"""The importance-weighted bound as it is measured: exact values, its draws, its order."""

import math

import pytest
import torch
from linear_gaussian import LATENT, linear_model, log_evidence, observed

from bench import datasets
from bench.datasets import Splits
from bench.evaluation.reference import ReferenceData
from bench.evaluation.view import Generated, View, evaluation_mode
from bench.images import to_unit
from bench.metrics import METRICS, requested
from bench.metrics._evaluate import evaluate
from bench.metrics.importance import BLOCK, bound_of_image
from bench.models import configure
from bench.runtime import DeviceRng, generator
from bench.training.parts import build
from bench.training.trainer import Trainer
from bench.variational.elbo import log_weights

CPU = torch.device("cpu")
NAMES = {1: "iwae_1", 64: "iwae_64", 512: "iwae_512", 5000: "iwae_5000"}


def noise_of(i):
    return DeviceRng(generator("importance test", i))


def errors(x, k, widen):
    """Bound less log p(x) of each image, float64."""
    model = linear_model(widen=widen)
    bounds = [
        bound_of_image(model, {}, image, None, noise_of(i), k=k)()[0]
        for i, image in enumerate(x.split(1))
    ]
    return torch.stack(bounds) - log_evidence(x)


def test_bound_of_5000_draws_is_log_evidence_and_that_of_one_draw_is_far_below():
    x, widen = observed(100), 1.2
    # E[w^2] of normalised weights N(0, 1) / N(0, c^2) is c^2 / sqrt(2 c^2 - 1) per latent.
    variance = (widen**2 / math.sqrt(2 * widen**2 - 1)) ** LATENT - 1
    bias = variance / (2 * 5000)
    many, one = errors(x, 5000, widen), errors(observed(1_000), 1, widen)
    standard_error = float(many.std()) / math.sqrt(len(many))
    assert abs(float(many.mean())) < 3 * standard_error + bias
    assert standard_error < 0.001  # else nothing was tested
    assert float(one.mean()) < -5 * float(one.std()) / math.sqrt(len(one))


@pytest.mark.parametrize("k", [1, 64, BLOCK, 512])
def test_draws_of_a_smaller_bound_are_the_first_of_a_larger_ones(k):
    """A batch-size-dependent importance-weighted bound (protocol.md, pitfalls)."""
    x, model = observed(3)[:1], linear_model(widen=1.4)
    noise, q = noise_of(0), model.posterior({}, x, None)
    z = torch.cat([q.rsample(BLOCK, noise) for _ in range(3)])
    weights = log_weights(model, {}, x, q, z, labels=None)[:, 0]
    found = bound_of_image(model, {}, x, None, noise_of(0), k=k)()[0]
    assert float(found) == pytest.approx(float(weights[:k].logsumexp(0) - math.log(k)), rel=1e-12)


def digits(split):
    """Digits with one of their splits in the place of the validation split."""
    splits = datasets.load("digits")
    part = getattr(splits, split)
    return ReferenceData(
        Splits(spec=splits.spec, train=splits.train, val=part, test=part), CPU, None
    )


def view_of(trainable, reference, likelihood_images=1_000):
    evaluation_mode(trainable.modules)
    generated = Generated(reference, trainable.modules, trainable.eval_fns)
    return View(
        generated=generated,
        split="val",
        counts=(10,),
        max_samples=10,
        likelihood_images=likelihood_images,
    )


def per_image(view, k, places):
    """The bound of the images at some places of the subset, one by one."""
    fns, (images, labels) = view.fns, view.subset("val", view.likelihood_images)
    with torch.no_grad():
        bounds = [
            bound_of_image(
                fns.inference,
                view.nets,
                to_unit(images[i : i + 1]),
                labels[i : i + 1],
                view.noise("importance", i),
                k=k,
            )()[0]
            for i in places
        ]
    return torch.stack(bounds)


@torch.no_grad()
def measured(view, k):
    values = METRICS.get(NAMES[k]).measure(view)
    return next(iter(values.items()))


@pytest.mark.parametrize("conditional", [False, True])
def test_value_is_the_mean_over_images_each_with_noise_of_its_own(conditional):
    """A batch-size-dependent importance-weighted bound (protocol.md, pitfalls)."""
    reference = digits("val")
    trainable = build(configure("vae", {"width": 2, "conditional": conditional}), reference)
    view, fns = view_of(trainable, reference, 7), trainable.eval_fns
    name, value = measured(view, 64)
    assert name == f"iwae_64_{fns.inference.likelihood_name}_n7"
    expected = per_image(view, 64, reversed(range(7)))
    assert value == pytest.approx(float(expected.mean()), rel=1e-9)


def test_no_group_of_images_enters_the_value(monkeypatch):
    reference = digits("val")
    view = view_of(build(configure("vae_mlp", {"hidden": "8"}), reference), reference, 7)
    whole = measured(view, 64)
    monkeypatch.setattr("bench.metrics.importance.GROUP", 3)
    assert measured(view, 64) == whole


def test_bound_of_all_images_is_named_after_their_number():
    reference = digits("val")
    trainable = build(configure("vae_mlp", {"hidden": "8"}), reference)
    name, _ = measured(view_of(trainable, reference, 10_000), 1)
    assert name == "iwae_1_bernoulli_resampled_n297"


def trained(reference, **values):
    settings = {"num_images": 30_000, "lr": 3e-3, "num_logs": 4, "num_validations": 2}
    config = configure("vae_mlp", {"hidden": "128", "latent_dim": 8, **settings, **values})
    trainable = build(config, reference)
    for _ in Trainer(trainable, reference.images("train"), reference.labels("train"), config.train):
        pass
    return trainable


def rises(lower, upper):
    """By how many standard errors the mean of one is above the other's, image by image."""
    rise = upper - lower
    return float(rise.mean() / (rise.std() / math.sqrt(len(rise))))


def test_elbo_is_below_the_bounds_which_rise_with_their_draws():
    reference = digits("train")
    view = view_of(trained(reference), reference)
    values, _ = evaluate(view, "validation")
    one, more, most = (per_image(view, k, range(1_000)) for k in (1, 64, 500))
    assert len(one) == 1_000
    assert rises(one, more) > 10
    assert rises(more, most) > 3
    # The ELBO's own noise is another: its mean over the same images is that of one draw.
    elbo = values["elbo_bernoulli_resampled"]
    assert elbo == pytest.approx(float(one.mean()), abs=4 * float(one.std()) / math.sqrt(1_000))
    assert elbo < float(more.mean()) < float(most.mean())


@pytest.mark.mnist
def test_elbo_is_below_the_bounds_of_64_and_of_5000_draws_on_mnist():
    splits = datasets.load("mnist")
    reference = ReferenceData(splits, CPU, None)
    view = view_of(trained(reference, hidden="200", latent_dim=20), reference)
    values, _ = evaluate(view, "validation")
    means = [measured(view, k)[1] for k in (1, 64, 5000)]
    assert means == sorted(means)
    assert means[1] - means[0] > 1
    assert values["elbo_bernoulli_resampled"] < means[1] < means[2] - 0.1


def test_list_says_what_is_measured_on_request_only():
    assert METRICS.get("iwae_5000").summary.endswith(" On request.")
    assert "On request" not in METRICS.get("iwae_64").summary


def test_64_draws_are_measured_unasked_and_the_others_on_request():
    asked = {name for name in NAMES.values() if METRICS.get(name).when == "request"}
    assert asked == {"iwae_1", "iwae_512", "iwae_5000"}
    assert requested(sorted(asked)) == sorted(asked)
    reference = digits("val")
    trainable = build(configure("vae_mlp", {"hidden": "8"}), reference)
    values, _ = evaluate(view_of(trainable, reference, 3), "end", also=("iwae_512",))
    found = {name for name in values if name.startswith("iwae") and "elbo" not in name}
    assert found == {"iwae_64_bernoulli_resampled_n3", "iwae_512_bernoulli_resampled_n3"}


def test_model_without_a_likelihood_has_no_bound_and_says_why():
    reference = digits("val")
    trainable = build(configure("gan_mlp", {"hidden": "8"}), reference)
    _, reasons = evaluate(view_of(trainable, reference), "end", also=("iwae_1",))
    for name in ("iwae_1", "iwae_64"):
        assert reasons[name] == "the model has no likelihood"


@torch.no_grad()
def test_bound_has_the_elbo_of_the_same_images_and_draws_beside_it():
    """IWAE on 256 images less ELBO on 10,000 is no difference of bounds."""
    reference = digits("val")
    trainable = build(configure("vae", {"width": 2}), reference)
    view = view_of(trainable, reference, 5)
    many, few = (METRICS.get(NAMES[k]).measure(view) for k in (64, 1))
    name = trainable.eval_fns.inference.likelihood_name
    bound, elbo = many[f"iwae_64_{name}_n5"], many[f"iwae_64_elbo_{name}_n5"]
    assert bound > elbo == pytest.approx(few[f"iwae_1_{name}_n5"], rel=0.05)
