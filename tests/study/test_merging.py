"""Runs that came as bundles: each is taken once, and the study goes on where others have left it."""

from dataclasses import replace

import pytest
from study_fakes import ending

from bench.errors import UsageError
from bench.records import CONTESTED
from bench.results.results import read_results
from bench.study import merging
from bench.study.merging import merge, require_whole
from bench.tracking.bundle import Bundle, write_bundle
from bench.tracking.experiments import Experiment
from bench.training.checkpoint import load_result

PRIMARY = "val/fd_digits_n297"


class Kept:
    """Records of a study in the place of a store."""

    def __init__(self, plan, records):
        self.study, self.identity, self.known = plan.study, plan.identity, records

    def experiments(self):
        key = self.identity.key
        return [Experiment(id=key, name=key, given=key, identity=self.identity, tags={})]

    def plan(self, _):
        return self.study

    def records(self, _):
        return self.known

    def histories(self, run_ids, name):
        known = {one.run_id: one.metrics for one in self.known}
        return {k: [(160, 9.0), (320, known[k][name])] for k in run_ids if name in known[k]}

    def artifacts(self, *_):
        return ["samples.png"]

    def artifact(self, run_id, _):
        return run_id.encode()


def measured(made, values):
    """The runs of a study as a store has them that was told of values, each its own."""
    found = []
    for record in made.records():
        value = values.get(record.about.folder, float(len(found)))
        metrics = {PRIMARY: value, "cost/train_seconds": 1.0 + len(found)}
        tags = {**record.tags, "primary": PRIMARY, "processor": "a laptop"}
        found.append(replace(record, metrics=metrics, tags=tags))
    return found


def bundled(made, path, values=None, *, pictures=True, change=lambda record: record):
    records = [change(one) for one in measured(made, values or {})]
    plan = made.driver().plan
    write_bundle(path, Kept(plan, records), plan.identity, plan.identity.key, pictures=pictures)
    bundle = Bundle(path)
    require_whole(bundle)
    return bundle


def copy(made, place):
    """The same study with nothing in it, somewhere else."""
    kind = type(made)
    return kind(
        study=made.study,
        root=place / "runs",
        store=type(made.store)(),
        storage=type(made.storage)(),
        options=made.options,
    )


def taken(made, bundle, **options):
    tracked = made.driver(**options).tracked
    merged = merge(bundle, tracked)
    tracked.deliver()
    return merged


def parts(grid, tmp_path, number=3):
    """One seed of the grid in each of so many folders, as bundles."""
    for seed in range(number):
        one = copy(grid, tmp_path / f"student{seed}")
        one.run(seeds=None, only_seed=seed)
        yield bundled(one, tmp_path / f"{seed}.zip")


def test_seeds_that_others_ran_are_one_study_that_goes_on(grid, tmp_path):
    merged = [taken(grid, bundle) for bundle in parts(grid, tmp_path)]
    assert [len(one.added) for one in merged] == [5, 4, 4]  # four cells, and a baseline
    whole = copy(grid, tmp_path / "whole")
    whole.run(seeds=3)
    placed = {r.about.folder for r in whole.records() if r.about.role != "confirm"}
    assert {r.about.folder for r in grid.records()} == placed
    engine = grid.run(seeds=3)
    assert engine.trained
    assert all("seed=100" in label for label in engine.ran)  # the chosen, on fresh seeds
    assert len(grid.records()) == len(whole.records())


def test_store_is_told_values_pictures_state_and_where_a_run_came_from(grid, tmp_path):
    (bundle,) = parts(grid, tmp_path, 1)
    taken(grid, bundle)
    came = {record.about.came_in: record for record in grid.records()}
    for theirs in bundle.records(bundle.study.identity.key):
        ours = came[f"{bundle.digest[:12]}/{theirs.run_id}"]
        assert ours.finished
        assert ours.metrics == theirs.metrics
        assert ours.params == theirs.params
        assert ours.tags["processor"] == "a laptop"
        folder = grid.root / ours.about.folder
        assert (folder / "pictures" / "samples-320.png").read_bytes() == theirs.run_id.encode()
        result = load_result(folder)
        assert (result.primary, result.value) == ("fd_digits_n297", theirs.metrics[PRIMARY])


