"""The noise of one model's distance: half-samples against distances of images drawn again."""

import statistics

import pytest
import torch
from metrics.test_train_mode import CPU, SPEC, Pixels, norm, view

from bench.datasets import Splits
from bench.datasets._splits import Arrays
from bench.distances.frechet import frechet_distance, moments
from bench.evaluation.reference import ReferenceData
from bench.metrics._evaluate import evaluate
from bench.metrics.redrawn import redrawn
from bench.runtime import generator


def reference(n=600):
    rng = generator("redrawn test")
    images = torch.randint(256, (n, *SPEC.shape), generator=rng, dtype=torch.uint8).numpy()
    arrays = Arrays(images, None)
    return ReferenceData(Splits(spec=SPEC, train=arrays, val=arrays, test=arrays), CPU, Pixels())


def drawn_again(n, times=400):
    """Spreads of the distance over samples and over real images that are really drawn again."""
    rng = torch.Generator().manual_seed(3)

    def fake():
        pixels = 127.5 + 25.5 * torch.randn(n, 4, generator=rng, dtype=torch.float64)
        return moments(pixels.clamp(0, 255).round() / 25.5)

    def real():
        pixels = torch.randint(256, (n, 4), generator=rng)
        return moments(pixels.double() / 25.5)

    one_fake, one_real = fake(), real()
    return (
        statistics.stdev(frechet_distance(fake(), one_real) for _ in range(times)),
        statistics.stdev(frechet_distance(one_fake, real()) for _ in range(times)),
    )


def test_half_samples_tell_how_far_a_distance_moves_when_images_are_drawn_again():
    values = redrawn(view({"decoder": norm()}, reference=reference(), n=600))
    sampling, expected = drawn_again(600)
    # The spread of 20 splits is itself known to about a sixth, that of one data set to less.
    assert values["sampling_sd_fd_pixels_n600"] == pytest.approx(sampling, rel=0.35)
    assert values["reference_sd_fd_pixels_n600"] == pytest.approx(expected, rel=0.35)


def test_twice_the_images_halve_the_variance():
    few, many = (
        redrawn(view({"decoder": norm()}, reference=reference(n), n=n))[
            f"sampling_sd_fd_pixels_n{n}"
        ]
        for n in (512, 4096)
    )
    assert few / many == pytest.approx(8**0.5, rel=0.4)


def test_too_few_images_for_two_halves_are_said():
    _, reasons = evaluate(view({"decoder": norm()}, reference=reference(8), n=8), "end")
    assert reasons["redrawn"] == "half of 8 images are too few for 4 features"


def test_it_is_not_measured_during_training():
    values, _ = evaluate(view({"decoder": norm()}, reference=reference(), n=600), "validation")
    assert not [name for name in values if "sd" in name]
