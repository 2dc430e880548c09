"""What a run of every registered model promises, from configuration to result."""

import dataclasses
import math

import pytest
import torch
from references import TRAINED, VARIANTS, tiny

from bench import datasets
from bench.errors import UsageError
from bench.evaluation.reference import ReferenceData
from bench.evaluation.view import Generated, View
from bench.models import MODELS
from bench.records import STATUSES
from bench.testing import Recorder, made_data
from bench.training.parts import build, reference_data
from bench.training.run import Run

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def reference():
    return reference_data("digits", "auto", CPU)


def shapes(log):
    return {name: picture.shape for name, _, picture in log.drawn}


@pytest.mark.parametrize("variant", VARIANTS)
def test_run_ends_with_a_status_finite_values_and_samples(variant, tmp_path, reference):
    log = Recorder()
    config = tiny(variant)
    result = Run(config=config, reference=reference, folder=tmp_path, logger=log).execute()
    assert result.status in STATUSES
    assert result.status not in {"failed", "diverged"}, result.reason
    assert result.primary == "fd_digits_n40"
    assert result.value == result.metrics["val/fd_digits_n40"]
    assert all(math.isfinite(value) for value in result.metrics.values())
    height, width, colours = shapes(log)["samples"]
    assert height > 8
    assert width > 8
    assert colours == 3

    fns = build(config, reference).eval_fns
    assert ("elbo" in result.not_applicable) == (fns.density is None)
    assert ("active_units" in result.not_applicable) == (fns.encode is None)
    assert ("reconstructions" in shapes(log)) == (fns.encode is not None)


@pytest.mark.parametrize("name", MODELS.names())
def test_run_on_colour_images_without_a_detector_measures_what_needs_none(name, tmp_path):
    log = Recorder()
    reference = made_data((3, 9, 12), 3)
    result = Run(config=tiny(name), reference=reference, folder=tmp_path, logger=log).execute()
    assert result.status in {"ok", "collapsed"}, result.reason
    assert result.not_applicable["frechet"].startswith("no detector for 'made'")
    assert "samples" in shapes(log)
    conditional = build(tiny(name), reference).eval_fns.conditional
    assert ("val/class_share" in result.metrics) == conditional


@pytest.mark.parametrize("variant", VARIANTS)
def test_data_without_labels_is_refused_by_conditional_models_alone(variant, tmp_path):
    reference = made_data((1, 8, 8), 0)
    if variant.startswith("cgan") or variant.endswith(":conditional"):
        with pytest.raises(UsageError, match="'made' has no labels"):
            build(tiny(variant), reference)
    else:
        assert not build(tiny(variant), reference).eval_fns.conditional


@pytest.mark.parametrize("variant", TRAINED)
def test_samples_for_a_class_are_drawn_by_the_training_prior(variant):
    splits = datasets.load("digits")
    rare = dataclasses.replace(splits.spec, class_prior=(0.0, 0.25, 0.0, 0.75, *(0.0,) * 6))
    detector = reference_data("digits", "auto", CPU).detector
    reference = ReferenceData(dataclasses.replace(splits, spec=rare), CPU, detector)
    trainable = build(tiny(variant), reference)
    generated = Generated(reference, trainable.modules, trainable.eval_fns)
    view = View(generated=generated, split="val", counts=(40,), max_samples=400)
    labels = view.generated_features(400).labels
    assert (labels is not None) == trainable.eval_fns.conditional
    if labels is not None:
        assert set(labels.tolist()) == {1, 3}
        # 300 expected, standard deviation 8.7: five of them.
        assert 257 < int((labels == 3).sum()) < 343
        assert torch.equal(view.generated_features(40).labels, labels[:40])
