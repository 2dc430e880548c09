"""Mistakes seen in published code, each held by a test that fails where it is made.

Those of VAEs stand in the tests of the objectives; batch norm under a penalty in
``test_adversarial.py``.
"""

import dataclasses

import numpy as np
import pytest
import torch
from references import REFERENCES, VARIANTS, has_width, split
from study_fakes import Silent, optuna_trials

from bench import datasets
from bench.contracts import EvalFns, Step
from bench.datasets import Splits
from bench.datasets._splits import Arrays
from bench.engines import task as work
from bench.engines.inprocess import InProcess
from bench.evaluation.reference import ReferenceData
from bench.evaluation.view import Generated, View
from bench.images import to_unit
from bench.metrics._evaluate import evaluate
from bench.models import configure, find
from bench.pictures import draw_pictures
from bench.plan.study import Arm, Identity, Study, Tier
from bench.records import DataSpec
from bench.results.results import read_results
from bench.runtime import DeviceRng, generator
from bench.study.driver import Driver
from bench.study.plan import resolve
from bench.tracking.mlflow import Store
from bench.training.parts import build, reference_data
from bench.training.trainer import Trainer

CPU = torch.device("cpu")

STUDY = Study(
    name="made",
    question="Which latent size?",
    arms=(Arm(name="gan", model="gan_mlp"),),
    factors={"model.latent_dim": (1, 8)},
    tiers={
        "classroom": Tier(
            dataset="digits",
            settings={
                "train.num_images": 640,
                "train.num_logs": 4,
                "train.num_validations": 2,
                "model.hidden": "16",
            },
        )
    },
)
IDENTITY = Identity(study="made", tier="classroom", dataset="digits")


def reference_with(test_images):
    """Digits with other test images."""
    splits = datasets.load("digits")
    test = Arrays(test_images, splits.test.labels)
    detector = reference_data("digits", "auto", CPU).detector
    return ReferenceData(dataclasses.replace(splits, test=test), CPU, detector)


def run_study(name, reference, store, folder, monkeypatch):
    """Optuna's values, and what the report reads: the records and the chosen cell."""
    monkeypatch.setattr(work, "reference_for", lambda config, device: reference)
    plan = resolve(STUDY, tier="classroom", seeds=1, device="cpu", root=folder / name)
    driver = Driver(plan, store)
    driver.run(InProcess(1, folder), Silent())
    trials = optuna_trials(plan.storage_url)
    records = driver.tracked.records()
    driver.forget()
    results = read_results(STUDY, IDENTITY, records, lambda *_: None)
    chosen = results.chosen("gan")
    assert chosen is not None
    by_size = sorted(records, key=lambda record: record.params["model.latent_dim"])
    return sorted(t.value for t in trials), by_size, chosen.cell


def test_study_whose_test_images_are_garbage_selects_the_same_cell(
    store_uri, tmp_path, monkeypatch
):
    """The test split used for validation (protocol.md, pitfalls and rule 2)."""
    real = datasets.load("digits").test.images
    noise = np.random.default_rng(0).integers(0, 256, real.shape, dtype=np.uint8)
    store = Store(store_uri)
    values, records, chosen = run_study("a", reference_with(real), store, tmp_path, monkeypatch)
    others, spoilt, same = run_study("b", reference_with(noise), store, tmp_path, monkeypatch)
    assert same == chosen
    assert others == values  # what Optuna is told
    for record, other in zip(records, spoilt, strict=True):
        assert other.tags["health"] == record.tags["health"]
        assert other.tags["status"] == record.tags["status"]
        read = [k for k in record.metrics if k.startswith(("val/", "train/"))]
        assert [other.metrics[k] for k in read] == [record.metrics[k] for k in read]
        # The best checkpoint is the same one, and the garbage was really there.
        best, distance = "test_best/images_seen", "test/fd_digits_n500"
        assert other.metrics[best] == record.metrics[best]
        assert other.metrics[distance] != pytest.approx(record.metrics[distance], rel=0.5)


