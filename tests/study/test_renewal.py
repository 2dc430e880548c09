"""What was made by something else than what makes it now is seen, said, kept aside and made anew."""

from dataclasses import replace

import pytest
from study_fakes import FakeEngine, optuna_trials

import bench
from bench import files
from bench.errors import UsageError
from bench.models import config_from_params
from bench.plan.study import Arm
from bench.study.edits import edits
from bench.study.renewal import unrecorded
from bench.training.checkpoint import load_result
from bench.training.identity import Makers


@pytest.fixture
def search(search):
    """Of fewer trials: what is made anew is the same of each."""
    search.options["trials"] = 4
    return search


class Signing(FakeEngine):
    """Says in each result what made it, as a worker does."""

    def train(self, task, should_prune, label):
        made = Makers().of(config_from_params(task.params))
        result = super().train(task, should_prune, label)
        return replace(result, trained_by=made.trained, measured_by=made.measured)


def begun_again(made, engine=Signing):
    """What is said, and who ran what."""
    lines, driver = [], made.driver()
    driver.renew(driver.changed(), lines.append)
    ran = engine(made.store)
    driver.run(ran, ran)
    return lines, ran


def roles(made):
    found = [record.about.role for record in made.records()]
    return {role: found.count(role) for role in set(found)}


def test_nothing_is_repeated_where_nothing_changed(either):
    either.run(Signing(either.store))
    lines, ran = begun_again(either)
    assert (lines, ran.ran) == ([], [])


def test_a_new_version_of_the_numbers_trains_anew_and_keeps_the_old(grid, monkeypatch):
    before = grid.run(Signing(grid.store))
    monkeypatch.setattr(bench, "NUMBERS", bench.NUMBERS + 1)
    lines, ran = begun_again(grid)
    assert sorted(ran.trained) == sorted(before.trained)
    (line,) = lines
    assert line.startswith("vae depth=1 seed=0 and 12 more, made until 20")
    raised = f"({bench.NUMBERS - 1} -> {bench.NUMBERS})"
    assert f"were trained with other numbers of the package {raised}: trained anew" in line
    assert roles(grid) == {"run": 8, "confirm": 4, "baseline": 1, "superseded": 13}
    kept = [record.about for record in grid.records() if record.about.role == "superseded"]
    assert all((grid.root / about.folder / "result.json").exists() for about in kept)
    assert begun_again(grid)[0] == []


def test_a_search_of_which_a_trial_was_trained_otherwise_begins_anew(search, monkeypatch):
    before = search.run(Signing(search.store))
    monkeypatch.setattr(bench, "NUMBERS", bench.NUMBERS + 1)
    lines, ran = begun_again(search)
    assert sorted(ran.ran) == sorted(before.ran)
    assert "trained with other numbers of the package" in lines[0]
    assert roles(search)["search"] == 8
    assert roles(search)["run"] == 4


def test_trials_that_were_measured_otherwise_stay_as_they_chose(search, monkeypatch):
    search.run(Signing(search.store))
    number = len(optuna_trials(search.storage))
    monkeypatch.setattr(bench, "MEASURES", bench.MEASURES + 1)
    assert not [place for place, _ in search.driver().changed() if place.stage == "trial"]
    assert len(optuna_trials(search.storage)) == number


def test_results_of_an_older_version_count_and_are_counted(grid, monkeypatch):
    grid.run()
    monkeypatch.setattr(bench, "NUMBERS", bench.NUMBERS + 1)
    lines, ran = begun_again(grid, FakeEngine)
    assert (lines, ran.ran) == ([], [])
    assert unrecorded(map(grid.driver().tracked.folder, grid.driver().runs())) == 13


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, ""),
        ({"question": "Does it?"}, "the study: question Does it work? -> Does it?"),
        ({"factors": {"model.depth": (1,)}}, "every arm: model.depth 1, 2 -> 1"),
        ({"arms": (Arm(name="vae", model="vae"),)}, "gan is gone"),
    ],
)
def test_an_edited_study_file_is_named_by_what_differs(grid, change, said):
    assert edits(grid.driver().plan) == ""
    now = grid.study.model_copy(update=change)
    tiers = {"classroom": grid.study.tiers["classroom"].model_copy(update={"arms": {}})}
    now = now.model_copy(update={"tiers": tiers}) if "arms" in change else now
    assert said in edits(grid.driver(study=now).plan)
    assert edits(grid.driver(study=now).plan) == ""


def test_settings_of_an_edited_study_are_said_old_and_new(grid):
    edits(grid.driver().plan)
    tier = grid.study.tiers["classroom"]
    budget = {**tier.settings, "train.num_images": 640}
    tier = tier.model_copy(update={"settings": budget, "arms": {"gan": {"train.batch_size": 32}}})
    now = grid.study.model_copy(update={"tiers": {"classroom": tier}})
    assert edits(grid.driver(study=now).plan) == (
        "the study file says otherwise than before: every arm: train.num_images 320 -> 640; "
        "gan: train.batch_size 16 -> 32; runs that it no longer asks for stay as they are"
    )


def test_trials_beyond_the_number_that_is_asked_for_are_renewed_with_the_others(
    search, monkeypatch
):
    search.run(Signing(search.store))
    monkeypatch.setattr(bench, "NUMBERS", bench.NUMBERS + 1)
    search.options["trials"] = 2
    begun_again(search)
    search.options["trials"] = 4
    _, ran = begun_again(search)
    assert len(ran.ran) > 0
    driver = search.driver()
    results = [load_result(driver.tracked.folder(run)) for run in driver.runs()]
    trials = [load_result(path) for path in driver.plan.folder.glob("trial*")]
    assert len(trials) == 4 * len(driver.best())
    assert {each.trained_by["numbers of the package"] for each in (*results, *trials)} == {"2"}


def test_finished_runs_whose_images_are_gone_count_as_they_are(grid, monkeypatch):
    grid.run(Signing(grid.store))

    def gone(self, config):
        raise UsageError("'x.npz' is no file")

    monkeypatch.setattr(Makers, "of", gone)
    assert grid.driver().changed() == []


def test_folder_in_which_another_process_is_at_work_is_not_moved(grid, monkeypatch):
    grid.run(Signing(grid.store))
    monkeypatch.setattr(bench, "NUMBERS", bench.NUMBERS + 1)
    monkeypatch.setattr(files, "WAIT_SECONDS", 0.0)
    driver = grid.driver()
    folder = driver.changed()[0][0].folder
    with files.alone_in(folder), pytest.raises(UsageError, match="another process is at work"):
        driver.renew(driver.changed(), lambda _: None)
    assert (folder / "result.json").exists()
