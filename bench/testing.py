"""What tests of a plugin need: made data, simple fakes, and the promises that every model keeps.

@pytest.mark.parametrize("promise", MODEL_PROMISES)
def test_mine_keeps_its_promises(promise):
    MODEL_PROMISES[promise]("mine")
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from bench.config import TrainSettings
from bench.contracts import Step, Trainable
from bench.datasets import Splits
from bench.datasets._splits import Arrays
from bench.evaluation.reference import ReferenceData
from bench.evaluation.view import draw
from bench.images import Picture
from bench.models import config_from_params, configure, find
from bench.records import DataSpec
from bench.runtime import DeviceRng, generator, seeded_modules
from bench.training.trainer import Trainer

DIGITS = (1, 8, 8)
NUM_IMAGES, BATCH = 64, 16

Values = Mapping[str, str] | None
"""Settings over the defaults, as ``--set`` takes them."""


def made_spec(shape: tuple[int, int, int] = DIGITS, num_classes: int = 10) -> DataSpec:
    """A data set called ``made`` whose classes are equally many."""
    return DataSpec(
        name="made",
        shape=shape,
        num_classes=num_classes,
        class_prior=(1 / num_classes,) * num_classes if num_classes else (),
        levels=256,
        digest="0" * 16,
    )


def made_images(n: int, shape: tuple[int, int, int] = DIGITS) -> Tensor:
    """n uint8 images of noise, the same for the same n."""
    return torch.randint(256, (n, *shape), generator=generator("made", n), dtype=torch.uint8)


def made_data(
    shape: tuple[int, int, int] = DIGITS,
    num_classes: int = 10,
    sizes: tuple[int, ...] = (64, 40, 41),
) -> ReferenceData:
    """Noise as train, validation and test images with labels, for which there is no detector."""
    train, val, test = (
        Arrays(
            made_images(n, shape).numpy(),
            (torch.arange(n) % num_classes).numpy() if num_classes else None,
        )
        for n in sizes
    )
    splits = Splits(spec=made_spec(shape, num_classes), train=train, val=val, test=test)
    return ReferenceData(splits, torch.device("cpu"), None)


class Recorder:
    """A logger that keeps what a run tells: tags, curves by name, and pictures."""

    def __init__(self) -> None:
        self.named: dict[str, str] = {}
        self.curves: dict[str, list[tuple[int, float]]] = {}
        self.drawn: list[tuple[str, int, Picture]] = []

    def tags(self, values: Mapping[str, str]) -> None:
        """Keeps the last text of each."""
        self.named |= values

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        """Adds a point to each curve."""
        for name, value in values.items():
            self.curves.setdefault(name, []).append((step, value))

    def picture(self, name: str, picture: Picture, step: int) -> None:
        """Keeps every picture with its step."""
        self.drawn.append((name, step, picture))

    def flush(self) -> None:
        """Has nothing to send."""


def made_model(
    reference: str,
    values: Values = None,
    *,
    seed: int = 0,
    spec: DataSpec | None = None,
) -> Trainable:
    """A model or preset with seeded weights, initialised on made images; ``values`` as by --set."""
    spec = spec or made_spec()
    config = configure(reference, dict(values or {}))
    with seeded_modules(seed):
        trainable = find(reference)[1].build(config.model, spec)
    if trainable.initialise is not None:
        trainable.initialise(trainable.modules, made_images(NUM_IMAGES, spec.shape))
    return trainable


def made_step(n: int = 8, shape: tuple[int, int, int] = DIGITS) -> Step:
    """Half-way through the budget, images of uniform noise and labels of ten classes."""
    rng = generator("step")
    images = torch.rand(n, *shape, generator=rng)
    return Step(images, torch.arange(n) % 10, torch.tensor(0.5), DeviceRng(rng))


def labels_for(trainable: Trainable, n: int) -> Tensor | None:
    """Classes to make, where the model is conditional."""
    return torch.arange(n) % 10 if trainable.eval_fns.conditional else None


def samples_repeat_with_their_noise(reference: str, values: Values = None) -> None:
    """Samples are uint8 images, and the same for the same noise."""
    model = made_model(reference, values)
    fns, labels = model.eval_fns, labels_for(model, 5)
    first, again = (
        draw(model.modules, fns, 5, DeviceRng(generator("samples")), labels) for _ in range(2)
    )
    assert (first.shape, first.dtype) == ((5, *DIGITS), torch.uint8)
    assert torch.equal(first, again)


def decoded_images_lie_between_0_and_1(reference: str, values: Values = None) -> None:
    """What is decoded differs from z to z, and in evaluation it is in the range."""
    model = made_model(reference, values)
    z = model.eval_fns.latent(model.modules, 6, DeviceRng(generator("z")))
    images = model.eval_fns.decode(model.modules, z, labels_for(model, 6))
    assert images.shape == (6, *DIGITS)
    assert not torch.equal(images[0], images[1])
    for module in model.modules.values():
        module.eval()
    images = model.eval_fns.decode(model.modules, z, labels_for(model, 6))
    assert torch.equal(images, images.clamp(0, 1))


def each_phase_moves_its_own_modules_alone(reference: str, values: Values = None) -> None:
    """A phase changes the parameters of its own optimizer's modules, and all of them."""
    model = made_model(reference, values)
    trainer = _trainer(model)
    for index, phase in enumerate(model.phases):
        before = parameters(model)
        trainer._run_phase(index, phase, made_step())  # noqa: SLF001 - one phase of the loop
        for name, old in before.items():
            moved = [
                not torch.equal(a, b) for a, b in zip(old, parameters(model)[name], strict=True)
            ]
            if name not in model.optimizers[phase.optimizer].modules:
                assert not any(moved), (
                    f"phase '{phase.name}' moves '{name}', which its optimizer does not name: take "
                    "gradients and updates of its own modules alone"
                )
                continue
            assert any(moved) or not moved, f"phase '{phase.name}' moves nothing of '{name}'"
            # The last bias of a Wasserstein critic cancels: no gradient, no move.
            for parameter, has_moved in zip(model.modules[name].parameters(), moved, strict=True):
                still = parameter.grad is not None and bool((parameter.grad == 0).all())
                assert has_moved or still, f"phase '{phase.name}' leaves a part of '{name}' unmoved"


