"""`bench init`: a study file to start from."""

from collections import Counter

import pytest

from bench.cli.init import write_start, write_study
from bench.cli.show import plan_text
from bench.errors import UsageError
from bench.models import MODELS
from bench.plan.files import hidden_by_own, load_study
from bench.registry import PLUGINS
from bench.study.plan import resolve

COMMENTED = "    # factors="


def planned(name):
    """Every run of a study, whose configurations its models have."""
    return resolve(load_study(name), tier="classroom", device="cpu").runs()


def with_its_factor(path):
    """The study's file, its factor no longer a remark."""
    text = path.read_text()
    assert text.count(COMMENTED) == 1
    path.write_text(text.replace(COMMENTED, "    factors="))


def test_study_to_start_from_loads_as_it_is_written():
    path = write_study("my_own")
    assert path.as_posix() == "studies/my_own.py"
    arms = Counter(run.cell.arm for run in planned("my_own") if not run.cell.baseline)
    assert arms == {"vae": 3, "gan": 3}
    assert len(planned("my_own")) == 6 + 3  # and baselines
    with_its_factor(path)
    assert "factors, each value with each arm" in plan_text(load_study("my_own"))
    assert len(planned("my_own")) == 2 * 2 * 3 + 3


@pytest.mark.parametrize("model", sorted(MODELS.names()))
def test_study_of_any_models_has_settings_that_each_of_them_takes(model):
    name = f"of_{model}"
    path = write_study(name, arms=f"{model},wgan:gradient_penalty")
    runs = planned(name)
    assert {run.config.train.num_images for run in runs if not run.cell.baseline} == {12_000}
    (comparison,) = load_study(name).comparisons
    assert (comparison.a, comparison.b) == (model, "wgan_gradient_penalty")
    with_its_factor(path)
    again = planned(name)
    assert len(again) == len(runs) + 2 * 3


def test_first_of_the_arms_is_compared_with_each_of_the_others():
    write_study("three", arms="gan,vae,wgan")
    declared = [(each.a, each.b) for each in load_study("three").comparisons]
    assert declared == [("gan", "vae"), ("gan", "wgan")]


@pytest.mark.parametrize(
    ("words", "arms", "sentence"),
    [
        (("new",), "vae", "--arms takes two or more models, got 'vae'"),
        (("new",), "vae,vae", "--arms takes two or more models, got 'vae,vae'"),
        (("new",), "vae,gna", "unknown model 'gna': did you mean 'gan'"),
        (("metric", "new"), "vae,gan", "--arms are the models of a study, and a metric has none"),
    ],
)
def test_arms_that_cannot_be_compared_are_refused(tmp_path, words, arms, sentence):
    with pytest.raises(UsageError, match=sentence):
        write_start(*words, arms=arms)
    assert list(tmp_path.iterdir()) == []


def test_study_says_how_it_is_run_with_its_plugin(tmp_path):
    (tmp_path / "no thing.py").write_text("")
    said, loaded = [], set(PLUGINS)
    path = write_start("mine", plugins=[tmp_path / "no thing.py"], say=said.append)
    for module in set(PLUGINS) - loaded:  # what registers nothing is a part of every later model
        del PLUGINS[module]
    words = f"bench run mine --plugin '{tmp_path / 'no thing.py'}'"
    assert words in path.read_text()
    assert words in said[-1]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("my-own", "letters, digits and _ only, got 'my-own'"),
        ("mine", "is there already: edit it"),
        ("depth_sweep", "'depth_sweep' comes with bench, which a file of that name would hide"),
    ],
)
def test_study_file_that_cannot_be_written_is_refused(mine, name, sentence):
    with pytest.raises(UsageError, match=sentence):
        write_study(name)


def test_own_study_that_hides_a_shipped_one_is_said(mine, tmp_path):
    assert hidden_by_own("mine") == hidden_by_own("depth_sweep") == ""
    own = tmp_path / "studies" / "depth_sweep.py"
    own.write_text("")
    assert hidden_by_own("depth_sweep").startswith(f"note: study 'depth_sweep' is that of '{own}'")
