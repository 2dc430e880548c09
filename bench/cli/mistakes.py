"""What typer finds wrong with a command line, as one sentence with the value and the remedy."""

from __future__ import annotations

import itertools
import shlex
import sys
from typing import Any

from bench.cli.contents import COMMANDS
from bench.config import COMMON, ask_for, known_keys
from bench.registry import near
from bench.text import shown

OTHER_OPTIONS = {
    "--data": "--dataset",
    "--data-set": "--dataset",
    "--gpu": "--device cuda",
    "--cuda": "--device cuda",
    "--cpu": "--device cpu",
    "--output": "--out",
    "--workers": "--jobs",
    "--num-workers": "--jobs",
    "--n-jobs": "--jobs",
    "--overwrite": "--fresh",
    "--force": "--fresh",
    "--verbose": "--debug",
    "--num-seeds": "--seeds",
    "--seed": "--seeds",
    "--num-trials": "--trials",
    "--outdir": "--root",
}
"""Options as they are called elsewhere."""

OTHER_COMMANDS = {
    "evaluate": "eval",
    "fit": "train",
    "generate": "sample",
    "sweep": "run",
    "start": "run",
    "plot": "report",
    "new": "init",
    "create": "init",
    "info": "show",
    "ls": "list",
    "dataset": "data",
    "datasets": "data",
    "help": "--help",
    "version": "--version",
    "mlflow": "ui",
}
"""The same of commands."""


def sentence(error: Exception) -> str:
    """What is wrong with the value shown, what was expected, what to do."""
    context = getattr(error, "ctx", None)
    called = context.command_path if context else "bench"
    params = {} if context is None else _options(context)
    arguments = {_name(param) for param in params.values() if param.param_type_name != "option"}
    said = str(getattr(error, "message", error)).rstrip(".")
    match type(error).__name__:
        case "NoSuchOption":
            said = _option(str(getattr(error, "option_name", "")), called, params, arguments)
        case "BadParameter":
            said = _value(error)
        case "MissingParameter":
            said = _missing(error, called)
        case _ if said.startswith("No such command"):
            said = _command(said, context)
        case _ if said.startswith("Got unexpected extra argument"):
            said = _words(said, called, params)
    return f"{said}{' ' if said.endswith('?') else ': '}see `{called} --help`"


def _options(context: Any) -> dict[str, Any]:
    """What the command takes, by each of its names."""
    return {name: param for param in context.command.get_params(context) for name in param.opts}


def _option(name: str, called: str, params: dict[str, Any], arguments: set[str]) -> str:
    unknown = f"{called} has no option {shown(name)}"
    key = name.lstrip("-").replace("-", "_")
    if name in {"--seed", "--random-seed"} and {"--only-seed", "--seeds"} <= params.keys():
        seed = _given(name) or "SEED"
        return f"{unknown}, did you mean '--only-seed {seed}', that seed alone, or '--seeds', how many?"
    other = OTHER_OPTIONS.get(name, "")
    if other.split(" ")[0] in params:
        return f"{unknown}, did you mean '{other}'?"
    if "--set" in params:
        settings = _settings()
        for known in (key, COMMON.get(key.lower(), "")):
            if known in settings:
                return f"{unknown}, a setting is given as {_setting(key.lower(), known, name)}"
    if key.upper() in arguments:
        return f"{unknown}, {key.upper()} is given without one"
    guessed = near(name, [each for each in params if each.startswith("-")])
    return f"{unknown}, did you mean {guessed}?" if guessed else unknown


def _setting(key: str, known: str, name: str) -> str:
    """``--set lr=3e-4``: as the option that was tried, with its value; of epochs in images."""
    value = _given(name)
    if known != "num_images":
        return ask_for(known, shlex.quote(value) if value else "VALUE")
    if key == known:
        return f"--set {known}={value or 'VALUE'}"
    dataset = _given("--dataset") or "digits"
    images = _images_of(dataset) if "train" in sys.argv and key.endswith("epochs") else 0
    if not images or not value.isdecimal():
        return ask_for(known)
    return f"--set {known}={int(value) * images}, since {dataset} has {images:,} images to train on"


def _images_of(dataset: str) -> int:
    """Of a data set's train split; 0 where only reading it would tell."""
    from bench.datasets import status

    return next((row.sizes[0] for row in status() if row.name == dataset and row.sizes), 0)


def _given(option: str) -> str:
    """What stands behind an option in the command line; empty where another option does, or nothing."""
    for word, following in itertools.pairwise([*sys.argv, "--"]):
        if word == option:
            return "" if following.startswith("--") else following
        if word.startswith(f"{option}="):
            return word.partition("=")[2]
    return ""


def _settings() -> set[str]:
    """Every key of every model, without the group before it."""
    from bench.models import MODELS

    kinds = (MODELS.get(name).settings for name in MODELS.names())
    return {key.partition(".")[2] for kind in kinds for key in known_keys(kind)}


def _value(error: Exception) -> str:
    """``--threads must be a whole number in 1..1024, got 'two'``."""
    param, cause = getattr(error, "param", None), error.__cause__
    problems: list[Any] = getattr(cause, "errors", list)()
    if param is None or not problems:
        return str(getattr(error, "message", error)).rstrip(".")
    found = problems[0]
    return f"{_name(param)} must be {_wanted(param)}, got {shown(found['input'])}"


def _wanted(param: Any) -> str:
    """``a whole number in 1..1024``, ``a number``."""
    name = str(param.bare_type()).partition(" ")[0]
    kind = {"int": "a whole number", "float": "a number", "bool": "true or false"}.get(name, name)
    low, high = getattr(param, "min", None), getattr(param, "max", None)
    if low is None:
        return kind
    return f"{kind} of at least {low:,}" if high is None else f"{kind} in {low:,}..{high:,}"


def _missing(error: Exception, called: str) -> str:
    param: Any = getattr(error, "param", None)
    if param is None:
        return str(error)
    help_text = f": {param.help}" if getattr(param, "help", None) else ""
    return f"{called} needs {_name(param)}{help_text}"


def _name(param: Any) -> str:
    """``--threads``, or an argument as it stands in the line of usage."""
    if param.param_type_name == "option":
        return str(max(param.opts, key=len))
    return str(param.metavar or param.name.upper()).removesuffix("...")


def _command(said: str, context: Any) -> str:
    name = said.partition("'")[2].partition("'")[0]
    known = context.command.commands
    unknown = f"{context.command_path} has no command {shown(name)}"
    at_top = context.parent is None
    guessed = (
        f"'{OTHER_COMMANDS[name]}'" if at_top and name in OTHER_COMMANDS else near(name, known)
    )
    if not guessed and at_top and name in _settings():
        return f"{unknown}, '{name}' is a setting"
    return f"{unknown}, did you mean {guessed}?" if guessed else unknown


def _words(said: str, called: str, params: dict[str, Any]) -> str:
    words = said.partition(" (")[2].removesuffix(")")
    first = words.split(" ")[0]
    if "=" in first and "--set" in params:
        return f"{called} takes no further word {shown(first)}, a setting is given as --set {first}"
    if first in COMMANDS and first != called.rpartition(" ")[2]:
        return f"{called} takes no further word {shown(first)}, which is a command of its own"
    return f"{called} takes no further word, got {shown(words)}"
