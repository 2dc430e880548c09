"""Names of measures: what stands in them, which way is better, how many images they need.

Without torch: the report reads what runs have measured.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Literal

POINTS = "coordinates"
"""The detector of points of the plane: what they are, in units of the plane."""

COARSE = 10
"""Images for each feature below which a distance is marked as coarse."""


FEWEST_TO_EXTRAPOLATE = 5_000
"""Held-out images from which on a distance is extrapolated to infinitely many."""


def is_enough(n: int, dim: int) -> bool:
    """Whether the covariance of n features of that dimension has full rank; else: refused."""
    return n > dim


def is_coarse(n: int, dim: int) -> bool:
    """Whether n is below ten images for each feature: the bias is then a large part of a value.

    Args:
        n: Images of each side, the number at the end of ``fd_mnist_n10000``.
        dim: Features of the detector, the tag ``detector_dim`` of a run.
    """
    return n < COARSE * dim


Better = Literal["lower", "higher"]
Scale = Literal["plain", "log", "share", "count", "score"]
"""Where a measure lives, which is where its mean and interval are taken (protocol rule 20).

``plain`` any number; ``log`` above 0, its mean the geometric one; ``share`` 0 to 1; ``count`` from 0
and ``score`` from 1 on.
"""
Through = Literal["detector", "likelihood", "nothing"]


@dataclass(frozen=True)
class Measure:
    """What is known of the values whose names begin alike.

    Attributes:
        metric: The registered metric that gives them.
        better: The better direction; None for what should be as in real images (spread, copying)
            or only describes a model (active units, KL).
        through: What takes part: a detector, whose name may follow; the model's likelihood, whose
            name follows; or neither.
        scale: Where its values live.
        decimals: How many a report shows; None for three significant digits.
    """

    metric: str
    better: Better | None = None
    through: Through = "nothing"
    scale: Scale = "plain"
    decimals: int | None = None


UNDECLARED = Measure("", through="detector")
"""What is taken of a name whose beginning nobody declared."""


MEASURES: dict[str, Measure] = {
    "fd": Measure("frechet", "lower", "detector", scale="log"),
    "fid": Measure("frechet", "lower", "detector", scale="log"),
    "fdinf": Measure("frechet_extrapolated", "lower", "detector", scale="log"),
    "sw": Measure("sliced_wasserstein", "lower", "detector", scale="log"),
    "good": Measure("known_modes", "higher", scale="share", decimals=3),
    "covered": Measure("known_modes", "higher", scale="count", decimals=1),
    "mode_kl": Measure("known_modes", "lower", scale="count"),
    "mode_js": Measure("known_modes", "lower", scale="count"),
    "cross_entropy": Measure("cross_entropy"),
    "kd": Measure("kernel", "lower", "detector"),
    "kid": Measure("kernel", "lower", "detector"),
    "cmmd": Measure("cmmd", "lower", "detector", scale="log"),
    "classifier_score": Measure("classifier_score", "higher", "detector", scale="score"),
    "inception_score": Measure("classifier_score", "higher", "detector", scale="score"),
    "precision": Measure("overlap", "higher", "detector", scale="share", decimals=3),
    "recall": Measure("overlap", "higher", "detector", scale="share", decimals=3),
    "density": Measure("overlap", "higher", "detector", scale="count"),
    "coverage": Measure("overlap", "higher", "detector", scale="share", decimals=3),
    "clipped_density": Measure("clipped_overlap", "higher", "detector", scale="share", decimals=3),
    "clipped_coverage": Measure("clipped_overlap", "higher", "detector", scale="share", decimals=3),
    "vendi": Measure("vendi", None, "detector", scale="score"),
    "authenticity": Measure("authenticity", None, "detector", scale="share", decimals=3),
    "fld": Measure("feature_likelihood", "lower", "detector"),
    "js_bound": Measure("classifier_bound", "lower", "detector", scale="share", decimals=3),
    "pqm_p": Measure("mass_test", None, "detector", scale="share", decimals=3),
    "pqm_chi2": Measure("mass_test", "lower", "detector", scale="count"),
    "birthday_support": Measure("birthday", "higher", "detector", scale="log"),
    "class_fd": Measure("class_frechet", "lower", "detector", scale="log"),
    "class_accuracy": Measure("class_accuracy", "higher", "detector", scale="share", decimals=3),
    "class_share": Measure("class_share", scale="share", decimals=3),
    "eval_mode_fd": Measure("train_mode", None, "detector", scale="log"),
    "train_mode_fd": Measure("train_mode", None, "detector", scale="log"),
    "train_mode_gap": Measure("train_mode", None, "detector"),
    "legible": Measure("legible", None, "detector", scale="share", decimals=3),
    "classes": Measure("classes", "higher", "detector", scale="score", decimals=1),
    "modes": Measure("modes", "higher", "detector", scale="score", decimals=1),
    "class_entropy": Measure("modes", None, "detector"),
    "spread": Measure("spread", None, "detector", scale="count"),
    "copying": Measure("copying", None, "detector", scale="share", decimals=3),  # until 0.2.0
    "copied": Measure("copying", None, "detector", decimals=3),
    "exact_copies": Measure("exact_copies", scale="share", decimals=3),
    "elbo": Measure("elbo", "higher", "likelihood", decimals=1),
    "log_likelihood": Measure("elbo", "higher", "likelihood", decimals=1),
    "reconstruction": Measure("elbo", None, "likelihood", decimals=1),
    "kl": Measure("elbo", None, "likelihood", decimals=1),
    "kl_sampled": Measure("elbo", None, "likelihood", decimals=1),
    "elbo_best_sigma": Measure("best_sigma", "higher", "likelihood", decimals=1),
    "best_sigma": Measure("best_sigma", None, "likelihood", scale="count"),
    "bits_per_dim": Measure("bits_per_dim", "lower", "likelihood"),
    **{
        f"iwae_{k}_elbo": Measure(f"iwae_{k}", "higher", "likelihood", decimals=1)
        for k in (64, 512, 5000)
    },
    "iwae_1": Measure("iwae_1", "higher", "likelihood", decimals=1),
    "iwae_64": Measure("iwae_64", "higher", "likelihood", decimals=1),
    "iwae_512": Measure("iwae_512", "higher", "likelihood", decimals=1),
    "iwae_5000": Measure("iwae_5000", "higher", "likelihood", decimals=1),
    "quadrature": Measure("quadrature", "higher", "likelihood", decimals=1),
    "ais": Measure("ais", "higher", decimals=1),
    "ais_sigma": Measure("ais"),
    "active_units": Measure("active_units", scale="count", decimals=1),
    "kl_latents_90": Measure("kl_latents", scale="count", decimals=1),
    "kl_latent_max": Measure("kl_latents"),
    "reconstruction_error": Measure("reconstruction_error", "lower", scale="log"),
    "mmd_posterior": Measure("mmd_posterior", "lower"),
    "knn_accuracy": Measure("latent_clusters", scale="share", decimals=3),
    "silhouette": Measure("latent_clusters"),
    "floor_train_class_fd": Measure("class_frechet", None, "detector"),
    **{
        f"{prefix}_{distance}": Measure(metric, None, "detector")
        for metric, prefixes in {
            "floors": ("floor_train", "floor_heldout"),
            "redrawn": ("sampling_sd", "reference_sd"),
        }.items()
        for prefix in prefixes
        for distance in ("fd", "fid")
    },
}
"""How names begin, and what that says; a metric may declare others."""


ELBOS = {"elbo", "elbo_best_sigma", "log_likelihood"}
"""Measures that have a column of their own for each name."""


INCEPTION = "inception"
"""The detector with the original weights, whose distance alone is called FID."""

CLIP = "clip"
"""The detector in whose embeddings alone a distance is called CMMD."""


_INCEPTIONS = {"fd": "fid", "kd": "kid", "classifier_score": "inception_score"}


def feature_name(base: str, detector: str | None, n: int | None = None) -> str:
    """Name of a value of features: ``fd_mnist_n10000``; Inception's ``fd`` alone is ``fid``.

    Protocol rules 9, 10 and 13: the detector and n are part of a name, and FID, KID and the
    Inception score are names of the measures in Inception's features only.
    """
    stem = _INCEPTIONS.get(base) if detector == INCEPTION else None
    stem = stem or f"{base}_{detector}"
    return stem if n is None else f"{stem}_n{n}"


_NAME = re.compile(
    r"(?:(?P<split>[^/]*)/)?(?P<base>.*?)(?:_n(?P<n>\d+)(?P<effort>(?:_[ct]\d+)*))?"
    r"(?:_(?P<ending>se|sd|low|high|real|gap))?"
)
_PREFIX = re.compile(r"(floor_train|floor_heldout|sampling_sd|reference_sd)_")


@dataclass(frozen=True, kw_only=True)
class MeasureName:
    """A value's name taken apart.

    Attributes:
        split: ``test`` of ``test/fd_mnist_n10000``; may be empty.
        prefix: ``floor_train`` and the like: how certain ``measure`` is; else empty.
        measure: ``fd``; the whole name where nobody declared how it begins.
        of: What follows: a detector or a likelihood; may be empty.
        n: The number of images, if it has one.
        effort: What was spent beside, ``_c16_t1000``; else empty.
        ending: ``se``, ``sd``, ``low``, ``high``, ``real`` or ``gap``; else empty.
        known: What was declared of it, or ``UNDECLARED``.
    """

    split: str = ""
    prefix: str = ""
    measure: str
    of: str = ""
    n: int | None = None
    effort: str = ""
    ending: str = ""
    known: Measure = UNDECLARED

    @classmethod
    def parse(cls, text: str, measures: Mapping[str, Measure] = MEASURES) -> MeasureName:
        """The parts of ``test/fd_mnist_n10000``; ``str`` puts them together again."""
        split, _, whole = text.rpartition("/")
        if whole in measures:  # declared as it stands, whatever it ends with
            return cls(split=split, measure=whole, known=measures[whole])
        found = _NAME.fullmatch(text)
        parts = found.groupdict("") if found else {}
        base, n = parts.pop("base", text), parts.pop("n", "")
        words = base.split("_")
        begins = ("_".join(words[:i]) for i in range(len(words), 0, -1))
        stem = next((begin for begin in begins if begin in measures), base)
        prefix = found[1] if (found := _PREFIX.match(stem)) else ""
        return cls(
            **parts,
            prefix=prefix,
            measure=stem[len(prefix) + 1 :] if prefix else stem,
            of=base[len(stem) + 1 :],
            n=int(n) if n else None,
            known=measures.get(stem, UNDECLARED),
        )

    def __str__(self) -> str:
        return f"{self.split}/{self.name}" if self.split else self.name

    @property
    def name(self) -> str:
        """``fd_mnist_n10000``: the whole but for the split."""
        parts = (self.prefix, self.measure, self.of, "" if self.n is None else f"n{self.n}")
        counted = "_".join(filter(None, parts)) + self.effort
        return f"{counted}_{self.ending}" if self.ending else counted

    @property
    def series(self) -> MeasureName:
        """The same at whatever n."""
        return replace(self, n=None)

    @property
    def better(self) -> Better | None:
        """The better direction; None where there is none."""
        return None if self.prefix or self.ending else self.known.better

    @property
    def scale(self) -> Scale:
        """Where its values live; deviations and floors are plain numbers."""
        return "plain" if self.prefix or self.ending not in {"", "real"} else self.known.scale

    @property
    def detector(self) -> str:
        """The detector that the name carries; empty without one."""
        if self.measure in _INCEPTIONS.values():
            return INCEPTION
        return self.of if self.known.through == "detector" else ""

    @property
    def likelihood(self) -> str:
        """The likelihood that the name carries; empty without one."""
        return self.of if self.known.through == "likelihood" else ""

    @property
    def is_floor(self) -> bool:
        """Whether it holds real images against real ones."""
        return self.prefix.startswith("floor_")

    @property
    def belongs(self) -> bool:
        """Whether it ends as what belongs to another value: an error, a bound, real images."""
        return self.ending not in {"", "gap"}


def largest(names: Iterable[MeasureName]) -> list[MeasureName]:
    """Of each series the name with the largest n."""
    return list({m.series: m for m in sorted(names, key=lambda m: m.n or 0)}.values())


def centre(values: Sequence[float], scale: Scale) -> float:
    """The mean that a report shows: geometric on a log scale, where every value has a logarithm."""
    if scale == "log" and min(values) > 0:
        return math.exp(math.fsum(map(math.log, values)) / len(values))
    return math.fsum(values) / len(values)


def mean_of(metric: str, values: Sequence[float]) -> float:
    """The mean of one measure's values, by which cells are chosen and named lowest, too."""
    return centre(values, scale_of(metric))


def choice(means: Sequence[float | None], lost: Sequence[int]) -> int | None:
    """Which cell is chosen: that of the lowest mean, while there is one that lost no run among those.

    Args:
        means: Of each cell's validation values; None where it has none.
        lost: How many runs of each ended without a value.
    """
    known = [
        (gone > 0, mean, i)
        for i, (mean, gone) in enumerate(zip(means, lost, strict=True))
        if mean is not None
    ]
    return min(known)[2] if known else None


@cache
def scale_of(metric: str) -> Scale:
    """Where the values of ``test/fd_mnist_n10000`` live."""
    return MeasureName.parse(metric).scale


def measures_tag(measures: Mapping[str, Measure]) -> dict[str, str]:
    """The tag by which a run says what it declares and ``MEASURES`` has not; none for nothing."""
    said = {stem: asdict(measure) for stem, measure in measures.items() if stem not in MEASURES}
    return {"measures": json.dumps(said, sort_keys=True)} if said else {}


def read_measures(tag: str) -> dict[str, Measure]:
    """What ``measures_tag`` wrote; nothing where somebody has written something else."""
    try:
        return {stem: Measure(**said) for stem, said in json.loads(tag or "{}").items()}
    except (ValueError, TypeError, AttributeError):
        return {}
