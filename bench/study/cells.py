"""What a cell of a study is to its model: a configuration under ``--set``, and a matched width."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence

from bench.config import RunConfig, full_key, known_keys
from bench.errors import UsageError
from bench.models import MODELS, configure, find
from bench.plan.space import Space
from bench.plan.study import RESERVED, Cell, FlatValues, Identity, Study
from bench.records import DataSpec

WIDEST = 512


def configured(cell: Cell, identity: Identity, seed: int) -> RunConfig:
    """What a cell's run with that seed does."""
    fixed = {"data.dataset": identity.dataset, "train.seed": seed}
    known = _keys(cell.model)
    _require_known(cell, known)
    overrides = {key: value for key, value in identity.overrides.items() if _fits(key, known)}
    return configure(cell.model, cell.settings, overrides, cell.matched, fixed)


def _require_known(cell: Cell, known: list[str]) -> None:
    """Raises: UsageError, where the study gives an arm a setting that its model has not."""
    for key in cell.settings:
        try:
            full_key(key, known)
        except UsageError as error:
            what = "factor" if key in cell.factors else "setting"
            raise UsageError(
                f"arm '{cell.arm}' (model '{cell.model}') lacks a {what} of the study: {error}"
            ) from error


def known_settings(
    cell: Cell, space: Space, former: Sequence[FlatValues], identity: Identity
) -> list[FlatValues]:
    """What is known of an arm: its own settings, what former searches found, the model's defaults.

    Each is a value for every key of the space; none is there twice.

    Raises:
        UsageError: The space does not hold one of them.
    """
    own = configured(cell, identity, 0).settings()
    ways = [own, *({**own, **each} for each in former), configure(cell.model).settings()]
    known: list[FlatValues] = []
    for way in ways:
        values = {key: way[key] for key in space}
        for key, value in values.items():
            if not space[key].holds(value):
                raise UsageError(
                    f"'{key}' is searched for '{cell.arm}' over {space[key]}, and {value} is among "
                    "its known settings: widen the range"
                )
        known += [] if values in known else [values]
    return known


def full_overrides(study: Study, tier: str, overrides: Mapping[str, str]) -> dict[str, str]:
    """``--set`` values with full keys, so that two spellings are one identity.

    Raises:
        UsageError: A key that no model knows, that has an option of its own, or that the study
            chooses.
    """
    cells = study.cells(tier)
    named: dict[str, str] = {}
    for cell in cells:
        known = _keys(cell.model)
        named |= {full_key(k, known): value for k, value in overrides.items() if _fits(k, known)}
    everything = sorted({key for cell in cells for key in _keys(cell.model)})
    factors = {key for cell in cells for key in cell.factors}
    unknown = [key for key in overrides if not any(_same(key, full) for full in named)]
    for key in (*unknown, *named):
        full = full_key(key, everything)
        if full in RESERVED:
            raise UsageError(
                f"'{key}' has an option of its own: use {RESERVED[full]} instead of --set"
            )
        if full in factors:
            raise UsageError(
                f"'{key}' is a factor of this study, which runs all its values: leave it out"
            )
        if searching := [arm for arm, space in study.spaces.items() if full in space]:
            raise UsageError(
                f"'{key}' is what this study searches for {', '.join(searching)}: leave it out"
            )
    return dict(sorted(named.items()))


def matched(study: Study, cell: Cell, identity: Identity, spec: DataSpec) -> Cell:
    """The cell with the width at which it has most nearly the parameters of the reference.

    Protocol rule 23; a baseline and a cell of a study that matches none stay as they are.
    """
    if cell.baseline or not study.hold_parameters:
        return cell
    wanted = _parameters(_reference(study, cell), identity, spec)
    width = nearest_width(lambda w: _parameters(_of_width(cell, w), identity, spec), wanted)
    return _of_width(cell, width)


def matched_deviation(study: Study, identity: Identity, spec: DataSpec) -> float:
    """How far the numbers of parameters are from the reference's at most, as a share of it."""
    shares = [
        _parameters(matched(study, cell, identity, spec), identity, spec)
        / _parameters(_reference(study, cell), identity, spec)
        for cell in study.cells(identity.tier)
        if not cell.baseline
    ]
    return max(abs(share - 1) for share in shares)


@functools.cache
def parameters_of(config: RunConfig, spec: DataSpec) -> int:
    """Trained parameters of a configuration's model, counted without memory for them."""
    import torch

    from bench.modules import count_parameters

    with torch.device("meta"):
        return count_parameters(MODELS.get(config.name).build(config.model, spec).modules)


def nearest_width(count: Callable[[int], int], wanted: int) -> int:
    """The width from 1 to 512 whose number of parameters is nearest to ``wanted``.

    Args:
        count: Width to a number of parameters that grows with it.
        wanted: The number to come near to.
    """
    low, high = 1, WIDEST
    while low < high:  # the narrowest that has as many or more
        middle = (low + high) // 2
        low, high = (low, middle) if count(middle) >= wanted else (middle + 1, high)
    return min((max(1, low - 1), low), key=lambda width: abs(count(width) - wanted))


def _reference(study: Study, cell: Cell) -> Cell:
    settings = {**cell.settings, **(study.hold_parameters or {})}
    return cell.model_copy(update={"settings": settings})


def _of_width(cell: Cell, width: int) -> Cell:
    return cell.model_copy(update={"matched": {"model.width": width}})


def _parameters(cell: Cell, identity: Identity, spec: DataSpec) -> int:
    return parameters_of(configured(cell, identity, 0), spec)


def _keys(model: str) -> list[str]:
    return known_keys(find(model)[1].settings)


def _fits(key: str, known: list[str]) -> bool:
    return any(_same(key, full) for full in known)


def _same(key: str, full: str) -> bool:
    return key == full or ("." not in key and full.split(".", 1)[1] == key)
