"""``bench check``: what is broken about a plugin, in one sentence each."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from bench.cli.check_model import model_faults
from bench.cli.options import Say, Sets, command, quiet
from bench.cli.probe import Broken, alone, where
from bench.cli.templates import NEXT
from bench.config import parse_assignments
from bench.errors import NotApplicable, UsageError
from bench.plan.study import Study
from bench.registry import PACKAGES, load_plugins, plugin_module, registry_of

Faults = Iterator[str]
Values = Mapping[str, str]


@command("check", fails=lambda found: found["faults"])
def check_file(
    file: Annotated[Path, typer.Argument(help="that registers something, as --plugin takes it")],
    *,
    overrides: Sets = None,
    say: Say = quiet,
) -> dict[str, Any]:
    """What a file registers and what is broken about it; it is not trained for longer than seconds.

    Raises:
        UsageError: It is no Python file, does not import, or is a study.
    """
    if not file.is_file():
        raise UsageError(f"'{file}' is no file: give the path of a .py file")
    values = parse_assignments(overrides or [])
    load_plugins([file])
    made = _registered(file)
    if not made and isinstance(getattr(sys.modules[plugin_module(file)], "STUDY", None), Study):
        raise UsageError(
            f"'{file}' is a study, and bench check takes what registers something: "
            f"bench show {file.stem} shows its plan"
        )
    faults = [] if made else [f"nothing is registered by '{file}': {REGISTER}"]
    for kind, name in made:
        what = f"{kind[:-1]} '{name}'"
        try:
            found = [f"{what}: {one}" for one in CHECKS.get(kind, _unasked)(name, values)]
        except NotApplicable as reason:
            say(f"{what} is registered, and not tested here: {reason}")
            continue
        if not found:
            say(f"{what} keeps its promises")
            if kind[:-1] in NEXT:
                place = shlex.quote(str(file))
                say(f"next: {NEXT[kind[:-1]].format(name=name, file=place)}")
        faults += found
    for one in faults:
        say(one)
    return {"file": str(file), "registered": [list(each) for each in made], "faults": faults}


REGISTER = (
    'put @model("NAME", settings=Settings, family="NAME") above the builder, @metric("NAME") above a '
    'metric, or call DATASETS.add("NAME", ...)'
)


def _registered(file: Path) -> list[tuple[str, str]]:
    """Kind and name of what a loaded file registered."""
    own = plugin_module(file)
    return [
        (kind, name)
        for kind, package in PACKAGES.items()
        if package in sys.modules
        for name, origin in registry_of(kind).origins().items()
        if origin == own
    ]


def _unasked(name: str, values: Values) -> Faults:
    raise NotApplicable(f"only {', '.join(CHECKS)} are")


def metric_faults(name: str, values: Values) -> Faults:
    """What is wrong with a metric, on a small VAE's samples beside digits.

    Raises:
        NotApplicable: A VAE on digits has no such value.
    """
    from bench.config import EvalSettings
    from bench.contracts import Trainable
    from bench.evaluation.view import Generated
    from bench.metrics import METRICS
    from bench.metrics._evaluate import view_of
    from bench.models import configure, find
    from bench.runtime import resolve_device, seeded_modules
    from bench.training.parts import reference_for

    config = configure("vae_mlp", {"hidden": "8"})
    reference = reference_for(config, resolve_device("cpu"))
    with seeded_modules(0):
        model: Trainable = find("vae_mlp")[1].build(config.model, reference.spec)
    settings = EvalSettings(max_samples=100, max_val_samples=100, likelihood_images=20)

    def measured() -> Any:
        view = view_of(Generated(reference, model.modules, model.eval_fns), "val", settings)
        return alone("it", lambda: METRICS.get(name).measure(view))

    try:
        first, again = measured(), measured()
    except Broken as broken:
        yield str(broken)
        return
    if not isinstance(first, dict) or not first:
        yield f"it returns {first!r}, expected {{name: number}}"
        return
    for key, value in first.items():
        if (
            not isinstance(key, str)
            or isinstance(value, bool)
            or not isinstance(value, int | float)
        ):
            yield f"'{key}' is a {type(value).__name__}, expected a number: write float(...)"
    if repr(first) != repr(again):  # NaN is NaN
        yield "its values differ for the same samples: draw from view.noise(...) alone"


def dataset_faults(name: str, values: Values) -> Faults:
    """What is wrong with a data set; what reading refuses is said in its own words.

    Raises:
        NotApplicable: It gives no images by itself.
    """
    from bench.datasets import DATASETS

    source = DATASETS.get(name)
    if source.read is None:
        raise NotApplicable(
            "its images lie in files or are those of another: `bench data verify` compares them"
        )
    try:
        first, again = (alone("read", source.read) for _ in range(2))
    except Broken as broken:
        yield str(broken)
        return
    from bench.datasets import load
    from bench.datasets._splits import digest_of

    try:
        if digest_of(*first.present()) != digest_of(*again.present()):
            yield "read gives other images at the second call: give its randomness a fixed seed"
        load(name)
    except UsageError as error:
        yield str(error)
    except Exception as error:  # noqa: BLE001 - whatever a stranger's file gives
        yield f"what read gives cannot be used ({where(error)}): return Parts(Arrays(images, labels))"


CHECKS: dict[str, Callable[[str, Values], Faults]] = {
    "models": model_faults,
    "metrics": metric_faults,
    "datasets": dataset_faults,
}
