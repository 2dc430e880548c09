"""What each word above a column means, a line for each that this report has."""

from __future__ import annotations

from bench.measures import MeasureName, largest
from bench.report.sections import section
from bench.results.decisions import comparisons
from bench.results.format import FEW_SEEDS, NOT_APPLICABLE, code, count, table
from bench.results.results import Results
from bench.results.scale import is_left_out
from bench.results.summary import tag_values
from bench.results.trends import trends

_DISTANCES = {
    "fd": "Frechet distance",
    "fid": "Frechet distance",
    "kd": "unbiased kernel distance",
    "kid": "unbiased kernel distance",
}

MEASURES = {
    "precision": "share of samples that lie among real images: within the distance of an image's fifth neighbour",
    "recall": "share of real images that lie among samples, likewise",
    "density": "how many neighbourhoods of real images a sample lies in, over five; above 1 where they crowd",
    "coverage": "share of real images that have a sample within the distance of their fifth neighbour",
    "classes": "classes that the samples cover: exp of the entropy of how often the detector sees each",
    "class_entropy": "entropy of how often the detector sees each class, in nats",
    "modes": "number of classes that the detector sees among the samples",
    "classifier_score": "exp of the mean KL between a sample's classes and those of all: 1 to the number of classes",
    "spread": "mean distance between two samples in the detector's features",
    "legible": "share of samples that the detector classifies with probability above 0.9",
    "copied": "share of samples that are copies of training images: 0 where none is, 1 where all are",
    "exact_copies": "share of samples that equal a training image in every value",
    "elbo": "lower bound on log p(x) in nats per image, under the likelihood in its name, KL factor 1",
    "log_likelihood": "log p(x) in nats per image, exact, under the likelihood in its name",
    "bits_per_dim": "bits that one value (of a pixel and channel, or a coordinate) costs, at most",
    "kl": "KL divergence of the posterior from the prior in nats per image",
    "reconstruction": "E log p(x|z) in nats per image",
    "reconstruction_error": "squared error per value of a reconstruction, images in [0, 1]",
    "active_units": "latents whose posterior mean varies by more than 0.01 over held-out images",
    "class_accuracy": "share of samples in which the detector sees the class that they were made for",
    "class_fd": "Frechet distance of a class's samples to its held-out images, mean over classes",
    "class_share": "share of the samples' pixel variance that the class makes at one noise",
    "good": "share of samples within three standard deviations of a true mode",
    "covered": "number of true modes that have such a sample",
}
"""Beginning of a measure's name to what it is; Frechet and kernel distances are worded by their n."""


@section("Glossary", after="Machines")
def glossary(results: Results) -> str:
    """Two columns; ``report.html`` shows a line behind the column names that have the word."""
    rows = [*_measures(results), *_columns(results), *_tests(results)]
    return table(["word", "what it means"], rows, left=2)


def _measures(results: Results) -> list[list[str]]:
    """The measures of the report's tables, that of the headline first."""
    head = MeasureName.parse(results.test_metric_name)
    rows = [[code(head.name), _distance(results, head)]]
    if results.selection_metric_name != head.name:
        selection = MeasureName.parse(results.selection_metric_name)
        rows.append([code(selection.name), _distance(results, selection)])
    ends = [m for m in largest(results.measured) if m.split == "test" and not m.is_floor]
    found = dict.fromkeys(
        m.measure
        for m in ends
        if not m.ending and m.measure in MEASURES and not is_left_out(results, m)
    )
    return [*rows, *([code(name), f"{MEASURES[name]}."] for name in found)]


def _distance(results: Results, name: MeasureName) -> str:
    """``fd_digits_n500`` in words."""
    what = _DISTANCES.get(name.measure, "distance")
    n = f"{count(name.n)} generated and {count(name.n)} " if name.n else "generated and "
    dims = tag_values(results.runs, "detector_dim")
    features = f" ({dims[0]} of them)" if len(dims) == 1 else ""
    where = (
        f"in the features of the detector {code(name.detector)}{features}"
        if name.detector
        else "as they are"
    )
    return (
        f"{what} between {n}real images {where}; lower is nearer. Values of another detector or "
        "another number of images are not comparable."
    )


def _columns(results: Results) -> list[list[str]]:
    seeds = len({run.seed for run in results.arm_runs})
    return [
        [
            "[a, b]",
            "95 % interval of the mean over seeds (Student t), from three seeds on; of a Frechet distance on a "
            "log scale. It speaks of seeds, not of other data or settings.",
        ],
        [FEW_SEEDS, "fewer than three seeds: no interval."],
        [
            "↓, ↑",
            "lower is better, higher is better; no arrow where it should be as in real images.",
        ],
        [NOT_APPLICABLE, "the model has no such measure: a GAN has no likelihood."],
        [
            "seeds",
            f"runs that differ in the random seed alone, here {count(seeds)} different ones: in the start, the order of images and the noise.",
        ],
        ["family", "what is compared: a model, or a model with some of its settings."],
        ["cell", "one setting of all factors that are varied, with the runs on its seeds."],
        [
            "chosen",
            "the family's cell of the lowest mean validation distance; fresh: on seeds that did not choose it.",
        ],
        ["tier", "size of the study: classroom (digits, minutes on a processor), lab, paper."],
        ["last checkpoint", "the networks as the budget ended, which needs no choice."],
        ["best by validation", "the run's checkpoint of the lowest validation distance."],
        ["memoriser", "baseline that shows training images again: what a perfect copy gets."],
        ["pixel_gaussian", "baseline that draws from a Gaussian fitted to the training images."],
        ["uniform_noise", "baseline that draws every value at random."],
    ]


def _tests(results: Results) -> list[list[str]]:
    rows = []
    if comparisons(results):
        rows += [
            [
                "p",
                "how likely a difference as large is where there is none, by the test named below the table.",
            ],
            ["p (Holm)", "the same, corrected for the number of comparisons."],
            [
                "p (permutation)",
                "by reshuffling the runs between the two, without assumptions on their law.",
            ],
            ["P(first better)", "share of pairs of runs in which the first family's is better."],
            [
                "detectable",
                "power: the smallest true difference, or factor, that so many seeds would have shown in 80 of 100 such studies.",
            ],
        ]
    if any(trends(results)):
        rows += [
            [
                "rank correlation",
                "Spearman's, -1 where values only fall along the factor, 1 where they only rise.",
            ],
            [
                "partial eta squared",
                "share of the variance left by the main effects that the interaction explains.",
            ],
        ]
    return rows
