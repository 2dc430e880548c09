"""A model whose log p(x) is exact, in one file, measured without an encoder."""

from __future__ import annotations

import math

import pytest
import torch

from bench.config import EvalSettings
from bench.contracts import NullLogger
from bench.images import dequantise, to_unit
from bench.metrics._evaluate import measure
from bench.models import configure
from bench.registry import load_plugins
from bench.runtime import DeviceRng, generator
from bench.training.parts import reference_data
from bench.training.run import Run

PLUGIN = '''
"""One normal distribution for each pixel: the smallest flow, x = mean + scale z."""

import torch
from torch import nn

from bench.config import ModelSettings
from bench.contracts import EvalFns, ExactDensity, OptimSpec, Phase, Trainable
from bench.images import dequantise, level_centres
from bench.models import model


class Settings(ModelSettings):
    """It has none."""


class Flow(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.mean = nn.Parameter(torch.full(shape, 0.4))
        self.log_scale = nn.Parameter(torch.full(shape, -1.0))

    def forward(self, z):
        return self.mean + self.log_scale.exp() * z

    def log_prob(self, x):
        return torch.distributions.Normal(self.mean, self.log_scale.exp()).log_prob(x).flatten(1).sum(1)


@model("pixel_flow", settings=Settings, family="flow", paper="none: a test")
def build(settings, spec):
    """A normal distribution for each pixel."""
    levels = spec.levels
    density = ExactDensity(
        likelihood_name="normal",
        kind="density",
        observe=lambda images, noise: dequantise(images, levels, noise.uniform(*images.shape)),
        log_prob=lambda nets, x, labels: nets["flow"].log_prob(x),
    )

    def loss(nets, step):
        log_px = density.bound(nets, density.observe(step.images, step.noise), None, step.noise)[0]
        return -log_px.mean(), {}

    return Trainable(
        modules={"flow": Flow(spec.shape)},
        optimizers={"adam": OptimSpec(modules=("flow",), kind="adam", lr=0.02)},
        phases=[Phase(name="flow", optimizer="adam", loss=loss)],
        eval_fns=EvalFns(
            latent=lambda nets, n, noise: noise.normal(n, *spec.shape),
            decode=lambda nets, z, labels: level_centres(nets["flow"](z), levels),
            density=density,
        ),
    )
'''


class Recorder(NullLogger):
    """Keeps the tags."""

    def __init__(self):
        self.named = {}

    def tags(self, values):
        self.named |= values


@pytest.fixture(scope="module")
def flow(tmp_path_factory):
    """The run of the plugin's model, its result and its tags."""
    folder = tmp_path_factory.mktemp("flow")
    (folder / "flow.py").write_text(PLUGIN)
    load_plugins([folder / "flow.py"])
    log, size = Recorder(), {"num_images": 640, "num_logs": 4, "num_validations": 2}
    reference = reference_data("digits", "auto", torch.device("cpu"))
    run = Run(
        config=configure("pixel_flow", size), reference=reference, folder=folder / "run", logger=log
    )
    return run, run.execute(), log.named


@pytest.mark.parametrize("split", ["val", "test"])
def test_exact_log_likelihood_is_that_of_the_closed_form(flow, split):
    run, result, _ = flow
    images, net = run.reference.images(split), run.trainer.evaluated["flow"]
    u = DeviceRng(generator("evaluation", "elbo"), images.device).uniform(*images.shape)
    x = dequantise(to_unit(images), run.reference.spec.levels, u).double()
    mean, scale = net.mean.detach().double(), net.log_scale.detach().double().exp()
    squares = ((x - mean) / scale).square() + 2 * scale.log() + math.log(2 * math.pi)
    expected = float(-0.5 * squares.flatten(1).sum(1).mean())
    found = result.metrics[f"{split}/log_likelihood_normal"]
    assert found == pytest.approx(expected, rel=1e-6)
    bits = (-expected / 64 + math.log(run.reference.spec.levels)) / math.log(2)
    assert result.metrics[f"{split}/bits_per_dim_normal"] == pytest.approx(bits, rel=1e-6)


def test_training_raises_the_exact_log_likelihood(flow, tmp_path):
    run, result, _ = flow
    start = configure("pixel_flow", {"num_images": 64, "num_logs": 1, "num_validations": 1})
    before = Run(
        config=start, reference=run.reference, folder=tmp_path, logger=NullLogger()
    ).execute()
    name = "val/log_likelihood_normal"
    assert result.metrics[name] > before.metrics[name]


def test_exact_density_carries_its_name_and_no_bound_of_an_encoder(flow):
    _, result, tags = flow
    assert tags["passport"] == "normal"
    assert not [
        name for name in result.metrics if "elbo" in name or "/kl" in name or "iwae" in name
    ]
    assert "elbo" not in result.not_applicable
    assert "bits_per_dim" not in result.not_applicable
    for name in ("active_units", "iwae_64", "best_sigma", "reconstruction_error"):
        assert result.not_applicable[name] == "the model has no encoder"


def test_exact_density_is_no_subject_for_annealing(flow):
    run, _, _ = flow
    measured = measure(run.generated(), EvalSettings(), "val", "end", also=("ais",))
    assert measured.lacking["ais"] == "the model has no latent space"