def losses_are_finite_and_reach_every_parameter(reference: str, values: Values = None) -> None:
    """A loss and its scalars are finite numbers; every parameter that it moves gets a gradient."""
    model = made_model(reference, values)
    for phase in model.phases:
        loss, scalars = phase.loss(model.modules, made_step())
        for value in (loss, *scalars.values()):
            assert value.shape == ()
            assert torch.isfinite(value)
        own = [model.modules[name] for name in model.optimizers[phase.optimizer].modules]
        for module in own:
            module.zero_grad()
        loss.backward()
        assert all(p.grad is not None for module in own for p in module.parameters())


def a_checkpoint_continues_to_the_same_bits(reference: str, values: Values = None) -> None:
    """Training stopped at its first log and continued ends where it would have ended."""
    whole, first = made_model(reference, values), made_model(reference, values)
    list(_trainer(whole))
    interrupted = _trainer(first)
    next(iter(interrupted))
    second = made_model(reference, values, seed=1)
    resumed = _trainer(second)
    resumed.load_state_dict(copy.deepcopy(interrupted.state_dict()))
    list(resumed)
    assert _same(parameters(whole), parameters(second))


def weights_depend_on_the_seed_alone(reference: str, values: Values = None) -> None:
    """One seed gives the same weights whatever torch drew before, another gives others."""
    torch.manual_seed(123)
    a = parameters(made_model(reference, values, seed=3))
    torch.manual_seed(321)
    assert _same(a, parameters(made_model(reference, values, seed=3)))
    assert not _same(a, parameters(made_model(reference, values, seed=4)))


def settings_read_back_from_text(reference: str, values: Values = None) -> None:
    """A configuration is made of scalars, and the same after it was text."""
    config = configure(reference, dict(values or {}))
    assert all(isinstance(value, int | float | str | bool) for value in config.flat().values())
    again = config_from_params(config.params())
    assert (again, again.digest) == (config, config.digest)


MODEL_PROMISES: dict[str, Callable[..., None]] = {
    promise.__name__: promise
    for promise in (
        samples_repeat_with_their_noise,
        decoded_images_lie_between_0_and_1,
        each_phase_moves_its_own_modules_alone,
        losses_are_finite_and_reach_every_parameter,
        a_checkpoint_continues_to_the_same_bits,
        weights_depend_on_the_seed_alone,
        settings_read_back_from_text,
    )
}
"""Each takes a registered name or ``MODEL:PRESET`` and values for its settings."""


def parameters(trainable: Trainable) -> dict[str, list[Tensor]]:
    """Copies of all parameters, by module."""
    return {
        name: [p.detach().clone() for p in module.parameters()]
        for name, module in trainable.modules.items()
    }


def _trainer(trainable: Trainable) -> Trainer:
    settings = TrainSettings(num_images=NUM_IMAGES, batch_size=BATCH, num_logs=2, num_validations=1)
    return Trainer(trainable, made_images(NUM_IMAGES), torch.arange(NUM_IMAGES) % 10, settings)


def _same(a: dict[str, list[Tensor]], b: dict[str, list[Tensor]]) -> bool:
    return all(torch.equal(x, y) for name in a for x, y in zip(a[name], b[name], strict=True))
