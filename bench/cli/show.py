"""``bench show``: a model's settings, or a study's plan from its file alone."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from bench.cli import names
from bench.cli.index import kept
from bench.cli.options import Plugins, Say, columns, command, quiet
from bench.config import RunConfig, describe
from bench.errors import UsageError
from bench.models import MODELS, configure, find
from bench.plan.files import hidden_by_own, load_study, looked_in, study_files
from bench.plan.study import DISTANCE, Arm, Study, Tier
from bench.records import DataSpec
from bench.registry import closest
from bench.study.cells import parameters_of

WIDTH = 100
PRIMARY = (
    "primary measure: Frechet distance to the validation images, in the features of the data set's "
    "own detector, at the last checkpoint"
)


@command("show")
def show(
    name: Annotated[
        str,
        typer.Argument(
            help="MODEL, MODEL:PRESET or STUDY", autocompletion=names.models_and_studies
        ),
    ],
    *,
    dataset: Annotated[str, typer.Option("--dataset", help="for the parameter count")] = "digits",
    plugins: Plugins = None,
    say: Say = quiet,
) -> dict[str, Any]:
    """Settings, ranges, presets and source of a model, or the plan of a study.

    Raises:
        UsageError: Neither a model nor a study has that name.
    """
    model = name.partition(":")[0]
    if model in MODELS.names():
        say(_describe_model(name, dataset))
        return {"model": name, "settings": configure(name).settings()}
    if name in study_files():
        if note := hidden_by_own(name):
            say(note)
        study = load_study(name)
        say(plan_text(study))
        return {"study": name, "plan": study.model_dump(mode="json")}
    known = [*MODELS.names(), *study_files()]
    unknown = closest(name, known, kind="model or study", what="known")
    raise UsageError(f"{unknown}; {looked_in()}")


def _describe_model(reference: str, dataset: str) -> str:
    from bench.datasets import spec_of

    name, kind, _ = find(reference)
    preset = kind.presets.get(reference.removeprefix(f"{name}:"))
    config = configure(reference)
    flat = config.settings()
    number = _parameters(config, spec_of(dataset))
    lines = [f"{reference}: {kind.summary}", f"family: {kind.family}"]
    lines += [f"source: {kind.paper}"] if kind.paper else []
    lines += [f"preset: {preset.source}"] if preset else []
    lines += [
        f"parameters on {dataset}: {number:,}",
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


def _parameters(config: RunConfig, spec: DataSpec) -> int:
    """How many the model has; torch is imported where nobody counted them before."""
    if not MODELS.origins()[config.name].startswith(MODELS.package):
        return parameters_of(config, spec)
    return kept(f"parameters {config.digest} {spec}", lambda: parameters_of(config, spec))


def plan_text(study: Study) -> str:
    """Question, arms, factors or search, comparisons, tiers with their budgets, baselines, notes."""
    parts = [
        [f"{study.name}: {study.question}"],
        ["arms", *columns([(arm.name, arm.model, _arm(arm)) for arm in study.arms])],
        _factors(study),
        _search(study),
        _comparisons(study),
        [PRIMARY],
        *(_tier(study, name, tier) for name, tier in study.tiers.items()),
        [f"baselines: {', '.join(study.baselines)}"] if study.baselines else [],
        _claims(study),
        [line for note in study.notes for line in _bullet(note)],
    ]
    return "\n\n".join("\n".join(part) for part in parts if part)


def _arm(arm: Arm) -> str:
    choices = {key: "/".join(map(str, values)) for key, values in arm.factors.items()}
    return _pairs({**arm.settings, **choices})


def _factors(study: Study) -> list[str]:
    if not study.factors:
        return []
    rows = [(key, ", ".join(map(str, values))) for key, values in study.factors.items()]
    lines = ["factors, each value with each arm", *columns(rows)]
    if study.hold_parameters:
        lines.append(
            f"  model.width is chosen so that all have as many parameters as {_pairs(study.hold_parameters)}"
        )
    return lines


def _search(study: Study) -> list[str]:
    search = study.search
    if search is None:
        return []
    rows = [
        (arm if i == 0 else "", key, str(found))
        for arm, space in search.spaces.items()
        for i, (key, found) in enumerate(space.items())
    ]
    random = f"the first {search.startup} of each arm at random and whole"
    return [f"searched by TPE on validation, seed 0, {random}", *columns(rows)]


def _comparisons(study: Study) -> list[str]:
    rows = [
        (
            f"{planned.a} with {planned.b}",
            f"by {'test distance' if planned.measure == DISTANCE else planned.measure}",
            f"{planned.better} is better",
        )
        for planned in study.planned
    ]
    return ["compared", *columns(rows)] if rows else []


def _tier(study: Study, name: str, tier: Tier) -> list[str]:
    takes = f", {tier.takes}" if tier.takes else ""
    lines = [f"tier {name} on {tier.dataset}: {_amount(study, name, tier)}{takes}"]
    rows = [("every arm", _pairs(tier.settings))]
    rows += [(arm, _pairs(values)) for arm, values in tier.arms.items()]
    return lines + columns([row for row in rows if row[1]])


def _amount(study: Study, name: str, tier: Tier) -> str:
    """``12 trials for each of 3 arms, then 15 runs (3 cells, 5 seeds) and 3 baselines``."""
    cells = [cell for cell in study.cells(name) if not cell.baseline]
    runs = f"{len(cells) * tier.seeds} runs ({len(cells)} cells, {tier.seeds} seeds)"
    if search := study.search:
        trials = f"{tier.trials or search.trials} trials"
        if search.finalists:
            finalists = search.finalists + search.known
            trials += f" and {finalists} finalist{'s' * (finalists != 1)}"
        runs = f"{trials} for each of {len(study.arms)} arms, then {runs}"
    elif study.confirm:
        chosen = sum(number > 1 for number in Counter(cell.arm for cell in cells).values())
        runs += f", {chosen * tier.seeds} of chosen cells on fresh seeds" if chosen else ""
    number = len(study.baselines)
    return f"{runs} and {number} baseline{'s' * (number != 1)}" if number else runs


def _claims(study: Study) -> list[str]:
    if not study.claims:
        return []
    lines = [
        line for claim in study.claims for line in _bullet(f"{claim.reported} ({claim.protocol})")
    ]
    return ["reported by others", *lines]


def _bullet(text: str) -> Sequence[str]:
    return textwrap.wrap(text, WIDTH, initial_indent="- ", subsequent_indent="  ")


def _pairs(values: Mapping[str, object]) -> str:
    return " ".join(f"{key}={value}" for key, value in values.items())
