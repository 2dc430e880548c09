"""When a run counts as collapsed (protocol rule 3), and the warnings about one that ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from bench.records import HealthWarning
from bench.training.evidence import Evidence
from bench.training.symptoms import CHECKS

MIN_CLASS_SHARE = 0.5
MIN_SPREAD_SHARE = 0.1
COLLAPSE_METRICS = ("classes", "spread", "active_units")
"""What ``collapse`` reads."""


def collapse(values: Mapping[str, float]) -> str:
    """Why samples with these metric values have collapsed, or an empty text.

    Args:
        values: Of one split: ``classes``, ``spread`` and their ``_real`` counterparts,
            ``active_units``; what is absent is not judged.
    """
    classes, classes_real = values.get("classes"), values.get("classes_real", 0.0)
    if classes is not None and classes < MIN_CLASS_SHARE * classes_real:
        return f"the samples cover {classes:.1f} classes, real images {classes_real:.1f}"
    spread, spread_real = values.get("spread"), values.get("spread_real", 0.0)
    if spread is not None and spread < MIN_SPREAD_SHARE * spread_real:
        return f"mean distance between samples is {spread / spread_real:.1%} of that between real images"
    if values.get("active_units") == 0:
        return "no latent unit is active: the decoder ignores z"
    return ""


def examine(evidence: Evidence) -> list[HealthWarning]:
    """Every warning about a run that trained, how it ended first."""
    found = {kind: said for kind, check in CHECKS.items() if (said := check(evidence))}
    warnings = [
        HealthWarning(kind=kind, sentence=sentence, turn=evidence.turn(*options))
        for kind, (sentence, options) in found.items()
    ]
    if found.keys() > {"collapsed"}:
        # A collapse has many causes; what else was seen is nearer to this one.
        turns = filter(None, ["what the other warnings name", warnings[0].turn])
        warnings[0] = replace(warnings[0], turn=", else ".join(turns))
    return warnings
