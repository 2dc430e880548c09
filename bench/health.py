"""When a run counts as collapsed, with the thresholds of protocol rule 3 and a plain sentence."""

from __future__ import annotations

from collections.abc import Mapping

MIN_CLASS_SHARE = 0.5
MIN_SPREAD_SHARE = 0.1


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
