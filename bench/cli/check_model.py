"""What ``bench check`` asks of a model, from the builder's return to the promises of all models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from bench.cli.probe import Broken, alone, named, tried, where
from bench.contracts import Trainable
from bench.errors import UsageError

Values = Mapping[str, str]
Faults = Iterator[str]
Shape = tuple[int, int, int]

COLOUR = (3, 32, 32)
"""Of SVHN and CIFAR-10: what is written for gray digits alone shows here."""

OF_TRAINING = ("a_checkpoint_continues_to_the_same_bits", "weights_depend_on_the_seed_alone")
"""Promises that a model which is only fitted, without a phase, has no way to keep."""


def model_faults(name: str, values: Values) -> Faults:
    """What is wrong with a model; what the promises of ``bench.testing`` find comes last."""
    from bench.testing import DIGITS, MODEL_PROMISES

    try:
        model = _built(name, values, DIGITS)
        yield from _wiring(model)
        yield from _losses(model, DIGITS)
        yield from _samples(model)
    except Broken as broken:
        yield str(broken)
        return
    yield from _colour_faults(name, values)
    for key, promise in MODEL_PROMISES.items():
        if not model.phases and key in OF_TRAINING:
            continue
        try:
            promise(name, values)
        except Exception as error:  # noqa: BLE001 - whatever a stranger's file raises
            said = " ".join((promise.__doc__ or "").split())
            yield f"breaks promise '{said}' ({where(error)})"


def _colour_faults(name: str, values: Values) -> Faults:
    """What is wrong with it on images of another shape; one that refuses them in words may."""
    try:
        model = _built(name, values, COLOUR)
        yield from (f"on colour images of 32x32, {fault}" for fault in _losses(model, COLOUR))
        for module in model.modules.values():
            module.eval()
        _drawn(model, 2, COLOUR)
    except Broken as broken:
        if not isinstance(broken.__cause__, UsageError):
            yield f"on colour images of 32x32, {broken}"


def _built(name: str, values: Values, shape: Shape) -> Trainable:
    from bench.models import configure, find
    from bench.runtime import seeded_modules
    from bench.testing import NUM_IMAGES, made_images, made_spec

    config = configure(name, values)
    with tried("its builder"), seeded_modules(0):
        model: object = find(name)[1].build(config.model, made_spec(shape))
    if model is None:
        raise Broken("its builder returns nothing: end it with `return Trainable(...)`")
    if not isinstance(model, Trainable):
        raise Broken(f"its builder returns a {type(model).__name__}, expected a Trainable")
    if model.initialise is not None:
        with tried("initialise"):
            model.initialise(model.modules, made_images(NUM_IMAGES, shape))
    return model


def _wiring(model: Trainable) -> Faults:
    """Names that stand for nothing."""
    for key, optimizer in model.optimizers.items():
        for each in set(optimizer.modules) - set(model.modules):
            raise Broken(
                f"optimizer '{key}' moves '{each}', expected one of {named(model.modules)}"
            )
    for phase in model.phases:
        if phase.optimizer not in model.optimizers:
            raise Broken(
                f"phase '{phase.name}' has optimizer '{phase.optimizer}', expected one of "
                f"{named(model.optimizers)}"
            )
    moved = {each for optimizer in model.optimizers.values() for each in optimizer.modules}
    for key, module in model.modules.items():
        if model.phases and key not in moved and any(p.requires_grad for p in module.parameters()):
            yield f"module '{key}' has parameters that no optimizer moves: name it in one"


def _losses(model: Trainable, shape: Shape) -> Faults:
    from bench.testing import made_step

    for phase in model.phases:
        what = f"the loss of phase '{phase.name}'"
        first = alone(what, partial(phase.loss, model.modules, made_step(shape=shape)))
        if not isinstance(first, tuple) or len(first) != 2:
            raise Broken(
                f"{what} returns a {type(first).__name__}, expected (loss, {{name: scalar}})"
            )
        for name, value in {what: first[0], **_logged(phase.name, first[1])}.items():
            if not isinstance(value, Tensor) or value.shape != ():
                got = list(value.shape) if isinstance(value, Tensor) else type(value).__name__
                raise Broken(f"{name} is no scalar, got {got}: take a mean or a sum of it")
            if not torch.isfinite(value):
                raise Broken(f"{name} is {value.item()} on noise images: keep it finite")
        if not first[0].requires_grad:
            raise Broken(f"{what} depends on no parameter: compute it from the modules it is given")
        again = alone(what, partial(phase.loss, model.modules, made_step(shape=shape)))
        if not torch.equal(first[0], again[0]):
            yield f"{what} is another one for the same step: draw from step.noise alone"


def _logged(phase: str, scalars: Any) -> dict[str, Any]:
    if not isinstance(scalars, dict):
        raise Broken(f"phase '{phase}' logs a {type(scalars).__name__}, expected {{name: scalar}}")
    return {f"what phase '{phase}' logs as '{name}'": value for name, value in scalars.items()}


def _samples(model: Trainable) -> Faults:
    from bench.testing import DIGITS

    for module in model.modules.values():
        module.eval()
    images, again = (_drawn(model, 6, DIGITS) for _ in range(2))
    if not torch.equal(images, again):
        yield "samples of the same noise differ: draw from the noise that latent is given alone"
    if torch.equal(images[0], images[1]):
        yield "every sample is the same image: make latent draw from its noise, and decode use it"


def _drawn(model: Trainable, n: int, shape: Shape) -> Tensor:
    """Samples, whatever they are in 0..1."""
    from bench.runtime import DeviceRng, generator
    from bench.testing import labels_for

    noise = DeviceRng(generator("check"))
    z = alone("latent", lambda: model.eval_fns.latent(model.modules, n, noise))
    if not isinstance(z, Tensor) or len(z) != n:
        raise Broken("latent gives no tensor of n rows, expected [n, ...]")
    labels = labels_for(model, n)
    with torch.no_grad():
        images = alone("decode", lambda: model.eval_fns.decode(model.modules, z, labels))
    if not isinstance(images, Tensor) or images.shape != (n, *shape):
        got = list(images.shape) if isinstance(images, Tensor) else type(images).__name__
        raise Broken(f"decode gives {got} for {n} latents, expected images {[n, *shape]}")
    low, high = float(images.min()), float(images.max())
    if not (low >= 0 and high <= 1):
        raise Broken(
            f"samples are in {low:.3g}..{high:.3g}, expected 0..1: end decode with a sigmoid"
        )
    return images
