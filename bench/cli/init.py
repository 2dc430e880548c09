"""``bench init``: a file to start from, of a study, a model, a metric or a data set."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from bench.cli.options import Plugins, Say, command, quiet
from bench.cli.templates import ARM, NEXT, PLUGIN, STUDY, TEST
from bench.config import known_keys, listed
from bench.errors import UsageError
from bench.files import written_where_asked
from bench.models import find
from bench.plan.files import is_shipped
from bench.results.format import join
from bench.text import shown

ARMS = "vae,gan"
BASELINES = ("memoriser", "pixel_gaussian", "uniform_noise")
FACTORS = {"model.depth": (2, 3), "model.latent_dim": (4, 8), "train.batch_size": (32, 64)}
"""What a study may vary, each where all its models have it; of the last all do."""

KINDS = {"study": "study", "data": "dataset", **{kind: kind for kind in PLUGIN}}


@command("init")
def write_start(
    what: Annotated[
        str, typer.Argument(metavar="[KIND]", help="model, metric or dataset; else a study")
    ],
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="of it, and of its file")
    ] = None,
    *,
    arms: Annotated[
        str | None, typer.Option("--arms", help="models of a study, the first against each other")
    ] = None,
    plugins: Plugins = None,
    say: Say = quiet,
) -> Path:
    """Writes a commented file of that kind and name, of a plugin its test as well; the file's path.

    Raises:
        UsageError: The name is none of a Python file or is taken, the file is there already, or an
            arm is no model.
    """
    if name is None and what in KINDS:
        raise UsageError(f"a {KINDS[what]} needs a name: write bench init {what} my_{KINDS[what]}")
    if name is not None and what not in KINDS:
        kinds = ", a ".join(dict.fromkeys(KINDS.values()))
        raise UsageError(f"bench init writes a {kinds}, got '{what}': give one of them")
    kind = KINDS[what] if name is not None else "study"
    name = name or what
    if not name.isidentifier():
        raise UsageError(
            f"a {kind}'s name has letters, digits and _ only, got '{name}': write for example my_{kind}"
        )
    if kind == "study":
        return _study(name, listed(arms or ARMS), plugins or [], say)
    if arms is not None:
        raise UsageError(f"--arms are the models of a study, and a {kind} has none: leave them out")
    return _plugin(kind, name, say)


def write_study(name: str, *, arms: str = ARMS, say: Say = quiet) -> Path:
    """Writes a study of that name into ./studies and returns its path; errors as ``write_start``."""
    return write_start(name, arms=arms, say=say)


def _study(name: str, models: Sequence[str], plugins: Sequence[Path], say: Say) -> Path:
    if is_shipped(name):
        raise UsageError(
            f"study '{name}' comes with bench, which a file of that name would hide: give another name"
        )
    path = Path("studies") / f"{name}.py"
    words = "".join(f" --plugin {shlex.quote(str(each))}" for each in plugins)
    _write({path: study_text(name, models, words)})
    say(f"study in {path}: edit it or take it as it is, then `bench run {name}{words} --dry-run`")
    say(f"then: bench run {name}{words}; bench report {name}")
    return path


def study_text(name: str, models: Sequence[str], plugin: str = "") -> str:
    """A study of these models, the first compared with each of the others.

    Args:
        name: Of the study.
        models: ``MODEL`` or ``MODEL:PRESET``.
        plugin: Words that its commands need as well.

    Raises:
        UsageError: One is not registered or is there twice, or there are fewer than two.
    """
    keys = [set(known_keys(find(model)[1].settings)) for model in models]
    arms = [model.replace(":", "_") for model in models]
    if len(arms) < 2 or len(set(arms)) < len(arms):
        raise UsageError(
            f"--arms takes two or more models, got {shown(','.join(models))}: write them as in "
            "--arms vae,gan, `bench list models` names them"
        )
    factor = next(key for key in FACTORS if all(key in each for each in keys))
    planned = "\n".join(f'        Planned(a="{arms[0]}", b="{other}"),' for other in arms[1:])
    return STUDY.format(
        name=name,
        plugin=plugin,
        question=f"Which of {join(arms)} makes the best samples within one budget?",
        arms="\n".join(
            ARM.format(name=arm, model=model) for arm, model in zip(arms, models, strict=True)
        ),
        baselines=json.dumps([name for name in BASELINES if name not in arms]),
        factors=f'{{"{factor}": {FACTORS[factor]}}}',
        planned=planned,
    )


def _plugin(kind: str, name: str, say: Say) -> Path:
    from bench.registry import registry_of

    if name in registry_of(f"{kind}s").names():
        raise UsageError(f"{kind} '{name}' is registered already: give another name")
    path, test = Path(f"{name}.py"), Path(f"test_{name}.py")
    _write({path: PLUGIN[kind].format(name=name), test: TEST[kind].format(name=name)})
    say(f"{kind} in {path}, its test in {test}: edit them, then `bench check {path}`")
    say(f"then: {NEXT[kind].format(name=name, file=path)}")
    return path


def _write(files: dict[Path, str]) -> None:
    for path in files:
        if path.exists():
            raise UsageError(f"{path} is there already: edit it, or give another name")
    for path, text in files.items():
        with written_where_asked(path):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
