"""Every name that a registered metric gives is known to ``bench.measures``."""

import contextlib
import dataclasses
import functools

import pytest
import torch
from references import has_width

from bench.contracts import ExactDensity, NullLogger
from bench.evaluation.view import Generated, View
from bench.measures import MEASURES, Measure, MeasureName, read_measures
from bench.metrics import METRICS, NotApplicable, ais, cmmd, extrapolated, metric
from bench.models import configure
from bench.training.parts import build, reference_data
from bench.training.run import Run

CPU = torch.device("cpu")
SEEN = [
    ("vae", {"likelihood": "gaussian", "stack_norm": "batch"}, "val", "digits"),
    ("vae", {"prior": "flow"}, "test", "digits"),
    ("gan_mlp", {}, "val", "ring8"),
    ("cgan", {}, "test", "digits"),
]


@pytest.fixture(scope="module")
def given():
    """Metric to the names that it gives, over models of which each has what another lacks."""
    with pytest.MonkeyPatch.context() as patch:
        few = functools.partial(
            ais.Effort, num_images=2, num_chains=2, num_temperatures=4, num_simulated=2
        )
        patch.setattr(ais, "Effort", few)
        # What chooses sigma on validation took nine tenths of all seconds.
        patch.setattr(ais, "FITTING", few())
        patch.setattr(extrapolated, "FEWEST_TO_EXTRAPOLATE", 0)
        patch.setattr(cmmd, "CLIP", "digits")  # whose weights are here
        return _names()


@torch.no_grad()
def _names():
    names = {name: set() for name in METRICS.names()}
    for model, values, split, dataset in SEEN:
        reference = reference_data(dataset, "auto", CPU)
        small = {"width": 4, "depth": 1} if has_width(model) else {}
        trainable = build(configure(model, {**values, **small}), reference)
        n = min(500, len(reference.images(split)))
        view = View(
            generated=Generated(reference, trainable.modules, trainable.eval_fns),
            split=split,
            counts=(40, n),
            max_samples=n,
            with_floors=True,
            likelihood_images=3,
        )
        for name, kind in METRICS.items():
            with contextlib.suppress(NotApplicable):
                names[name] |= set(kind.measure(view))
    names["quadrature"] |= set(METRICS.get("quadrature").measure(_of_two_latents()))
    exact = ExactDensity(
        likelihood_name="uniform",
        kind="density",
        observe=lambda images, noise: images,
        log_prob=lambda nets, x, labels: torch.zeros(len(x)),
    )
    fns = dataclasses.replace(trainable.eval_fns, density=exact)
    flow = dataclasses.replace(view, generated=Generated(reference, trainable.modules, fns))
    names["elbo"] |= set(METRICS.get("elbo").measure(flow))
    return names


def _of_two_latents():
    reference = reference_data("digits", "auto", CPU)
    trainable = build(configure("vae_mlp", {"hidden": "4", "latent_dim": 2}), reference)
    return View(
        generated=Generated(reference, trainable.modules, trainable.eval_fns),
        split="val",
        counts=(40,),
        max_samples=40,
        likelihood_images=2,
    )


def known():
    """The table, and what metrics declare in their own files."""
    return MEASURES | {s: said for _, kind in METRICS.items() for s, said in kind.gives.items()}


@pytest.mark.parametrize("metric", METRICS.names())
def test_every_name_of_a_metric_is_declared_in_its_file_or_in_the_table(given, metric):
    assert given[metric]
    for text in given[metric]:
        name = MeasureName.parse(text, known())
        assert name.known.metric == metric
        assert str(name) == text
        assert (name.detector == "digits") == ("_digits" in text)
        assert (name.detector == "coordinates") == ("_coordinates" in text)
        assert name.of == "" or name.known.through != "nothing" or metric == "ais"


def test_no_name_is_declared_that_no_metric_gives(given):
    seen = {
        "_".join(filter(None, (name.prefix, name.measure)))
        for texts in given.values()
        for name in (MeasureName.parse(text, known()) for text in texts)
    }
    of_inception = {stem for stem in MEASURES if stem.endswith(("fid", "kid", "inception_score"))}
    of_older_runs = {"copying"}
    assert seen == known().keys() - of_inception - of_older_runs


class Tags(NullLogger):
    """Keeps the tags of a run."""

    def __init__(self):
        self.said = {}

    def tags(self, values):
        self.said |= values


@pytest.fixture
def registered(monkeypatch):
    """Registers a metric for one test."""
    METRICS.names()
    for kept in ("_entries", "_origins"):
        monkeypatch.setattr(METRICS, kept, dict(vars(METRICS)[kept]))

    def register(**declared):
        @metric("sharpness", **declared)
        def sharpness(view):
            """How sharp the samples are."""
            return {"sharpness": 1.0, "edges_n40": 2.0}

    return register


@pytest.mark.parametrize(
    ("declared", "known"),
    [
        ({}, {}),
        ({"better": "higher"}, {"sharpness": Measure("sharpness", "higher", "detector")}),
        (
            {"better": "lower", "through": "nothing", "gives": ("sharpness", "edges")},
            dict.fromkeys(("sharpness", "edges"), Measure("sharpness", "lower", "nothing")),
        ),
    ],
)
def test_run_says_what_metrics_outside_the_table_declare(registered, tmp_path, declared, known):
    registered(**declared)
    config = configure("uniform_noise", {"max_samples": 40, "max_val_samples": 40})
    log = Tags()
    reference = reference_data("digits", "auto", CPU)
    result = Run(config=config, reference=reference, folder=tmp_path, logger=log).execute()
    assert result.metrics["test/edges_n40"] == 2.0
    assert read_measures(log.said.get("measures", "")) == known
    assert ("measures" in log.said) == bool(known)
