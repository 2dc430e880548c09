"""What a run's numbers belong to: what trained it, and what measured it.

Both are named part by part, so that what changed can be said. Training: settings, images, the
sources of plugins, and ``bench.NUMBERS``. Measuring: settings, the weights of detectors, the sources
of plugins' measures, and ``bench.MEASURES``.
"""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Iterable, Mapping, Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

import torch

import bench
from bench import datasets
from bench.config import RunConfig, digest, listed
from bench.contracts import Detector
from bench.detectors._find import find_detector, find_others
from bench.errors import Damaged, UsageError
from bench.records import PACKAGE_NUMBERS, DataSpec, RunRecord, RunTags
from bench.registry import PACKAGES, PLUGINS, registry_of
from bench.sources import sources_of
from bench.training.checkpoint import LAST, load_result, read_state

Parts = dict[str, str]
"""Name of a part, as a sentence has it, to its digest or version."""

PARTS_OF_MODELS = ("models", "losses", "likelihoods", "posteriors", "priors")
SETTINGS, DATA = "settings", "data"


@dataclass(frozen=True, kw_only=True)
class MadeBy:
    """What made a result.

    Attributes:
        trained: What made the state; empty where nobody recorded it.
        measured: What made the values, likewise.
    """

    trained: Parts
    measured: Parts


def made_by(config: RunConfig, spec: DataSpec, detectors: Iterable[Detector]) -> MadeBy:
    """What makes a run of that configuration here and now."""
    for kind in ("models", "metrics"):  # which plugins that are installed may add to
        registry_of(kind).names()
    detectors = list(detectors)
    measures = {"metrics": {*_registered("metrics")}, "detectors": {d.name for d in detectors}}
    return MadeBy(
        trained={
            SETTINGS: _settings(config, measuring=False),
            DATA: spec.digest,
            PACKAGE_NUMBERS: str(bench.NUMBERS),
            **_plugins(_models(config)),
        },
        measured={
            SETTINGS: _settings(config, measuring=True),
            PACKAGE_NUMBERS: str(bench.MEASURES),
            **{f"detector {each.name}": each.digest for each in detectors},
            **_plugins(measures),
        },
    )


class Makers:
    """The same before anything is loaded: images are read only where their files changed.

    Of thousands of runs that differ in their seed alone, all but the seed is found once.
    """

    def __init__(self) -> None:
        self._alike = functools.cache(self._of)
        self._spec = functools.cache(datasets.spec_of)
        self._detectors = functools.cache(_detectors)

    def of(self, config: RunConfig) -> MadeBy:
        """What makes a run of that configuration here and now."""
        train = config.train.model_copy(update={"seed": 0})
        alike = self._alike(config.model_copy(update={"train": train}))
        trained = {**alike.trained, SETTINGS: _settings(config, measuring=False)}
        return MadeBy(trained=trained, measured=alike.measured)

    def _of(self, config: RunConfig) -> MadeBy:
        spec = self._spec(config.data.dataset)
        return made_by(config, spec, self._detectors(config.eval.detector, config.eval.also, spec))


def _settings(config: RunConfig, *, measuring: bool) -> str:
    """The digest of the settings of measuring, or of those of training."""
    flat = config.flat().items()
    return digest({key: value for key, value in flat if key.startswith("eval.") == measuring})


def recorded(folder: Path) -> MadeBy:
    """What the result in a run's folder says, or its last checkpoint if there is no result."""
    if (result := load_result(folder)) is not None:
        return MadeBy(trained=result.trained_by, measured=result.measured_by)
    try:
        state = read_state(folder / LAST, torch.device("cpu"))
    except Damaged:  # said when the run goes on
        state = None
    return MadeBy(
        trained={} if state is None else state["progress"].get("trained_by", {}), measured={}
    )


