"""What a run and a trial measure, and what a trial never reads."""

import pytest
import torch
from training_runs import small

from bench.contracts import NullLogger
from bench.errors import Interrupted
from bench.testing import Recorder
from bench.training.checkpoint import BEST
from bench.training.run import Run, held_data

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def held():
    return held_data("digits", "auto", CPU)


def test_run_measures_last_and_best_on_test_and_curves_on_validation(tmp_path, held):
    log = Recorder()
    result = Run(config=small(), held=held, folder=tmp_path, logger=log).execute()
    assert result.primary == "fd_digits_n297"
    assert result.value == result.metrics["val/fd_digits_n297"]
    wanted = {"test/fd_digits_n297", "test/fd_digits_n500", "test_best/fd_digits_n500"}
    assert wanted <= set(result.metrics)
    assert "test/elbo_bernoulli_resampled" in result.metrics
    steps = [step for step, _ in log.curves["val/fd_digits_n297"]]
    assert steps == [160, 320, 480, 640, 640]  # the last one stands in the result as well
    assert log.named["test_reads"] == "1"
    assert log.named["passport"] == "bernoulli_resampled"


def test_best_state_is_the_one_with_the_lowest_validation_distance(tmp_path, held):
    log = Recorder()
    result = Run(config=small("gan"), held=held, folder=tmp_path, logger=log).execute()
    curve = log.curves["val/fd_digits_n297"][:-1]
    best = min(curve, key=lambda point: point[1])
    assert result.metrics["test_best/images_seen"] == best[0]
    assert (tmp_path / BEST).exists()


def test_model_without_a_likelihood_is_not_applicable_for_the_elbo(tmp_path, held):
    result = Run(config=small("gan"), held=held, folder=tmp_path, logger=NullLogger()).execute()
    assert result.not_applicable["elbo"] == "the model has no likelihood"
    assert not [name for name in result.metrics if "elbo" in name]


def test_noise_that_covers_few_classes_is_called_collapsed(tmp_path, held):
    run = Run(config=small("uniform_noise"), held=held, folder=tmp_path, logger=NullLogger())
    result = run.execute()
    assert result.status == "collapsed"
    assert "classes" in result.reason
    assert result.value is not None


def test_fewer_images_than_features_have_no_distance_and_the_reason_says_so(tmp_path, held):
    config = small("uniform_noise", max_samples=20)
    result = Run(config=config, held=held, folder=tmp_path, logger=NullLogger()).execute()
    assert result.value is None
    assert result.not_applicable["frechet"].startswith("20 images are too few for 32 features")


class Sealed:
    """Held data whose test split has a size and nothing that could be read."""

    def __init__(self, held):
        self._held = held

    def __getattr__(self, name):
        return getattr(self._held, name)

    def images(self, split):
        images = self._held.images(split)
        return images.to("meta") if split == "test" else images


def trial(folder, held, log, should_prune, model="vae"):
    return Run(
        config=small(model),
        held=held,
        folder=folder,
        logger=log,
        stage="trial",
        should_prune=should_prune,
    )


@pytest.mark.parametrize("model", ["vae", "wgan"])
def test_trial_of_a_search_never_opens_the_test_split(tmp_path, held, model):
    log, asked = Recorder(), []
    judge = lambda curve: asked.append(list(curve))  # noqa: E731 - None is no reason to end
    result = trial(tmp_path, Sealed(held), log, judge, model).execute()
    curve = [value for _, value in log.curves["val/fd_digits_n297"][:4]]
    assert asked == [curve[:1], curve[:2], curve[:3]]
    assert result.value == curve[-1]
    assert result.status in {"ok", "collapsed"}
    assert not [name for name in result.metrics if name.startswith("test")]
    assert "test_reads" not in log.named
    assert not (tmp_path / "test_reads").exists()
    assert log.drawn == []


def test_trial_has_the_validation_values_of_the_run_it_would_have_been(tmp_path, held):
    log = Recorder()
    run = Run(config=small(), held=held, folder=tmp_path / "a", logger=NullLogger()).execute()
    result = trial(tmp_path / "b", held, log, lambda _: False).execute()
    values = {name: value for name, value in result.metrics.items() if name.startswith("val/")}
    assert {"val/classes", "val/spread", "val/active_units"} <= values.keys()
    assert values == {name: run.metrics[name] for name in values}
    assert result.status == run.status


def test_pruned_trial_ends_where_it_is_told_to(tmp_path, held):
    log = Recorder()
    result = trial(tmp_path, held, log, lambda curve: len(curve) == 2).execute()
    assert result.status == log.named["status"] == "pruned"
    assert result.value == log.curves["val/fd_digits_n297"][1][1]
    assert result.metrics["cost/images_seen"] == 320
    again = trial(tmp_path, held, NullLogger(), lambda _: False)
    assert again.execute() == result


def test_trial_killed_while_it_waits_for_an_answer_asks_again(tmp_path, held):
    def killed(curve):
        raise Interrupted("killed")

    with pytest.raises(Interrupted):
        trial(tmp_path, held, NullLogger(), killed).execute()
    whole = trial(tmp_path / "whole", held, NullLogger(), lambda _: False).execute()
    asked = []
    log = Recorder()
    continued = trial(tmp_path, held, log, lambda curve: asked.append(len(curve)) is not None)
    assert continued.execute().value == whole.value
    assert asked == [2, 3]
