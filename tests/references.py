"""Which configurations stand for all: a preset is values and no code, so that each part counts once."""

from __future__ import annotations

from bench.adversarial.losses import LOSSES
from bench.models import MODELS, configure, find
from bench.variational.likelihoods import LIKELIHOODS
from bench.variational.posteriors import POSTERIORS
from bench.variational.priors import PRIORS

PRESETS = [(name, key) for name, kind in MODELS.items() for key in kind.presets]
REFERENCES = [*MODELS.names(), *(f"{name}:{key}" for name, key in PRESETS)]

PARTS = {
    ("vae_mlp", "likelihood"): LIKELIHOODS,
    ("vae_mlp", "posterior"): POSTERIORS,
    ("vae_mlp", "prior"): PRIORS,
    ("gan", "loss"): LOSSES,
}
"""Model and setting that take any of a registry's names."""


def choices(reference: str) -> set[tuple[str, object]]:
    """What a configuration chooses among alternatives: words, switches, and what is on beside off.

    Sizes are none: layers such as ``512-256``, or a number whose default is neither 0 nor 1.
    """
    found: set[tuple[str, object]] = set()
    settings = configure(reference).model
    for key, field in type(settings).model_fields.items():
        value = getattr(settings, key)
        if isinstance(value, bool) or (isinstance(value, str) and not value[0].isdigit()):
            found.add((key, value))
        elif isinstance(value, int | float) and field.default in {0, 1}:
            found.add((key, value != field.default))
    return found


def branches() -> list[str]:
    """Every model, and presets as long as one makes a choice that none before it made."""
    seen: set[tuple[str, object]] = set()
    kept = []
    for reference in REFERENCES:
        if reference in MODELS.names() or choices(reference) - seen:
            kept.append(reference)
        seen |= choices(reference)
    return kept


BRANCHES = branches()


def parts() -> list[str]:
    """``vae_mlp likelihood=gaussian`` for every registered part that no branch chooses."""
    taken = set().union(*map(choices, BRANCHES))
    return [
        f"{model} {key}={name}"
        for (model, key), registry in PARTS.items()
        for name in registry.names()
        if (key, name) not in taken
    ]


VARIANTS = [*BRANCHES, *parts(), "gan average=0.9", "gan lipschitz=r1_r2", "vae_mlp free_nats=0.1"]
"""What contracts run over: ``MODEL``, ``MODEL:PRESET``, each perhaps with ``KEY=VALUE`` behind it."""

TRAINED = [one for one in VARIANTS if find(one.split()[0])[1].family != "baseline"]


def has_width(reference: str) -> bool:
    """Whether its networks have a width that a test can make small."""
    return "width" in find(reference)[1].settings.model_fields


def split(variant: str) -> tuple[str, dict[str, str]]:
    """The reference, and the values that stand behind it."""
    reference, *values = variant.split()
    return reference, dict(value.split("=") for value in values)


# Two steps; 40 samples are the fewest, rounded, that have a distance in 32 features.
TINY = {
    "num_images": 32,
    "batch_size": 16,
    "num_logs": 2,
    "num_validations": 1,
    "max_samples": 40,
    "max_val_samples": 40,
    "likelihood_images": 10,
}


SMALL = {"width": 4, "num_steps": 4, "sample_steps": 3}


def tiny(variant):
    """As it is, but for the width of its networks and the steps of a chain."""
    reference, values = split(variant)
    known = find(reference)[1].settings.model_fields
    return configure(
        reference, TINY | values, {key: value for key, value in SMALL.items() if key in known}
    )
