"""Feature likelihood divergence: by hand, against automatic derivatives, and of copies."""

import math

import pytest
import torch

from bench.distances import feature_likelihood as module
from bench.distances.feature_likelihood import feature_likelihood, fitted_logs, ideal_nll, nll
from bench.runtime import generator


def normal(n, d, *purpose):
    return torch.randn(n, d, generator=generator("fld", *purpose), dtype=torch.float64)


def column(*points):
    return torch.tensor(points, dtype=torch.float64)[:, None]


def density(x, centre, variance):
    return math.exp(-((x - centre) ** 2) / (2 * variance)) / math.sqrt(2 * math.pi * variance)


def test_likelihood_of_two_gaussians_by_hand():
    wanted = -math.log(0.5 * density(1, 0, 1) + 0.5 * density(1, 2, 4))
    logs = torch.tensor([0.0, math.log(4)], dtype=torch.float64)
    assert nll(column(1), column(0, 2), logs) == pytest.approx(wanted, abs=1e-12)


def test_divergence_and_gap_at_the_start_of_the_fit_by_hand(monkeypatch):
    """Held-out images of mean 0 and deviation 1 scale nothing; variances stay where they start."""
    monkeypatch.setattr(module, "EPOCHS", 0)
    real, train, fake = column(-1, 0, 1), column(0.5, -2), column(1.0)
    # The sample at 1 starts from the training image at 0.5; the ideal one at 0.5 from that at -2.
    variance, ideal = 0.25 + 1e-3, 6.25 + 1e-3
    of_held = [-math.log(density(x, 1, variance)) for x in (-1, 0, 1)]
    of_train = [-math.log(density(x, 1, variance)) for x in (0.5, -2)]
    best = [-math.log(density(x, 0.5, ideal)) for x in (-1, 0, 1)]
    found = feature_likelihood(real, fake, train)
    assert found.divergence == pytest.approx(100 * (sum(of_held) - sum(best)) / 3, abs=1e-6)
    assert found.gap == pytest.approx(100 * (sum(of_train) / 2 - sum(of_held) / 3), abs=1e-6)


def by_automatic_derivatives(centres, points):
    """The fit written out over all pairs, with torch's own derivatives."""
    dim, squares = points.shape[1], torch.cdist(points, centres).square()
    wide = (0.9 * (points - points.mean(0))).square().sum(1, keepdim=True)
    logs = ((squares.amin(0) + 1e-3) / dim).log().requires_grad_()
    last = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    optimizer, losses = torch.optim.Adam([logs, last], lr=0.5), []
    for _ in range(50):
        parts = [
            -0.5 * sq / log.exp() - dim / 2 * (log + math.log(2 * math.pi)) - weight
            for sq, log, weight in ((squares, logs, math.log(len(centres))), (wide, last, 0.0))
        ]
        loss = -torch.cat(parts, 1).logsumexp(1).mean() / dim
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
        if len(losses) > 6 and max(losses[-5:]) - min(losses[-5:]) < 1e-12:
            break
    return logs.detach()


@pytest.mark.parametrize("batch", [10_000, 100])
def test_fitted_variances_are_those_of_automatic_derivatives(monkeypatch, batch):
    monkeypatch.setattr(module, "SETTLED", 0.0)
    centres, points = 0.8 * normal(60, 5, "centres"), normal(100, 5, "points")
    monkeypatch.setattr(module, "BATCH", batch)
    wanted = by_automatic_derivatives(centres, points)
    torch.testing.assert_close(fitted_logs(centres, points), wanted, rtol=1e-7, atol=1e-7)


def test_other_real_images_are_at_0_copies_and_poor_samples_are_not():
    real, train, other = normal(200, 6, "real"), normal(400, 6, "train"), normal(200, 6, "other")
    good = feature_likelihood(real, other, train)
    assert abs(good.divergence) < 10
    assert abs(good.gap) < 10
    for copies in (train[:200], train[:200] + 0.02 * normal(200, 6, "noise")):
        found = feature_likelihood(real, copies, train)
        assert found.gap < -50
        assert found.divergence > 50
    for poor in (other + 1, 3 * other):
        found = feature_likelihood(real, poor, train)
        assert found.divergence > 10
        assert abs(found.gap) < 10


def test_what_is_ideal_may_be_known_before():
    real, train, fake = normal(50, 3, "r"), normal(80, 3, "t"), normal(40, 3, "f")
    ideal = ideal_nll(real, train, 40)
    assert feature_likelihood(real, fake, train, ideal) == feature_likelihood(real, fake, train)


def test_a_feature_that_never_changes_spoils_nothing():
    real, train, fake = (
        torch.cat([normal(40, 2, name), torch.ones(40, 1)], 1) for name in ("r", "t", "f")
    )
    found = feature_likelihood(real, fake, train)
    assert math.isfinite(found.divergence)
    assert math.isfinite(found.gap)
