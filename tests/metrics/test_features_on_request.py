"""Measures on request on digits: taken only where they are named, and what known models get."""

import pytest
import torch

from bench.contracts import EvalFns
from bench.evaluation.view import Generated, View
from bench.images import to_unit
from bench.metrics import METRICS, requested
from bench.metrics._evaluate import evaluate
from bench.training.parts import reference_data

ON_REQUEST = ("clipped_overlap", "vendi")


@pytest.fixture(scope="module")
def digits():
    return reference_data("digits", "auto", torch.device("cpu"))


def showing(digits, images):
    """A model that shows these images one after the other, seen on the validation split."""
    fns = EvalFns(
        latent=lambda nets, n, noise: torch.arange(n) % len(images),
        decode=lambda nets, z, labels: to_unit(images[z]),
    )
    return View(generated=Generated(digits, {}, fns), split="val", counts=(297,), max_samples=297)


def measured(digits, images, *names):
    view, found = showing(digits, images), {}
    for name in names:
        found |= METRICS.get(name).measure(view)
    return found


def test_they_are_taken_where_they_are_named_and_nowhere_else(digits):
    assert requested(ON_REQUEST) == ON_REQUEST
    view = showing(digits, digits.images("test"))
    asked, _ = evaluate(view, "validation", also=("vendi",))
    assert asked["vendi_digits_n297"] > 1
    assert not [name for name in evaluate(view, "validation")[0] if name.startswith("vendi")]


def test_other_real_images_are_good_and_one_class_covers_a_tenth(digits):
    names = [f"clipped_{name}_digits_n297" for name in ("density", "coverage")]
    other = measured(digits, digits.images("test"), "clipped_overlap")
    assert [other[name] > 0.85 for name in names] == [True, True]
    ones = digits.images("train")[digits.labels("train") == 1]
    density, coverage = (measured(digits, ones, "clipped_overlap")[name] for name in names)
    assert density > 0.8
    assert coverage < 0.2
    found = measured(digits, ones, "vendi")
    assert 1 < found["vendi_digits_n297"] < 0.5 * found["vendi_digits_n297_real"]
