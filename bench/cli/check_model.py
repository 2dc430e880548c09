"""What ``bench check`` asks of a model, from the builder's return to the promises of all models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from bench.cli.probe import Broken, alone, named, tried, where
from bench.contracts import Trainable

Values = Mapping[str, str]
Faults = Iterator[str]

OF_TRAINING = ("a_checkpoint_continues_to_the_same_bits", "weights_depend_on_the_seed_alone")
"""Promises that a model which is only fitted, without a phase, has no way to keep."""


def model_faults(name: str, values: Values) -> Faults:
    """What is wrong with a model; what the promises of ``bench.testing`` find comes last."""
    from bench.testing import MODEL_PROMISES

    try:
        model = _built(name, values)
        yield from _wiring(model)
        yield from _losses(model)
        yield from _samples(model)
    except Broken as broken:
        yield str(broken)
        return
    for key, promise in MODEL_PROMISES.items():
        if not model.phases and key in OF_TRAINING:
            continue
        try:
            promise(name, values)
        except Exception as error:  # noqa: BLE001 - whatever a stranger's file raises
            said = " ".join((promise.__doc__ or "").split())
            yield f"breaks promise '{said}' ({where(error)})"


def _built(name: str, values: Values) -> Trainable:
    from bench.models import configure, find
    from bench.runtime import seeded_modules
    from bench.testing import NUM_IMAGES, made_images, made_spec

    config = configure(name, values)
    with tried("its builder"), seeded_modules(0):
        model: object = find(name)[1].build(config.model, made_spec())
    if model is None:
        raise Broken("its builder returns nothing: end it with `return Trainable(...)`")
    if not isinstance(model, Trainable):
        raise Broken(f"its builder returns a {type(model).__name__}, expected a Trainable")
    if model.initialise is not None:
        with tried("initialise"):
            model.initialise(model.modules, made_images(NUM_IMAGES))
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


def _losses(model: Trainable) -> Faults:
    from bench.testing import made_step

    for phase in model.phases:
        what = f"the loss of phase '{phase.name}'"
        first = alone(what, partial(phase.loss, model.modules, made_step()))
        if not isinstance(first, tuple) or len(first) != 2:
            raise Broken(
                f"{what} returns a {type(first).__name__}, expected (loss, {{name: scalar}})"
            )
        for name, value in {what: first[0], **_logged(phase.name, first[1])}.items():
            if not isinstance(value, Tensor) or value.shape != ():
                shape = list(value.shape) if isinstance(value, Tensor) else type(value).__name__
                raise Broken(f"{name} is no scalar, got {shape}: take a mean or a sum of it")
            if not torch.isfinite(value):
                raise Broken(f"{name} is {value.item()} on noise images: keep it finite")
        if not first[0].requires_grad:
            raise Broken(f"{what} depends on no parameter: compute it from the modules it is given")
        again = alone(what, partial(phase.loss, model.modules, made_step()))
        if not torch.equal(first[0], again[0]):
            yield f"{what} is another one for the same step: draw from step.noise alone"


def _logged(phase: str, scalars: Any) -> dict[str, Any]:
    if not isinstance(scalars, dict):
        raise Broken(f"phase '{phase}' logs a {type(scalars).__name__}, expected {{name: scalar}}")
    return {f"what phase '{phase}' logs as '{name}'": value for name, value in scalars.items()}


def _samples(model: Trainable) -> Faults:
    from bench.runtime import DeviceRng, generator
    from bench.testing import DIGITS, labels_for

    def drawn() -> Any:
        noise = DeviceRng(generator("check"))
        z = alone("latent", lambda: model.eval_fns.latent(model.modules, 6, noise))
        if not isinstance(z, Tensor) or len(z) != 6:
            raise Broken("latent gives no tensor of n rows, expected [n, ...]")
        labels = labels_for(model, 6)
        with torch.no_grad():
            return alone("decode", lambda: model.eval_fns.decode(model.modules, z, labels))

    for module in model.modules.values():
        module.eval()
    images = drawn()
    if not isinstance(images, Tensor) or images.shape != (6, *DIGITS):
        got = list(images.shape) if isinstance(images, Tensor) else type(images).__name__
        raise Broken(f"decode gives {got} for 6 latents, expected images {[6, *DIGITS]}")
    low, high = float(images.min()), float(images.max())
    if not (low >= 0 and high <= 1):
        raise Broken(
            f"samples are in {low:.3g}..{high:.3g}, expected 0..1: end decode with a sigmoid"
        )
    if not torch.equal(images, drawn()):
        yield "samples of the same noise differ: draw from the noise that latent is given alone"
    if torch.equal(images[0], images[1]):
        yield "every sample is the same image: make latent draw from its noise, and decode use it"
