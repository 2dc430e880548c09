"""Points beside their true density: hand-made counts, and what a perfect generator has."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from bench import datasets
from bench.contracts import EvalFns
from bench.datasets import truth_of
from bench.evaluation.view import Generated, View
from bench.metrics import NotApplicable
from bench.metrics.known_truth import (
    cross_entropy,
    known_modes,
    mode_js,
    mode_kl,
    sliced_wasserstein_distance,
)
from bench.metrics.samples import classes
from bench.training.health import collapse
from bench.training.parts import reference_data

CPU, N = torch.device("cpu"), 4_000


def view_of(name, points, n=N):
    """A generator of these points ``[N, 2]``."""
    low, high = truth_of(name).extent
    shown = torch.as_tensor((points - low) / (high - low)).float().reshape(-1, 1, 1, 2)
    fns = EvalFns(latent=lambda _, n, __: torch.arange(n), decode=lambda _, z, __: shown[z])
    generated = Generated(reference_data(name, "auto", CPU), {}, fns)
    return View(generated=generated, split="val", counts=(n,), max_samples=n)


@pytest.mark.parametrize("name", ["ring8", "grid25"])
def test_perfect_generator_has_what_its_floor_says(name):
    truth = truth_of(name)
    view = view_of(name, truth.draw(N, seed=7)[0])
    modes, k = known_modes(view), len(truth.means)
    # P(within 3 sd in the plane) = 1 - exp(-9 / 2); four standard errors.
    within = 1 - math.exp(-4.5)
    assert modes[f"good_n{N}"] == pytest.approx(within, abs=4 * math.sqrt(within / 90 / N))
    assert modes[f"covered_n{N}"] == modes[f"covered_n{N}_real"] == k
    for side in ("", "_real"):  # chi square of k - 1 degrees of freedom over 2 n
        assert 0 < modes[f"mode_kl_n{N}{side}"] < (k - 1 + 4 * math.sqrt(2 * (k - 1))) / (2 * N)
    entropy = math.log(k) + math.log(2 * math.pi * math.e) + 2 * math.log(truth.sd)
    found = cross_entropy(view)
    assert found[f"cross_entropy_n{N}"] == pytest.approx(entropy, abs=0.1)
    assert found[f"cross_entropy_n{N}_real"] == pytest.approx(entropy, abs=0.1)
    apart = sliced_wasserstein_distance(view)
    floor = apart[f"sw_coordinates_n{N}_real"]
    assert 0.3 * floor < apart[f"sw_coordinates_n{N}"] < 3 * floor


def test_generator_of_one_mode_covers_one_of_eight_and_is_log_8_away():
    points = np.tile(truth_of("ring8").means[3], (N, 1))
    found = known_modes(view_of("ring8", points))
    assert found[f"good_n{N}"] == 1
    assert found[f"covered_n{N}"] == 1
    assert found[f"mode_kl_n{N}"] == pytest.approx(math.log(8))
    # Half of (1 and 1/8) against the middle: 9/16 where both are, 1/16 at the seven others.
    js = 0.5 * math.log(16 / 9) + 0.5 * (math.log(2 / 9) + 7 * math.log(2)) / 8
    assert found[f"mode_js_n{N}"] == pytest.approx(js)
    assert collapse(classes(view_of("ring8", points))).startswith("the samples cover 1.0 classes")


def test_points_between_the_modes_are_not_good_and_cover_nothing():
    found = known_modes(view_of("grid25", np.full((N, 2), 1.0)))
    assert found[f"good_n{N}"] == found[f"covered_n{N}"] == 0


@pytest.mark.parametrize(
    ("counts", "kl"),
    [
        ([5, 5], 0.0),
        ([10, 0], math.log(2)),
        ([3, 1], math.log(2) - 2.0 * math.log(2) + 0.75 * math.log(3)),
    ],
)
def test_kl_of_a_histogram_to_equal_shares_by_hand(counts, kl):
    assert mode_kl(torch.tensor(counts)) == pytest.approx(kl, abs=1e-15)


def test_js_lies_between_0_and_log_2_and_is_0_for_equal_shares():
    assert mode_js(torch.tensor([7, 7, 7])) == pytest.approx(0, abs=1e-15)
    assert mode_js(torch.tensor([1, *[0] * 999])) == pytest.approx(math.log(2), rel=0.01)


def view_of_stacks(images):
    """A generator of these stacks of digits, uint8 ``[N, 3, 8, 8]``, seen on the test split."""
    shown = torch.from_numpy(images).float() / 255
    fns = EvalFns(latent=lambda _, n, __: torch.arange(n), decode=lambda _, z, __: shown[z])
    generated = Generated(reference_data("stacked_digits", "auto", CPU), {}, fns)
    return View(generated=generated, split="test", counts=(len(images),), max_samples=len(images))


def kl_and_js(counts):
    """Both to 1,000 equal shares, in another way: sums over p log(p / q)."""
    p, q = np.asarray(counts) / sum(counts), 1 / 1_000
    some, middle = p[p > 0], (p + q) / 2
    js = (some * np.log(some / middle[p > 0])).sum() / 2 + (q * np.log(q / middle)).sum() / 2
    return (some * np.log(some / q)).sum(), js


def test_stacks_are_counted_by_the_classes_of_their_channels():
    n, splits = 300, datasets.load("stacked_digits")
    view = view_of_stacks(splits.val.images[:n])
    found, single = known_modes(view), reference_data("digits", "auto", CPU).detector
    for side, images in (("", splits.val.images[:n]), ("_real", view.subset("test", n)[0])):
        digits = torch.as_tensor(images).reshape(3 * n, 1, 8, 8)
        triples = single(digits)[1].argmax(1).view(n, 3).numpy() @ [100, 10, 1]
        counts = np.bincount(triples, minlength=1_000)
        kl, js = kl_and_js(counts)
        assert found[f"covered_n{n}{side}"] == (counts > 0).sum()
        assert found[f"mode_kl_n{n}{side}"] == pytest.approx(kl, rel=1e-12)  # float64
        assert found[f"mode_js_n{n}{side}"] == pytest.approx(js, rel=1e-12)
    assert set(found) == {
        f"{name}_n{n}{side}" for name in ("covered", "mode_kl", "mode_js") for side in ("", "_real")
    }


def test_generator_of_one_stack_covers_one_of_1000_modes_and_has_collapsed():
    one = datasets.load("stacked_digits").val.images[:1]
    view = view_of_stacks(np.repeat(one, 500, axis=0))
    found = known_modes(view)
    assert found["covered_n500"] == 1
    assert found["mode_kl_n500"] == pytest.approx(math.log(1_000))
    assert collapse(classes(view)).startswith("the samples cover 1.0 classes, real images")
    with pytest.raises(NotApplicable, match="true density of 'stacked_digits' is not known"):
        cross_entropy(view)


@pytest.mark.mnist
@pytest.mark.slow
def test_perfect_stacks_of_mnist_have_the_divergence_that_the_protocol_states():
    detector, n = reference_data("mnist", "auto", CPU).detector, 26_000
    expected = {"val": 0.0235, "test": 0.0245}
    for split, kl in expected.items():
        digits = getattr(datasets.load("mnist"), split).images
        known = detector(torch.from_numpy(digits))[1].argmax(1).numpy()
        rng, found = np.random.default_rng(0), []
        for _ in range(300):
            triples = known[rng.integers(len(known), size=(n, 3))] @ [100, 10, 1]
            found.append(mode_kl(torch.from_numpy(np.bincount(triples, minlength=1_000))))
        # One draw has a standard deviation of 0.001; four standard errors of 300, and rounding.
        assert np.mean(found) == pytest.approx(kl, abs=0.0003)


def test_data_without_a_known_density_have_none_of_this():
    reference = reference_data("digits", "auto", CPU)
    view = dataclasses.replace(view_of("ring8", np.zeros((N, 2))), generated=None)
    view.generated = Generated(reference, {}, EvalFns(latent=None, decode=None))
    for metric in (sliced_wasserstein_distance, known_modes, cross_entropy):
        with pytest.raises(NotApplicable, match="true density of 'digits' is not known"):
            metric(view)
