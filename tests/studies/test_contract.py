"""What every shipped study promises, whatever it asks."""

import ast
from collections import Counter

import pytest

from bench.datasets import DATASETS, truth_of
from bench.plan.files import load_study, study_files, study_summaries
from bench.study.plan import resolve

NAMES = sorted(study_files())
PAIRS = [
    (name, tier)
    for name in NAMES
    for tier, plan in load_study(name).tiers.items()
    # Equal parameters are counted on images, which are here of digits alone.
    if plan.dataset == "digits" or load_study(name).hold_parameters is None
]


def planned(name, tier, seeds=3):
    return resolve(load_study(name), tier=tier, seeds=seeds, device="cpu").runs()


@pytest.mark.parametrize("name", NAMES)
def test_its_file_says_what_is_asked_and_the_command(name):
    study = load_study(name)
    assert study.name == name
    assert study.question.endswith("?")
    assert study_summaries()[name]
    doc = ast.get_docstring(ast.parse(study_files()[name].read_text(encoding="utf-8")))
    assert f"bench run --study {name}" in doc


@pytest.mark.parametrize("name", NAMES)
def test_its_classroom_tier_needs_no_download_and_says_how_long_it_takes(name):
    tier = load_study(name).tier("classroom")
    made_of = DATASETS.get(tier.dataset).channels_of or tier.dataset
    assert DATASETS.get(made_of).read
    assert "min" in tier.takes


@pytest.mark.parametrize(("name", "tier"), PAIRS)
def test_every_run_of_it_is_a_valid_configuration_of_its_own(name, tier):
    runs = planned(name, tier)
    assert max(Counter(run.config.digest for run in runs).values()) == 1
    assert {run.config.data.dataset for run in runs} == {load_study(name).tier(tier).dataset}


@pytest.mark.parametrize(("name", "tier"), PAIRS)
def test_families_are_compared_on_one_budget(name, tier):
    runs = [run for run in planned(name, tier) if not run.cell.baseline]
    assert len({run.config.train.num_images for run in runs}) == 1
    assert len({run.config.train.num_validations for run in runs}) == 1
    seeds = Counter(run.name for run in runs)
    assert set(seeds.values()) == {3}


@pytest.mark.parametrize("name", [name for name in NAMES if name != "settings_search"])
def test_it_declares_what_it_compares_and_has_the_three_baselines(name):
    study = load_study(name)
    assert study.comparisons
    assert study.baselines == ("memoriser", "pixel_gaussian", "uniform_noise")


@pytest.mark.parametrize("name", NAMES)
def test_its_lab_tier_looks_through_a_second_detector_at_the_end(name):
    """An order of families may belong to one detector."""
    study = load_study(name)
    is_compared = (
        not study.published and name != "settings_search"
    )  # which chooses, and says nothing
    if is_compared and "lab" in study.tiers and not truth_of(study.tier("lab").dataset):
        assert study.tier("lab").settings["eval.also"] == "random"
