"""What may be wrong with a run that trained, each with its threshold and the settings to turn.

Thresholds lie between what the defaults and what deliberately broken runs show on digits, 24,000
images (`bench train gan --set lr=0.05` and the like); the table stands in tests/measured_runs.py.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import replace

from bench.measures import MeasureName
from bench.records import HealthWarning
from bench.training.health import Diagnostics

MAX_ACCURACY, MIN_ACCURACY = 0.9, 0.525
"""Of the discriminator, in the last quarter of training."""

MIN_GRADIENT, MIN_TEACHING = 0.01, 0.1
"""Gradient norm of what makes samples: vanished, and what a weak discriminator leaves of it."""

MAX_GRADIENT_PEAK = 20.0
"""Largest gradient norm of a log over the median of all."""

MAX_CLIPPED = 0.8
MAX_MOMENTUM = 0.5
MAX_LOSS_SPREAD, MAX_SPREAD_GROWTH = 0.2, 2.0
"""Standard deviation of a loss at the end: beside the loss, and beside itself in the second quarter."""

MAX_MODE_GAP = 0.2
MIN_ACTIVE_SHARE = 0.3
MAX_FALL = 0.25
MAX_COPIED = 0.1

MAKERS = ("samples", "encoder")
OPPONENTS = ("critic", "discriminator")
"""Roles of phases (``contracts.Role``). A penalty's gradient may come and go: nothing judges it."""

Said = tuple[str, Sequence[str]]
"""What is wrong, with its value and threshold, and which settings to turn."""


def _diverged(run: Diagnostics) -> Said | None:
    return (run.reason, ["lower lr"]) if run.status == "diverged" else None


def _collapsed(run: Diagnostics) -> Said | None:
    if run.status != "collapsed":
        return None
    if run.val.get("active_units") == 0 or _few_active_units(run):
        return run.reason, ["lower kl_weight", "raise kl_warmup", "raise free_nats"]
    is_penalised = run.settings.get("model.lipschitz") in {"gradient_penalty", "r1_r2"}
    return run.reason, ["change lr", "raise num_images", *["change gp_weight"] * is_penalised]


def _fewer_steps(run: Diagnostics) -> list[str]:
    return ["lower n_critic"] if float(run.settings.get("model.n_critic", 1)) > 1 else []


def _tighter(run: Diagnostics) -> list[str]:
    """What bounds a critic better than it is bounded."""
    if not run.gradients("critic"):
        return []
    kind = run.settings.get("model.lipschitz")
    return {"none": ["change lipschitz"], "clip": ["lower clip_value"]}.get(str(kind), [])


def _discriminator_strong(run: Diagnostics) -> Said | None:
    accuracy = run.scalar("discriminator_accuracy")
    if accuracy is None or accuracy <= MAX_ACCURACY:
        return None
    return (
        f"the discriminator tells {accuracy:.1%} of the images apart, more than {MAX_ACCURACY:.0%}",
        [*(_fewer_steps(run) or ["change lr"]), "raise r1_weight"],
    )


def _discriminator_weak(run: Diagnostics) -> Said | None:
    """Scores that have drifted to one side classify nothing and may teach well all the same."""
    accuracy, (_, norm) = run.scalar("discriminator_accuracy"), _least_gradient(run)
    if accuracy is None or accuracy >= MIN_ACCURACY or norm >= MIN_TEACHING:
        return None
    return (
        f"the discriminator tells {accuracy:.1%} of the images apart, less than {MIN_ACCURACY:.1%}, "
        f"and leaves a gradient norm of {norm:.1g}, less than {MIN_TEACHING:g}",
        ["lower r1_weight"] if run.settings.get("model.r1_weight") else ["raise n_critic"],
    )


def _least_gradient(run: Diagnostics) -> tuple[str, float]:
    """The phase of what makes samples with the smallest gradient norm at the end, and that norm.

    An opponent's is left out: it may be small because the opponent is right.
    """
    makers = run.gradients(*MAKERS)
    norms = {p: norm for p in makers if (norm := run.scalar(f"{p}_gradient_norm")) is not None}
    return min(norms.items(), key=lambda item: item[1], default=("", math.inf))


def _gradient_vanishing(run: Diagnostics) -> Said | None:
    phase, norm = _least_gradient(run)
    if norm >= MIN_GRADIENT:
        return None
    if run.scalar("clipped_share") is not None:
        options = ["raise clip_value"]
    elif run.settings.get("model.loss") == "minimax":
        options = ["change loss", *_fewer_steps(run)]
    else:
        penalty = ["lower r1_weight"] if run.settings.get("model.r1_weight") else []
        options = [*(penalty or ["change lr"]), *_fewer_steps(run)]
    return (
        f"the gradient norm of the {phase} phase is {norm:.1g}, less than {MIN_GRADIENT:g}",
        options,
    )


def _gradient_exploding(run: Diagnostics) -> Said | None:
    """A gradient that has vanished has no level that a peak could stand beside."""
    peaks = {
        phase: max(norms) / middle
        for phase, norms in run.gradients(*MAKERS, *OPPONENTS).items()
        if (middle := statistics.median(norms)) >= MIN_GRADIENT
    }
    phase = max(peaks, key=lambda p: peaks[p], default="")
    if not phase or peaks[phase] <= MAX_GRADIENT_PEAK:
        return None
    return (
        f"the gradient norm of the {phase} phase rose to {peaks[phase]:,.0f} times its median, "
        f"more than {MAX_GRADIENT_PEAK:g} times",
        ["lower lr"],
    )


