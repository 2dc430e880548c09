"""Train-mode against eval-mode samples: a decoder whose running statistics are known to be wrong."""

import copy

import pytest
import torch
from torch import nn

from bench.contracts import EvalFns
from bench.datasets import Splits
from bench.datasets._splits import Arrays
from bench.evaluation.reference import ReferenceData
from bench.evaluation.view import Generated, View
from bench.metrics._evaluate import evaluate
from bench.models import configure
from bench.records import DataSpec
from bench.runtime import generator
from bench.training.parts import build, reference_data

CPU = torch.device("cpu")
BATCH = {"stack_norm": "batch"}
SPEC = DataSpec(
    name="made", shape=(1, 2, 2), num_classes=0, class_prior=(), levels=256, digest="0" * 16
)


class Pixels:
    """Features that are the four pixels, in units of 1/10."""

    name, digest, dim, own_classes = "pixels", "0" * 16, 4, False

    def __call__(self, images):
        return images.flatten(1).double() / 25.5, None


def made_data(n=512):
    rng = generator("made")
    images = torch.randint(256, (n, *SPEC.shape), generator=rng, dtype=torch.uint8).numpy()
    arrays = Arrays(images, None)
    return ReferenceData(Splits(spec=SPEC, train=arrays, val=arrays, test=arrays), CPU, Pixels())


def decoded(nets, z, labels):
    """A tenth of brightness for each unit that the decoder gives, around the middle gray."""
    return 0.5 + 0.1 * nets["decoder"](z).view(-1, *SPEC.shape)


FNS = EvalFns(latent=lambda nets, n, noise: noise.normal(n, 4), decode=decoded, latent_dim=4)


def norm(*, mean=0.0, var=1.0):
    """Batch norm that believes in this mean and variance of what it gets."""
    layer = nn.BatchNorm1d(4, eps=1e-12)
    layer.running_mean.fill_(mean)
    layer.running_var.fill_(var)
    return layer


def view(nets, split="val", fns=FNS, reference=None, n=512):
    reference = reference or made_data(n)
    return View(generated=Generated(reference, nets, fns), split=split, counts=(n,), max_samples=n)


def values_of(seen):
    values, reasons = evaluate(seen, "end")
    return {k: v for k, v in values.items() if "_mode_" in k}, reasons.get("train_mode")


@pytest.mark.parametrize(
    ("statistics", "expected"),
    [
        # z is standard normal: in training the output is, whatever the running statistics are.
        ({}, 0.0),
        ({"mean": 2.0}, 4 * 2.0**2),  # each of four features moves by 2
        ({"var": 4.0}, 4 * (1 - 0.5) ** 2),  # and each is half as wide
    ],
)
def test_gap_is_the_frechet_distance_that_wrong_running_statistics_make(statistics, expected):
    values, _ = values_of(view({"decoder": norm(**statistics)}))
    # Batches of 64 have means that are off by 1/8 and deviations off by 1/11 of one.
    assert values["train_mode_gap_pixels_n512"] == pytest.approx(expected, abs=0.15, rel=0.1)


def test_distance_in_training_mode_stands_beside_that_in_evaluation_mode():
    good, bad = (view({"decoder": norm(mean=mean)}) for mean in (0.0, 2.0))
    trained, evaluated = (
        [values_of(seen)[0][f"{mode}_mode_fd_pixels_n512"] for seen in (good, bad)]
        for mode in ("train", "eval")
    )
    assert trained[0] == pytest.approx(trained[1])  # the same batches, the same statistics
    assert evaluated[1] > evaluated[0] + 10  # four features off by 2, less what chance takes


def test_measuring_moves_neither_buffers_nor_modes():
    nets = {"decoder": norm(mean=2.0), "other": nn.BatchNorm1d(3)}
    before = {name: copy.deepcopy(module.state_dict()) for name, module in nets.items()}
    values, _ = values_of(view(nets))
    assert values
    for name, module in nets.items():
        assert not module.training
        for key, value in module.state_dict().items():
            assert torch.equal(value, before[name][key]), key


def test_networks_that_are_the_same_in_both_modes_have_no_gap():
    # The other network has statistics, but nothing of it makes samples.
    nets = {"decoder": nn.Linear(4, 4), "other": nn.BatchNorm1d(3)}
    values, reason = values_of(view(nets))
    assert values == {}
    assert reason == "nothing that makes samples differs between training and evaluation"


def test_it_is_no_matter_of_the_test_split():
    assert values_of(view({"decoder": norm(mean=2.0)}, "test")) == (
        {},
        "a matter of health, which is measured on validation",
    )


def test_fewer_samples_than_features_have_no_gap():
    _, reason = values_of(view({"decoder": norm()}, n=4))
    assert reason == "4 samples are too few for 4 features: use a smaller detector"


@pytest.mark.parametrize(("model", "norm"), [("gan", {}), ("vae", BATCH), ("cgan", {})])
def test_models_with_batch_norm_have_a_gap(model, norm):
    reference = reference_data("digits", "auto", CPU)
    trainable = build(configure(model, {"width": 4, **norm}), reference)
    seen = view(trainable.modules, reference=reference, fns=trainable.eval_fns, n=297)
    values, _ = values_of(seen)
    assert values["train_mode_gap_digits_n297"] > 0


def test_vae_makes_the_same_samples_in_training_and_in_evaluation_mode():
    reference = reference_data("digits", "auto", CPU)
    trainable = build(configure("vae", {"width": 4}), reference)
    seen = view(trainable.modules, reference=reference, fns=trainable.eval_fns, n=297)
    _, reason = values_of(seen)
    assert reason == "nothing that makes samples differs between training and evaluation"
