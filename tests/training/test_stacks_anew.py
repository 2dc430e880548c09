"""Stacks that are drawn anew at each step: what they are of, and that a run which stops draws the same."""

import contextlib

import numpy as np
import pytest
import torch

from bench import datasets
from bench.datasets import DATASETS
from bench.errors import Interrupted, UsageError
from bench.evaluation.reference import ReferenceData
from bench.models import configure
from bench.training.batches import Batches
from bench.training.needs import require_possible
from bench.training.parts import build, trainer_of

CPU = torch.device("cpu")
LABELS = torch.arange(50) % 10
IMAGES = torch.arange(50, dtype=torch.uint8).view(50, 1, 1, 1).expand(50, 1, 4, 4).contiguous()
SMALL = {
    "hidden": "8",
    "batch_size": "8",
    "num_images": "80",
    "num_logs": "2",
    "num_validations": "1",
}


def drawn(step, seed=0, size=10):
    """Numbers of the images in the stacks of a step, ``[size, 3]``, and the labels."""
    stream = Batches(IMAGES, LABELS, size=size, seed=seed, channels=3)
    images, labels = stream.at(step * size)
    assert images.shape == (size, 3, 4, 4)
    return (images[:, :, 0, 0] * 255).round().long(), labels


def test_class_of_a_stack_has_the_classes_of_its_channels_as_digits():
    numbers, labels = drawn(0)
    said = [int("".join(str(LABELS[int(n)].item()) for n in row)) for row in numbers]
    assert labels.tolist() == said
    assert len({*said}) > 5


def test_stacks_are_of_seed_and_step_alone():
    first = drawn(3, seed=5)
    torch.manual_seed(1)
    assert all(map(torch.equal, drawn(3, seed=5), first))
    assert not torch.equal(drawn(4, seed=5)[0], first[0])
    assert not torch.equal(drawn(3, seed=6)[0], first[0])


def test_every_channel_has_each_image_equally_often_and_by_itself():
    n = 20_000
    numbers, _ = drawn(0, size=n)
    for channel in numbers.T:
        counts = np.bincount(channel.numpy(), minlength=50)
        # 49 degrees of freedom, four deviations; so is a pair of channels by its classes.
        assert ((counts - n / 50) ** 2 / (n / 50)).sum() < 49 + 4 * np.sqrt(2 * 49)
    pairs = np.bincount((LABELS[numbers[:, 0]] * 10 + LABELS[numbers[:, 2]]).numpy(), minlength=100)
    assert ((pairs - n / 100) ** 2 / (n / 100)).sum() < 99 + 4 * np.sqrt(2 * 99)


@pytest.fixture(scope="module")
def reference():
    return ReferenceData(datasets.load("stacked_digits"), CPU, None)


def anew(dataset="stacked_digits", **values):
    return configure("vae_mlp", {**SMALL, "stacks": "anew", **values}, {"data.dataset": dataset})


def test_run_that_stops_at_every_step_draws_the_stacks_of_one_that_does_not(reference):
    config = anew()
    whole, state, steps = trainer_of(build(config, reference), config, reference), None, 0
    logs, continued = list(whole), []
    while not state or state["steps_done"] < config.train.num_steps:
        steps += 1
        part = trainer_of(
            build(config, reference),
            config,
            reference,
            should_stop=lambda: part.steps_done == steps,  # noqa: B023 - asked within this turn
        )
        if state:
            part.load_state_dict(state)
        with contextlib.suppress(Interrupted):
            continued += part
        state = part.state_dict()
    assert continued == logs
    for module, values in whole.state_dict()["modules"].items():
        assert all(torch.equal(state["modules"][module][k], v) for k, v in values.items())


def test_no_held_out_digit_is_in_a_stack_that_is_trained_on(reference):
    trainer = trainer_of(build(anew(), reference), anew(), reference)
    digits = datasets.load("digits")
    train = {image.tobytes(): int(k) for image, k in zip(*vars(digits.train).values(), strict=True)}
    seen = set()
    for step in range(150):
        images, labels = trainer.batches.at(8 * step)
        for stack, label in zip((images * 255).round().byte().numpy(), labels, strict=True):
            for channel, digit in zip(stack, f"{int(label):03d}", strict=True):
                assert train[channel.tobytes()] == int(digit)
                seen.add(channel.tobytes())
    assert len(seen) > 0.9 * len(train)  # of 3,600 draws from 1,000


def test_stacks_of_the_data_set_itself_are_those_of_a_run_that_says_nothing():
    silent = configure("vae_mlp", SMALL, {"data.dataset": "stacked_digits"})
    assert anew(stacks="fixed").digest == silent.digest != anew().digest


def test_data_set_without_stacks_cannot_draw_them_anew():
    digits = ReferenceData(datasets.load("digits"), CPU, None)
    known = ", ".join(n for n in DATASETS.names() if n.startswith("stacked_"))
    said = rf"^data.stacks=anew draws stacks anew, and 'digits' has none: take one of {known}, or "
    with pytest.raises(UsageError, match=said):
        require_possible([anew("digits")], digits)
