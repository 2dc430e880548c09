"""The Frechet distance against its closed forms."""

import math

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from bench.distances.frechet import CHUNK, Moments, frechet_distance, moments
from bench.measures import is_coarse, is_enough
from bench.runtime import generator


def features(n=400, d=6, purpose="a"):
    mixing = torch.randn(d, d, generator=generator("mixing", purpose), dtype=torch.float64)
    return torch.randn(n, d, generator=generator(purpose), dtype=torch.float64) @ mixing


def test_distance_of_equal_sets_is_zero():
    a = moments(features())
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)


def test_distance_to_a_shifted_copy_is_the_squared_shift():
    x = features()
    shift = torch.tensor([3.0, 0, -4.0, 0, 0, 0], dtype=torch.float64)
    assert frechet_distance(moments(x), moments(x + shift)) == pytest.approx(25, rel=1e-9)


def test_distance_to_a_scaled_copy_is_that_of_the_standard_deviations():
    x = features()
    x = x - x.mean(0)
    expected = float(moments(x).cov.trace())  # (2 - 1)^2 tr S
    assert frechet_distance(moments(x), moments(2 * x)) == pytest.approx(expected, rel=1e-9)


def test_distance_of_two_plane_gaussians_is_the_closed_form():
    a = Moments(torch.zeros(2).double(), torch.diag(torch.tensor([4.0, 9.0]).double()), 10)
    b = Moments(torch.ones(2).double(), torch.diag(torch.tensor([1.0, 16.0]).double()), 10)
    assert frechet_distance(a, b) == pytest.approx(2 + (2 - 1) ** 2 + (3 - 4) ** 2, rel=1e-12)


def test_distance_is_that_of_the_matrix_square_root():
    from scipy.linalg import sqrtm

    a, b = moments(features()), moments(features(purpose="b"))
    root = torch.from_numpy(sqrtm((a.cov @ b.cov).numpy()).real)
    expected = (a.mean - b.mean).square().sum() + (a.cov + b.cov - 2 * root).trace()
    assert frechet_distance(a, b) == pytest.approx(float(expected), rel=1e-8)
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-9)


def test_singular_covariances_need_no_epsilon():
    x = features()
    x[:, 3:] = 0
    assert math.isfinite(frechet_distance(moments(x), moments(x)))
    assert frechet_distance(moments(x), moments(x)) == pytest.approx(0, abs=1e-9)


def test_covariance_divides_by_one_less_than_the_count():
    x = torch.tensor([[0.0], [2.0]], dtype=torch.float64)
    assert float(moments(x).cov) == 2


def test_moments_of_chunks_are_those_of_two_passes_over_the_whole():
    # Far from the origin, where a sum of squares would lose eight digits.
    x = features(n=2 * CHUNK + 1) + 1e4
    x[CHUNK:] += torch.linspace(-50, 50, CHUNK + 1).double()[:, None]
    found = moments(x)
    torch.testing.assert_close(found.mean, x.mean(0), rtol=1e-14, atol=0)
    torch.testing.assert_close(found.cov, torch.cov(x.T), rtol=1e-12, atol=0)
    assert found.n == 2 * CHUNK + 1


def test_moments_of_float32_features_are_those_of_their_float64_values():
    x = (features() + 1e3).float()
    found, wanted = moments(x), moments(x.double())
    assert torch.equal(found.mean, wanted.mean)
    assert torch.equal(found.cov, wanted.cov)


def test_moments_hold_no_second_copy_of_the_features(monkeypatch):
    """Whatever is made on the way is a chunk or smaller."""
    made = []

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            result = function(*args, **(kwargs or {}))
            if isinstance(result, torch.Tensor):
                made.append((function, result.numel()))
            return result

    monkeypatch.setattr("bench.distances.frechet.CHUNK", 50)
    x = features(n=2_000)
    with Watch():
        moments(x)
    assert made
    assert max(size for _, size in made) <= 50 * x.shape[1]


def test_few_images_for_the_features_are_refused_or_marked():
    """Protocol rule 11."""
    assert [n for n in (63, 64, 65) if is_enough(n, 64)] == [65]
    assert [n for n in (639, 640, 641) if is_coarse(n, 64)] == [639]
