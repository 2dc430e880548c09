"""Models: a file here holds a model's settings and its builder, which imports what it builds with.

So a model is listed, configured and checked without torch, which takes seconds to import.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from bench.config import UNSAID, ModelSettings, RunConfig, build_config, known_keys
from bench.errors import UsageError
from bench.records import DataSpec, Scalar
from bench.registry import Registry, closest, first_line

if TYPE_CHECKING:
    from bench.contracts import Trainable

S = TypeVar("S", bound=ModelSettings)


@dataclass(frozen=True)
class Preset:
    """Settings under a name, used as ``MODEL:PRESET``.

    Attributes:
        source: Where they come from, and what of them is ours.
        values: Flat keys.
    """

    source: str
    values: Mapping[str, Scalar]


@dataclass(frozen=True, kw_only=True)
class ModelKind:
    """A registered model.

    Attributes:
        build: ``(settings, spec) -> Trainable``; called with torch's seed set.
        settings: Its settings class.
        family: ``vae``, ``gan``, ``wgan``, ``hybrid``, ``flow``, ``autoregressive``, ``diffusion``
            or ``baseline``.
        summary: One line for ``bench list``.
        paper: Where it comes from.
        defaults: Flat keys outside ``model.`` that suit it better than the general ones.
        presets: By name.
    """

    build: Callable[[Any, DataSpec], Trainable]
    settings: type[ModelSettings]
    family: str
    summary: str
    paper: str = ""
    defaults: Mapping[str, Scalar] = field(default_factory=dict)
    presets: Mapping[str, Preset] = field(default_factory=dict)


MODELS: Registry[ModelKind] = Registry("model", "bench.models")

Builder = Callable[[S, DataSpec], "Trainable"]


def model(
    name: str,
    *,
    settings: type[S],
    family: str,
    paper: str = "",
    defaults: Mapping[str, Scalar] | None = None,
    presets: Mapping[str, Preset] | None = None,
) -> Callable[[Builder[S]], Builder[S]]:
    """Decorator that registers a builder; the first line of its docstring is its summary."""

    def register(build: Builder[S]) -> Builder[S]:
        MODELS.add(
            name,
            ModelKind(
                build=build,
                settings=settings,
                family=family,
                summary=first_line(build),
                paper=paper,
                defaults=defaults or {},
                presets=presets or {},
            ),
            origin=build.__module__,
        )
        return build

    return register


def find(reference: str) -> tuple[str, ModelKind, Mapping[str, Scalar]]:
    """``MODEL`` or ``MODEL:PRESET`` to (name, kind, values of the preset).

    Raises:
        UsageError: Unknown model or preset.
    """
    name, colon, preset = reference.partition(":")
    kind = MODELS.get(name)
    if not colon:
        return name, kind, {}
    if preset not in kind.presets:
        raise UsageError(closest(preset, kind.presets, kind="preset", what=f"presets of {name}"))
    return name, kind, kind.presets[preset].values


def configure(reference: str, *layers: Mapping[str, object]) -> RunConfig:
    """The run configuration of ``MODEL[:PRESET]``: general defaults, the model's, preset, layers.

    Raises:
        UsageError: Unknown model, preset or key, or a value out of range.
    """
    name, kind, preset = find(reference)
    return build_config(name, kind.settings, kind.defaults, preset, *layers)


def config_from_params(params: Mapping[str, str]) -> RunConfig:
    """The configuration that a tracked run's flat params describe, what is unsaid as it then was.

    Raises:
        UsageError: No configuration, or a key or value that this version does not know.
    """
    values = dict(params)
    if "model" not in values:
        raise UsageError("the run has no configuration of ours: give the id of a run of bench")
    name = values.pop("model")
    settings = MODELS.get(name).settings
    unsaid = {key: UNSAID[key] for key in known_keys(settings) if key in UNSAID}
    return build_config(name, settings, unsaid, values)