def _clip_saturated(run: Diagnostics) -> Said | None:
    share = run.scalar("clipped_share")
    if share is None or share <= MAX_CLIPPED:
        return None
    return (
        f"{share:.0%} of the clipped weights stand at their bound, more than {MAX_CLIPPED:.0%}",
        ["raise clip_value"],
    )


def _clipped_under_momentum(run: Diagnostics) -> Said | None:
    """Arjovsky et al. 2017 (arXiv 1701.07875, section 4) saw clipped critics fail under momentum."""
    clipped = run.scalar("clipped_share") is not None and run.gradients("critic")
    momentum = float(run.settings.get("model.beta1", 0.0))
    is_adam = run.settings.get("model.optimizer") == "adam"
    if not clipped or not is_adam or momentum <= MAX_MOMENTUM:
        return None
    return (
        f"the clipped critic moves with momentum {momentum:g}, more than {MAX_MOMENTUM:g}",
        ["lower beta1", "change optimizer"],
    )


def _loss_unsteady(run: Diagnostics) -> Said | None:
    """A generator's loss is left out: where its opponent is a critic it has no level of its own."""
    for name in ("loss", *(f"{phase}_loss" for phase in run.phases(*OPPONENTS, "encoder"))):
        loss, spread = run.scalar(name), run.scalar(f"{name}_sd")
        before = run.scalar(f"{name}_sd", quarter=2)
        if loss is None or spread is None or before is None:
            continue
        if spread > MAX_LOSS_SPREAD * abs(loss) and spread > MAX_SPREAD_GROWTH * before:
            return (
                f"the standard deviation of {name} is {spread:.2g} at the end, more than "
                f"{MAX_LOSS_SPREAD:g} of the loss and {MAX_SPREAD_GROWTH:g} times that before",
                ["lower lr", *_tighter(run)],
            )
    return None


def _train_mode_gap(run: Diagnostics) -> Said | None:
    """By the distances to real images: modes that lie close together may lie unequally far off."""
    named = {MeasureName.parse(name).measure: value for name, value in run.val.items()}
    trained, evaluated = named.get("train_mode_fd"), named.get("eval_mode_fd")
    if trained is None or evaluated is None:
        return None
    gap = abs(trained - evaluated) / evaluated
    if gap <= MAX_MODE_GAP:
        return None
    return (
        f"the distance of samples to real images is {trained:,.4g} in training mode and "
        f"{evaluated:,.4g} in evaluation mode, {gap:.0%} apart, more than {MAX_MODE_GAP:.0%}",
        ["change stack_norm", "lower lr", "raise batch_size"],
    )


def _few_active_units(run: Diagnostics) -> Said | None:
    active, latents = run.val.get("active_units"), run.settings.get("model.latent_dim")
    if not active or latents is None or active >= MIN_ACTIVE_SHARE * float(latents):
        return None
    return (
        f"{active:.0f} of {latents} latent units are active, less than {MIN_ACTIVE_SHARE:.0%}",
        ["lower kl_weight", "lower latent_dim", "raise kl_warmup"],
    )


def _still_improving(run: Diagnostics) -> Said | None:
    falls = [1 - after / before for before, after in itertools.pairwise(run.curve[-3:]) if before]
    if len(falls) < 2 or min(falls) <= MAX_FALL:
        return None
    said = " and ".join(f"{fall:.0%}" for fall in falls)
    return (
        f"the last two validations fell by {said}, more than {MAX_FALL:.0%} each: the budget ended "
        "before the run did",
        ["raise num_images"],
    )


def _copying(run: Diagnostics) -> Said | None:
    """Samples that have collapsed are near to something by chance."""
    low = run.val.get("copied_low")
    if low is None or low <= MAX_COPIED or run.status == "collapsed":
        return None
    return (
        f"{run.val['copied']:.0%} of the samples are copies of training images, at least "
        f"{low:.0%}, more than {MAX_COPIED:.0%}",
        ["lower num_images", "lower width"],
    )


CHECKS: dict[str, Callable[[Diagnostics], Said | None]] = {
    "diverged": _diverged,
    "collapsed": _collapsed,
    "discriminator_strong": _discriminator_strong,
    "discriminator_weak": _discriminator_weak,
    "gradient_vanishing": _gradient_vanishing,
    "gradient_exploding": _gradient_exploding,
    "clip_saturated": _clip_saturated,
    "clipped_under_momentum": _clipped_under_momentum,
    "loss_unsteady": _loss_unsteady,
    "train_mode_gap": _train_mode_gap,
    "few_active_units": _few_active_units,
    "still_improving": _still_improving,
    "copying": _copying,
}


def examine(run: Diagnostics) -> list[HealthWarning]:
    """Every warning about a run that trained, how it ended first."""
    found = {kind: said for kind, check in CHECKS.items() if (said := check(run))}
    warnings = [
        HealthWarning(kind=kind, sentence=sentence, turn=run.advice(*options))
        for kind, (sentence, options) in found.items()
    ]
    if found.keys() > {"collapsed"}:
        # A collapse has many causes; what else was seen is nearer to this one.
        advice = filter(None, ["what the other warnings name", warnings[0].turn])
        warnings[0] = replace(warnings[0], turn=", else ".join(advice))
    return warnings
