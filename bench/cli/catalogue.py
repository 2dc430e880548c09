"""What ``bench list`` and ``bench show`` print; imports neither MLflow nor Optuna."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.cli.plan_text import plan_text
from bench.cli.text import columns
from bench.config import describe
from bench.errors import UsageError
from bench.plan.files import load_study, study_files, study_summaries
from bench.registry import Registry, closest, load_plugins

# kind -> (module, registry, how a thing is summed up in one line)
ROOMS: dict[str, tuple[str, str]] = {
    "models": ("bench.models", "MODELS"),
    "datasets": ("bench.datasets", "DATASETS"),
    "metrics": ("bench.metrics", "METRICS"),
    "detectors": ("bench.detectors", "DETECTORS"),
    "losses": ("bench.adversarial.losses", "LOSSES"),
    "likelihoods": ("bench.variational.likelihoods", "LIKELIHOODS"),
    "posteriors": ("bench.variational.posteriors", "POSTERIORS"),
    "priors": ("bench.variational.priors", "PRIORS"),
    "pictures": ("bench.pictures", "PICTURES"),
    "plots": ("bench.plots", "PLOTS"),
}


def summaries(kind: str, plugins: Sequence[Path] = ()) -> dict[str, str]:
    """Name to one line, for one kind of registered thing or for ``studies``.

    Raises:
        UsageError: No such kind.
    """
    if kind == "studies":
        return study_summaries()
    if kind not in ROOMS:
        raise UsageError(closest(kind, [*ROOMS, "studies"], kind="kind", what="known"))
    load_plugins(plugins)
    if kind == "detectors":
        from bench.detectors._status import status

        return {name: row.phrase for name, row in status().items()}
    module, name = ROOMS[kind]
    registry: Registry[Any] = getattr(importlib.import_module(module), name)
    return {key: _summary(thing) for key, thing in registry.items()}


def description(name: str, dataset: str, plugins: Sequence[Path] = ()) -> str:
    """Settings, ranges, presets and source of a model, or the plan of a study.

    Raises:
        UsageError: Neither a model nor a study has that name.
    """
    from bench.models import MODELS

    load_plugins(plugins)
    model = name.partition(":")[0]
    if model in MODELS.names():
        return _describe_model(name, dataset)
    if name in study_files():
        return plan_text(load_study(name))
    raise UsageError(
        closest(name, [*MODELS.names(), *study_files()], kind="model or study", what="known")
    )


def _summary(thing: object) -> str:
    text = getattr(thing, "summary", None)
    return text if isinstance(text, str) else (thing.__doc__ or "").strip().partition("\n")[0]


def _describe_model(reference: str, dataset: str) -> str:
    from bench.datasets import load
    from bench.models import configure, find
    from bench.modules import count_parameters

    name, kind, _ = find(reference)
    preset = kind.presets.get(reference.removeprefix(f"{name}:"))
    config = configure(reference)
    flat = config.flat()
    modules = kind.build(config.model, load(dataset).spec).modules
    lines = [f"{reference}: {kind.summary}", f"family: {kind.family}"]
    lines += [f"source: {kind.paper}"] if kind.paper else []
    lines += [f"preset: {preset.source}"] if preset else []
    lines += [
        f"parameters on {dataset}: {count_parameters(modules):,}",
        "",
        "settings (--set KEY=VALUE):",
    ]
    rows = [(key, str(flat[key]), limits, text) for key, _, limits, text in describe(kind.settings)]
    lines += columns(rows)
    if kind.presets:
        lines += ["", "presets:"]
        for key, each in kind.presets.items():
            lines += [f"  {name}:{key}", f"    {each.source}", f"    {_pairs(each.values)}"]
    return "\n".join(lines)


def _pairs(values: Any) -> str:
    return " ".join(f"{key}={value}" for key, value in values.items())
