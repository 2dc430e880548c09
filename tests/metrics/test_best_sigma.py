"""The ELBO at the best sigma against the same model with that sigma put in by hand."""

import pytest
import torch

from bench.config import EvalSettings
from bench.evaluation.view import Generated
from bench.metrics._evaluate import measure, view_of
from bench.metrics.likelihood import best_sigma, elbo
from bench.models import configure
from bench.training.parts import build, reference_data
from bench.variational.elbo import elbo_terms

CPU = torch.device("cpu")


def view(sigma, split="val", likelihood="gaussian"):
    """The same untrained weights under another sigma: the encoder does not read it."""
    values = {"model.likelihood": likelihood, "model.sigma": sigma, "model.latent_dim": 4}
    reference = reference_data("digits", "digits", CPU)
    trainable = build(configure("vae_mlp", values), reference)
    generated = Generated(reference, trainable.modules, trainable.eval_fns)
    with torch.no_grad():
        trainable.modules["encoder"].eval()
    return view_of(generated, split, EvalSettings())


def bound(sigma, split="val"):
    with torch.no_grad():
        return elbo(view(sigma, split))[f"elbo_gaussian_sigma{sigma!r}"]


def fitted(sigma, split="val"):
    with torch.no_grad():
        return best_sigma(view(sigma, split))


def test_no_other_sigma_gives_a_higher_bound_on_validation():
    found = fitted(0.354)
    best = found["best_sigma"]
    assert bound(best) == pytest.approx(found["elbo_best_sigma"], rel=1e-6)
    assert max(bound(best * factor) for factor in (0.5, 0.9, 1.1, 2.0)) < found["elbo_best_sigma"]


def test_on_test_the_sigma_is_the_one_of_validation():
    validation, test = fitted(0.354), fitted(0.354, "test")
    assert test["best_sigma"] == validation["best_sigma"]
    assert test["elbo_best_sigma"] == pytest.approx(bound(test["best_sigma"], "test"), rel=1e-6)


def test_the_sigma_of_training_is_out_of_the_result():
    assert fitted(0.1) == pytest.approx(fitted(1.0), rel=1e-5)


def test_a_state_passes_over_each_split_once(monkeypatch):
    """ELBO, bits per dimension and the best sigma, on both splits, read two passes."""
    passes = []
    monkeypatch.setattr(
        "bench.metrics.likelihood.elbo_terms", lambda *args: passes.append(1) or elbo_terms(*args)
    )
    generated = view(0.354).generated
    measured = [measure(generated, EvalSettings(), split, "end") for split in ("val", "test")]
    assert len(passes) == 2  # digits have less than a chunk on either
    alone = measure(view(0.354).generated, EvalSettings(), "test", "end")
    assert measured[1] == alone
    assert {"test/elbo_best_sigma", "test/bits_per_dim_gaussian_sigma0.354"} <= alone.values.keys()


def test_a_learned_sigma_is_the_best_already():
    with pytest.raises(Exception, match="no Gaussian with one fixed sigma"):
        best_sigma(view(0.354, likelihood="gaussian_learned"))
