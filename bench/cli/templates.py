"""What ``bench init`` writes: a commented file to start from and its test, by kind."""

from __future__ import annotations

STUDY = '''"""{question}

bench show {name}{plugin}               the plan
bench run {name}{plugin} --dry-run
bench run {name}{plugin}
bench report {name}
"""

from bench.plan import Arm, Planned, Study, Tier

STUDY = Study(
    name="{name}",  # the name of this file
    question="{question}",
    arms=(
        # `bench list models` names the models, `bench show MODEL` their settings and presets. Each is
        # at its own defaults; others are given as settings={{"model.lr": 1e-3}}. Nothing is searched.
{arms}
    ),
    # A factor is crossed with every arm, so every model must have it; the first one is the x-axis.
    # factors={factors},
    # Measured once beside the arms.
    baselines={baselines},
    # What is tested, declared before it is run.
    comparisons=(
{planned}
    ),
    tiers={{
        "classroom": Tier(
            dataset="digits",
            settings={{"train.num_images": 12_000}},  # the budget, for all alike
        ),
    }},
    # notes=("A sentence that the report prints under its protocol.",),
)
'''

ARM = '        Arm(name="{name}", model="{model}"),'

MODEL = '''"""{name}: a small VAE to start from. Change the networks and the loss to yours.

bench check {name}.py                            what is broken, in a sentence each
bench train {name} --plugin {name}.py
bench show {name} --plugin {name}.py
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from bench.config import ModelSettings
from bench.contracts import EvalFns, Nets, OptimSpec, Phase, Rng, Scalars, Step, Trainable
from bench.models import model
from bench.records import DataSpec


class Settings(ModelSettings):
    """What `--set` changes: each value a number, a text or a truth value, with its range."""

    latent_dim: int = Field(8, ge=1, le=512, description="size of z")
    hidden: int = Field(256, ge=1, le=4096, description="units of the hidden layer")
    lr: float = Field(4e-3, gt=0, le=1, description="Adam's learning rate")


@model("{name}", settings=Settings, family="{name}", paper="none yet: name yours")
def build(settings: Settings, spec: DataSpec) -> Trainable:
    """One line for `bench list models`."""
    size = spec.shape[0] * spec.shape[1] * spec.shape[2]  # spec.shape is (C, H, W)

    # Modules are built here: their weights depend on the run's seed alone.
    encoder = nn.Sequential(
        nn.Flatten(),
        nn.Linear(size, settings.hidden),
        nn.ReLU(),
        nn.Linear(settings.hidden, 2 * settings.latent_dim),
    )
    decoder = nn.Sequential(
        nn.Linear(settings.latent_dim, settings.hidden),
        nn.ReLU(),
        nn.Linear(settings.hidden, size),
    )

    def loss(nets: Nets, step: Step) -> tuple[Tensor, Scalars]:
        # step.images: float [N, C, H, W] in [0, 1]; the first value is minimised, the others are logged.
        # Use the modules that are given, and draw from step.noise alone: then a run repeats.
        mu, logvar = nets["encoder"](step.images).chunk(2, dim=1)
        z = mu + (0.5 * logvar).exp() * step.noise.normal(*mu.shape)
        logits = nets["decoder"](z)
        x = step.images.flatten(1)
        distortion = F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(1).mean()
        kl = 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(1).mean()
        return distortion + kl, {{"distortion": distortion, "kl": kl}}

    def latent(nets: Nets, n: int, noise: Rng) -> Tensor:
        # What samples are made from, [n, ...].
        return noise.normal(n, settings.latent_dim)

    def decode(nets: Nets, z: Tensor, labels: Tensor | None) -> Tensor:
        # Images [n, C, H, W] in [0, 1].
        return torch.sigmoid(nets["decoder"](z)).view(-1, *spec.shape)

    return Trainable(
        modules={{"encoder": encoder, "decoder": decoder}},
        # An optimizer moves the modules that it names, and a phase nothing else. A GAN has two of each.
        optimizers={{
            "adam": OptimSpec(modules=("encoder", "decoder"), kind="adam", lr=settings.lr)
        }},
        phases=[Phase(name="{name}", optimizer="adam", loss=loss)],
        eval_fns=EvalFns(latent=latent, decode=decode, latent_dim=settings.latent_dim),
    )
'''

METRIC = '''"""{name}: a measure to start from. Change what it computes to yours.

bench check {name}.py
bench train vae --plugin {name}.py            its values begin with val/ and test/
"""

from __future__ import annotations

from bench.evaluation.view import View
from bench.metrics import metric


# when: "end" of a run, also at each "validation", or on "request" (`--set measures={name}`).
@metric("{name}", when="end", better="lower")
def {name}(view: View) -> dict[str, float]:
    """Difference of the mean gray level of samples and of held-out images; lower is better."""
    # The view gives what there is, or says by itself why this run has none: view.samples(n) uint8
    # [n, C, H, W], view.subset(split, n), view.generated_features(n), view.density and so on.
    n = view.counts[-1]
    made = view.samples(n).double().mean()
    real = view.subset(view.split, n)[0].double().mean()
    return {{"{name}": abs(float(made - real)) / 255}}
'''

DATASET = '''"""{name}: a data set to start from. Change what `read` gives to yours.

bench check {name}.py
bench train vae --dataset {name} --plugin {name}.py
"""

from __future__ import annotations

import numpy as np

from bench.datasets import DATASETS, Arrays, DatasetSource, Parts


def read() -> Parts:
    """Images uint8 [N, C, H, W] and classes int64 [N] (None without); the same at every call."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 2_000)
    images = rng.integers(0, 64, (2_000, 1, 8, 8))
    for number, label in enumerate(labels):  # a bright quarter, which is the class
        row, column = divmod(int(label), 2)
        images[number, 0, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4] += 128
    # A test split of your own is a second one: Parts(train, test=...); else one is held out.
    return Parts(Arrays(images.astype(np.uint8), labels.astype(np.int64)))


DATASETS.add("{name}", DatasetSource(summary="One line for `bench list datasets`.", read=read))
'''

TEST = {
    "model": '''"""What every model promises, of {name}: `pytest test_{name}.py`."""

from pathlib import Path

import pytest

from bench.registry import load_plugins
from bench.testing import MODEL_PROMISES

load_plugins([Path(__file__).with_name("{name}.py")])


@pytest.mark.parametrize("promise", MODEL_PROMISES)
def test_{name}_keeps_its_promises(promise):
    MODEL_PROMISES[promise]("{name}")
''',
    "metric": '''"""{name} is what it says: `pytest test_{name}.py`. Add a case that you know by hand."""

from pathlib import Path

from bench.cli.check import check_file


def test_{name}_keeps_the_promises_of_a_metric():
    assert check_file(Path(__file__).with_name("{name}.py"))["faults"] == []
''',
    "dataset": '''"""{name} is read as it is meant: `pytest test_{name}.py`. Add what you know of its images."""

from pathlib import Path

from bench.cli.check import check_file


def test_{name}_keeps_the_promises_of_a_data_set():
    assert check_file(Path(__file__).with_name("{name}.py"))["faults"] == []
''',
}

PLUGIN = {"model": MODEL, "metric": METRIC, "dataset": DATASET}
"""Files that are given with ``--plugin``."""

NEXT = {
    "model": "bench train {name} --plugin {file}; for a table beside vae and gan: "
    "bench init {name}_study --arms {name},vae,gan --plugin {file}",
    "metric": "bench train vae --plugin {file}",
    "dataset": "bench train vae --dataset {name} --plugin {file}",
}
"""What is done with each once it is whole."""