def differing(then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """The parts that are not the same, in words: ``data``, ``plugin toy.py``."""
    names = sorted(name for name in {*then, *now} if then.get(name) != now.get(name))
    return [
        f"{name} ({then.get(name)} -> {now.get(name)})" if name == PACKAGE_NUMBERS else name
        for name in names
    ]


def changed_since(tags: RunTags, config: RunConfig, spec: DataSpec) -> list[str]:
    """Parts of what trained a tracked run that are others here and now, in words."""
    then = json.loads(tags.trained_by or "{}")
    if not then:  # an older version recorded its data alone
        return [DATA] if tags.data_digest not in {"", spec.digest} else []
    return differing(then, made_by(config, spec, ()).trained)


def require_same_data(record: RunRecord, config: RunConfig, spec: DataSpec) -> list[str]:
    """Other parts of what trained a tracked run that changed since, in words.

    Raises:
        UsageError: It was trained on other images than its data set has now.
    """
    changed = changed_since(record.about, config, spec)
    if DATA in changed:
        then = record.about.data_digest or "other ones"
        raise UsageError(
            f"run '{record.run_id}' was trained on images of digest {then}, and '{spec.name}' now "
            f"has others ({spec.digest}): put the former ones back, or train again"
        )
    return changed


def _detectors(detector: str, also: str, spec: DataSpec) -> tuple[Detector, ...]:
    """Those that ``ReferenceData`` would have."""
    first, (others, _) = find_detector(detector, spec), find_others(also, spec)
    own = None if first is None else first.name
    return tuple(each for each in (first, *others) if each and (each is first or each.name != own))


def _models(config: RunConfig) -> dict[str, set[str]]:
    """Names, of each kind, that a configuration makes its model of."""
    values = {name for text in map(str, vars(config.model).values()) for name in listed(text)}
    return {"models": {config.name}} | dict.fromkeys(PARTS_OF_MODELS[1:], values)


def plugins_of(config: RunConfig) -> list[str]:
    """Modules of the plugins that a configuration makes its model of."""
    registry_of("models").names()
    return list(_making(_models(config)))


def _plugins(used: Mapping[str, AbstractSet[str]]) -> Parts:
    """Sources of the plugins of these names."""
    making = _making(used).values()
    return {f"plugin {file}": said for sources in making for file, said in sources.items()}


def _making(used: Mapping[str, AbstractSet[str]]) -> dict[str, Parts]:
    """The plugins that register any of these names, or nothing that has a name; with their sources."""
    found: dict[str, Parts] = {}
    for module, sources in _loaded().items():
        names = _names_of(module, sources)
        if any(names.get(kind, set()) & wanted for kind, wanted in used.items()) or (
            "models" in used and not names
        ):
            found[module] = sources
    return found


def _loaded() -> dict[str, Parts]:
    """Every plugin: files that were named, and what installed packages have registered."""
    origins = {each for kind in PACKAGES for each in _registered(kind).values()}
    outside = {each for each in origins if not each.startswith(("bench.", "bench_plugin_"))}
    return PLUGINS | {each: _installed(each) for each in sorted(outside)}


@functools.cache
def _installed(module: str) -> Parts:
    file = getattr(sys.modules.get(module), "__file__", None)
    return sources_of(Path(file)) if file else {}


def _names_of(module: str, sources: Parts) -> dict[str, set[str]]:
    """What a plugin, or a file that it imports, registers: names by kind."""
    stems = {Path(file).stem for file in sources}
    found: dict[str, set[str]] = {}
    for kind in PACKAGES:
        for name, origin in _registered(kind).items():
            if origin == module or origin.rpartition(".")[2] in stems:
                found.setdefault(kind, set()).add(name)
    return found


def _registered(kind: str) -> dict[str, str]:
    """Names of a kind with the modules that define them, of what was imported by now."""
    if PACKAGES[kind] not in sys.modules:
        return {}
    return {k: v for k, v in registry_of(kind).origins().items() if not v.startswith("bench.")}
