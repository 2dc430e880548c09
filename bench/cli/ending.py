"""How ``bench train`` ends: the distance and its scale, the state, samples, where, what next."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.config import RunConfig
from bench.records import TrialResult
from bench.training.checkpoint import TRACEBACK

WIDTH = 10
SHORT = 8
"""Letters of a run's id that tell it from others."""


def ending(
    result: TrialResult,
    folder: Path,
    run_id: str,
    scale: Mapping[str, float],
    options: Sequence[str] = (),
) -> list[str]:
    """Five lines.

    Args:
        result: How the run ended.
        folder: Where its checkpoint and pictures lie.
        run_id: Of it.
        scale: What else has that distance, by name; may be empty.
        options: Words that the next command needs as well, as they are typed: plugins, root, store.
    """
    short = run_id[:SHORT]
    needed = f" {shlex.join(options)}" if options else ""
    found = {
        "distance": _distance(result, scale),
        "state": _state(result),
        "samples": _samples(folder),
        "where": f"run {short} in {folder}",
        "next": f"bench sample {short} -o samples.png{needed} (this command with --all: every value)"
        if result.status != "failed"
        else f"mend what {folder / TRACEBACK} tells, then give the same command again",
    }
    return [f"{name:<{WIDTH}}{text}" for name, text in found.items()]


def value_lines(result: TrialResult) -> list[str]:
    """Every value, and why there is no other."""
    lines = _values(result)
    for reason in sorted(set(result.not_applicable.values())):
        names = [name for name, why in result.not_applicable.items() if why == reason]
        lines.append(f"n/a: {', '.join(sorted(names))}: {reason}")
    return lines


def in_its_place(result: TrialResult) -> list[str]:
    """What was measured on test where there is no distance; empty where there is one."""
    return _values(result, "test/") if result.test_distance is None else []


def _values(result: TrialResult, start: str = "") -> list[str]:
    found = sorted(name for name in result.metrics if name.startswith(start))
    return [f"{name:<44} {result.metrics[name]:.4f}" for name in found]


def scale_of(config: RunConfig, device: str) -> dict[str, float]:
    """What real images and noise have, found once for a data set and detector and then kept."""
    from bench.cli.index import kept
    from bench.metrics._scale import distance_scale
    from bench.runtime import resolve_device
    from bench.training.parts import reference_for

    reference = reference_for(config, resolve_device(device))
    detector, settings = reference.detector, config.eval
    if detector is None or reference.spec.extent:
        return {}
    digests = f"{reference.spec.digest} {detector.digest} {reference.device.type}"
    return kept(
        f"scale {digests} {settings.max_samples} {settings.max_val_samples}",
        lambda: distance_scale(reference, settings),
    )


def _distance(result: TrialResult, scale: Mapping[str, float]) -> str:
    name = result.test_distance
    if name is None:
        none = "this data set has no detector, or too few validation images for it"
        has_values = result.status in {"ok", "collapsed"}
        why = result.not_applicable.get("frechet", none) if has_values else result.reason
        return f"none: {why}"
    there = {"real": result.metrics[f"{name}_real"]} if f"{name}_real" in result.metrics else scale
    said = ", ".join(f"{what} {value:,.4g}" for what, value in there.items())
    beside = f", lower is better ({said})" if said else ", lower is better"
    return f"{name.partition('/')[2]} {result.metrics[name]:,.4g} on test{beside}"


def _state(result: TrialResult) -> str:
    said = [f"{result.status}: {result.reason}" if result.reason else result.status]
    said += [
        one.turn if one.sentence == result.reason else f"warning: {one}"
        for one in result.warnings or ()
    ]
    return "; ".join(said)


def _samples(folder: Path) -> str:
    """The last grid that was drawn."""
    drawn = {int(p.stem.rpartition("-")[2]): p for p in folder.glob("pictures/samples-*.png")}
    return str(drawn[max(drawn)]) if drawn else "none were drawn"