def games(references):
    return [r for r in references if find(r.split()[0])[1].family in {"gan", "wgan", "hybrid"}]


OPPONENTS = {"discriminator", "critic"}


@pytest.mark.parametrize("variant", games(VARIANTS))
def test_opponents_step_gives_no_gradient_to_those_who_made_the_fakes(variant):
    """Fakes not detached in the discriminator step (protocol.md, pitfalls)."""
    data = reference_data("digits", "auto", CPU)
    reference, values = split(variant)
    config = configure(reference, values | ({"width": "4"} if has_width(reference) else {}))
    trainable = build(config, data)
    trainer = Trainer(trainable, data.images("train"), data.labels("train"), config.train)
    images, labels = data.subset("train", 8)
    step = Step(to_unit(images), labels, torch.zeros(()), DeviceRng(generator("step")))
    moves = [(i, p) for i, p in enumerate(trainable.phases) if p.optimizer in OPPONENTS]
    assert moves
    for index, phase in moves:
        trainer._run_phase(index, phase, step)
    for name, module in trainable.modules.items():
        for parameter in module.parameters():
            assert (parameter.grad is None) == (name not in OPPONENTS), name


@pytest.mark.parametrize("reference", games(REFERENCES))
def test_no_default_or_preset_clips_a_critic_under_momentum(reference):
    """Adam with momentum 0.9 in a clipped WGAN (protocol.md, pitfalls)."""
    model = configure(reference).model
    if getattr(model, "lipschitz", "none") == "clip":
        assert model.optimizer == "rmsprop" or model.beta1 == 0


def test_wgan_whose_optimizer_alone_is_changed_to_adam_has_no_momentum():
    """Adam with momentum 0.9 in a clipped WGAN (protocol.md, pitfalls)."""
    critic = build(configure("wgan", {"optimizer": "adam"}), reference_data("digits", "auto", CPU))
    assert critic.optimizers["critic"].kind == "adam"
    assert critic.optimizers["critic"].betas[0] == 0


class Pixels:
    """Features that are the pixels themselves."""

    name, digest, dim, own_classes = "pixels", "0" * 16, 4, False

    def __call__(self, images):
        return images.flatten(1).double(), None


SPEC = DataSpec(
    name="made", shape=(1, 2, 2), num_classes=0, class_prior=(), levels=256, digest="0" * 16
)
GRAYS = EvalFns(
    # Between two grays: whoever stretches a batch to its own extremes makes black and white of it.
    latent=lambda nets, n, noise: 0.4 + 0.2 * noise.uniform(n, 4),
    decode=lambda nets, z, labels: z.view(-1, *SPEC.shape),
)


def test_pictures_and_metrics_see_the_grays_that_the_model_makes():
    """A save-for-display normalisation that also feeds the metric (protocol.md, pitfalls)."""
    rng = generator("made")
    images = torch.randint(256, (300, *SPEC.shape), generator=rng, dtype=torch.uint8).numpy()
    arrays = Arrays(images, None)
    reference = ReferenceData(
        Splits(spec=SPEC, train=arrays, val=arrays, test=arrays), CPU, Pixels()
    )

    def view():
        generated = Generated(reference, {}, GRAYS)
        return View(generated=generated, split="val", counts=(300,), max_samples=300)

    before, after = view(), view()
    picture = draw_pictures(after, at_end=True)["samples"]
    assert torch.equal(after.samples(300), before.samples(300))
    assert evaluate(after, "validation") == evaluate(before, "validation")
    made = {*range(102, 154)}  # 0.4 to 0.6 of 255
    line = 128  # the gray between two pictures
    assert {*before.samples(300).unique().tolist()} <= made
    assert {*np.unique(picture).tolist()} <= made | {line}
    assert len(np.unique(picture)) > 40
