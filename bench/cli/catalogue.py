"""What ``bench list`` and ``bench show`` print; imports neither MLflow nor Optuna."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from bench.cli.options import Plugins, Say, command, quiet
from bench.cli.plan_text import plan_text
from bench.cli.text import columns
from bench.config import describe
from bench.errors import UsageError
from bench.plan.files import load_study, study_files, study_summaries
from bench.registry import PACKAGES, closest, registry_of


@command("list")
def list_kind(
    kind: Annotated[str, typer.Argument(help="models, datasets, metrics, ...")],
    *,
    plugins: Plugins = None,
    say: Say = quiet,
) -> dict[str, str]:
    """Name to one line, for one kind of registered thing or for ``studies``.

    Raises:
        UsageError: No such kind.
    """
    rows = _summaries(kind)
    width = max((len(name) for name in rows), default=0)
    for name, summary in rows.items():
        say(f"{name:<{width}}  {summary}".rstrip())
    return rows


def _summaries(kind: str) -> dict[str, str]:
    if kind == "studies":
        return study_summaries()
    if kind not in PACKAGES:
        raise UsageError(closest(kind, [*PACKAGES, "studies"], kind="kind", what="known"))
    if kind == "detectors":
        from bench.detectors._status import status

        return {name: row.phrase for name, row in status().items()}
    return registry_of(kind).summaries()


@command("show")
def show(
    name: Annotated[str, typer.Argument(help="MODEL, MODEL:PRESET or STUDY")],
    *,
    dataset: Annotated[str, typer.Option("--dataset", help="for the parameter count")] = "digits",
    plugins: Plugins = None,
    say: Say = quiet,
) -> None:
    """Settings, ranges, presets and source of a model, or the plan of a study.

    Raises:
        UsageError: Neither a model nor a study has that name.
    """
    from bench.models import MODELS

    model = name.partition(":")[0]
    if model in MODELS.names():
        say(_describe_model(name, dataset))
    elif name in study_files():
        say(plan_text(load_study(name)))
    else:
        known = [*MODELS.names(), *study_files()]
        raise UsageError(closest(name, known, kind="model or study", what="known"))


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
