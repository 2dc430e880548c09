"""The moving average of a module: its recursion, its checkpoint, and that evaluation gets it."""

import copy

import pytest
import torch
from torch import nn

from bench.config import TrainSettings
from bench.contracts import EvalFns, NullLogger, OptimSpec, Phase, Trainable
from bench.evaluation.view import Generated, View, draw
from bench.metrics._evaluate import evaluate
from bench.models import configure
from bench.runtime import DeviceRng, generator, seeded_modules
from bench.training.checkpoint import BEST, LAST, read_state
from bench.training.parts import build, reference_data, restore
from bench.training.run import Run
from bench.training.trainer import Trainer

CPU = torch.device("cpu")
NO_FNS = EvalFns(latent=lambda *_: torch.zeros(0), decode=lambda *_: torch.zeros(0))
IMAGES = torch.randint(256, (50, 1, 4, 4), generator=generator("images"), dtype=torch.uint8)


def made(average, *, after_step=None, every=1):
    with seeded_modules(0):
        net = nn.Sequential(nn.Linear(16, 2), nn.BatchNorm1d(2))
    return Trainable(
        modules={"net": net, "still": nn.Linear(1, 1)},
        optimizers={"o": OptimSpec(modules=("net",), kind="adam", lr=0.1)},
        phases=[Phase(name="p", optimizer="o", loss=loss, every=every, after_step=after_step)],
        eval_fns=NO_FNS,
        average=average,
    )


def loss(nets, step):
    return (nets["net"](step.images.flatten(1)) - step.noise.normal(2)).square().mean(), {}


def trainer_of(trainable, num_logs=1):
    settings = TrainSettings(num_images=60, batch_size=10, num_logs=num_logs, num_validations=1)
    return Trainer(trainable, IMAGES, None, settings)


def weights(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


def same(a, b):
    return all(torch.equal(value, b[name]) for name, value in a.items())


@pytest.mark.parametrize(("every", "updates"), [(1, 6), (3, 2)])
def test_average_follows_the_recursion_over_updates_with_its_warm_up(every, updates):
    live = []

    def watch(nets):
        live.append(weights(nets["net"]))
        return {}

    trainable = made({"net": 0.4}, after_step=watch, every=every)
    expected = weights(trainable.modules["net"])
    trainer = trainer_of(trainable)
    list(trainer)
    # min(0.4, (1 + t) / (10 + t)) for t = 1..6
    decays = [2 / 11, 3 / 12, 4 / 13, 5 / 14, 0.4, 0.4][:updates]
    for decay, state in zip(decays, live, strict=True):
        for name, value in state.items():
            expected[name] = decay * expected[name] + (1 - decay) * value
    averaged, net = weights(trainer.evaluated["net"]), trainable.modules["net"]
    for name, _ in net.named_parameters():
        torch.testing.assert_close(averaged[name], expected[name])
        assert not torch.equal(averaged[name], live[-1][name])
    for name, _ in net.named_buffers():
        assert torch.equal(averaged[name], live[-1][name])


def test_what_is_not_averaged_is_evaluated_live():
    trainable = made({"net": 0.9})
    trainer = trainer_of(trainable)
    assert trainer.evaluated["still"] is trainable.modules["still"]
    assert trainer.evaluated["net"] is not trainable.modules["net"]
    plain = made({})
    assert trainer_of(plain).evaluated["net"] is plain.modules["net"]


def test_live_weights_are_the_same_with_and_without_an_average():
    states = []
    for average in ({}, {"net": 0.9}):
        trainable = made(average)
        list(trainer_of(trainable))
        states.append(weights(trainable.modules["net"]))
    assert same(*states)


def test_average_continues_from_a_checkpoint_to_the_same_bits():
    whole = trainer_of(made({"net": 0.9}), num_logs=3)
    list(whole)
    first = trainer_of(made({"net": 0.9}), num_logs=3)
    next(iter(first))
    state = copy.deepcopy(first.state_dict())
    second = trainer_of(made({"net": 0.9}), num_logs=3)
    second.load_state_dict(state)
    list(second)
    assert same(weights(whole.evaluated["net"]), weights(second.evaluated["net"]))


@pytest.fixture(scope="module")
def averaged_run(tmp_path_factory):
    """A run whose average is far behind its live weights, and what it left."""
    values = {"num_images": 640, "num_logs": 2, "num_validations": 1, "width": 4, "average": 0.9}
    config, reference = configure("gan", values), reference_data("digits", "auto", CPU)
    folder = tmp_path_factory.mktemp("averaged")
    result = Run(config=config, reference=reference, folder=folder, logger=NullLogger()).execute()
    return config, reference, folder, result


def distance(reference, nets, fns):
    view = View(
        generated=Generated(reference, nets, fns), split="val", counts=(297,), max_samples=500
    )
    return evaluate(view, "validation")[0]["fd_digits_n297"]


def live_of(config, reference, folder):
    trainable = build(config, reference)
    for name, state in read_state(folder / LAST, torch.device("cpu"))["trainer"]["modules"].items():
        trainable.modules[name].load_state_dict(state)
    return trainable


def test_run_is_measured_on_its_averaged_weights(averaged_run):
    config, reference, folder, result = averaged_run
    averaged, live = restore(config, reference, folder), live_of(config, reference, folder)
    assert result.value == distance(reference, averaged.modules, averaged.eval_fns)
    assert result.value != distance(reference, live.modules, live.eval_fns)


def test_best_weights_are_averaged_ones(averaged_run):
    _, _, folder, _ = averaged_run
    best = read_state(folder / BEST, torch.device("cpu"))["modules"]
    state = read_state(folder / LAST, torch.device("cpu"))["trainer"]
    # The only validation is the last one: best and last are one state.
    assert same(best["generator"], state["averages"]["generator"])
    assert not same(best["generator"], state["modules"]["generator"])
    assert same(best["discriminator"], state["modules"]["discriminator"])


def test_restored_run_samples_from_its_averaged_weights(averaged_run):
    config, reference, folder, _ = averaged_run
    state = read_state(folder / LAST, torch.device("cpu"))["trainer"]
    restored, live = restore(config, reference, folder), live_of(config, reference, folder)
    assert same(state["averages"]["generator"], weights(restored.modules["generator"]))
    a, b = (draw(t.modules, t.eval_fns, 4, DeviceRng(generator("s"))) for t in (restored, live))
    assert not torch.equal(a, b)