def test_same_run_twice_is_one_and_may_come_in_two_bundles(grid, tmp_path):
    (bundle,) = parts(grid, tmp_path, 1)
    assert len(taken(grid, bundle).added) == 5
    again = taken(grid, bundle)
    assert (again.added, len(again.known), again.contested) == ([], 5, [])
    one = copy(grid, tmp_path / "another")
    one.run(seeds=None, only_seed=0)
    slower = bundled(  # the same numbers on a slower machine
        one,
        tmp_path / "slower.zip",
        change=lambda r: replace(r, metrics={**r.metrics, "cost/train_seconds": 99.0}),
    )
    assert len(taken(grid, slower).known) == 5
    assert len(grid.records()) == 5


def test_run_with_other_numbers_is_kept_beside_the_one_that_counts(grid, tmp_path):
    (first,) = parts(grid, tmp_path, 1)
    taken(grid, first)
    one = copy(grid, tmp_path / "another")
    one.run(seeds=None, only_seed=0)
    folder = one.records()[0].about.folder
    other = bundled(one, tmp_path / "other.zip", {folder: 77.0})
    for _ in range(2):
        merged = taken(grid, other)
        assert (merged.added, len(merged.known)) == ([], 4)
        assert merged.contested == [folder.partition("/")[2]]
    (contested,) = [r for r in grid.records() if r.about.role == CONTESTED]
    assert contested.about.contests == folder
    assert contested.metrics[PRIMARY] == 77.0
    assert len(grid.records()) == 6
    plan = grid.driver().plan
    results = read_results(plan.study, plan.identity, grid.records(), lambda *_: None)
    assert contested.run_id in {run.record.run_id for run in results.unplaced_runs}
    assert 77.0 not in {v for place in results.cells for v in place.values(PRIMARY)}


def test_merge_that_is_killed_goes_on_with_nothing_twice(grid, tmp_path, monkeypatch):
    (bundle,) = parts(grid, tmp_path, 1)
    real, left = merging.save_result, [None, None]

    def dies(folder, result):
        if not left:
            raise KeyboardInterrupt
        left.pop()
        real(folder, result)

    monkeypatch.setattr(merging, "save_result", dies)
    with pytest.raises(KeyboardInterrupt):
        taken(grid, bundle)
    monkeypatch.setattr(merging, "save_result", real)
    merged = taken(grid, bundle)
    assert (len(merged.added), len(merged.known)) == (3, 2)
    assert len(grid.records()) == 5


def test_run_that_is_begun_here_or_has_not_ended_there_is_left_out(grid, tmp_path):
    (bundle,) = parts(grid, tmp_path, 1)
    begun = grid.root / bundle.records(bundle.study.identity.key)[0].about.folder
    begun.mkdir(parents=True)
    (begun / "last.pt").write_bytes(b"half of it")
    assert len(taken(grid, bundle).left_out) == 1
    half = copy(grid, tmp_path / "half")
    half.run(seeds=None, only_seed=1)
    part = bundled(half, tmp_path / "half.zip", change=lambda r: replace(r, finished=False))
    assert len(taken(grid, part).left_out) == 4


@pytest.mark.parametrize("folder", ["made/..", "made/.hidden", "made/a b", "made/\u2026"])
def test_run_that_names_no_folder_of_a_study_is_refused(grid, tmp_path, folder):
    grid.run(seeds=1)
    with pytest.raises(UsageError, match="names no folder of a study"):
        bundled(
            grid,
            tmp_path / "a.zip",
            change=lambda r: replace(r, tags={**r.tags, "folder": folder}),
        )


def test_run_that_failed_or_collapsed_ends_as_it_did(grid, tmp_path):
    one = copy(grid, tmp_path / "one")
    ends = {"vae depth=1 seed=0": ending("collapsed", 3.0, "few classes")}
    one.run(one.engine(results=ends), seeds=None, only_seed=0)
    taken(grid, bundled(one, tmp_path / "one.zip"))
    found = {r.about.status for r in grid.records() if r.params.get("model.depth") == "1"}
    assert found == {"ok", "collapsed"}
