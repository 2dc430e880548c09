"""What `bench run --dry-run` says of a study before it runs."""

import json

import pytest

from bench.cli.preview import plan_table
from bench.cli.run import _counted, run_study
from bench.plan.files import load_study
from bench.records import RunRecord, TrialResult
from bench.study.plan import resolve
from bench.training.checkpoint import save_result


def table(name, seeds=2):
    plan = resolve(load_study(name), tier="classroom", seeds=seeds, device="cpu")
    return plan_table(plan.everything(), plan.study.spaces)


def test_dry_run_has_a_line_for_each_cell_with_what_differs(mine):
    rows = [line.split() for line in table("mine")]
    assert rows[1] == ["vae", "width=4", "seeds", "0..1", "640", "latent_dim=8", "width=4"]
    assert rows[3] == ["dcgan", "width=4", "seeds", "0..1", "640", "width=4"]
    assert rows[5] == ["uniform_noise", "seed", "0", "-"]
    assert rows[6][:5] == ["vae", "chosen", "seeds", "1000..1001", "640"]
    assert len(rows) == 8


def test_dry_run_of_a_search_shows_what_is_searched_and_that_the_best_runs():
    lines = [line.split(maxsplit=4) for line in table("family_comparison", seeds=5)]
    (trials,) = [line for line in lines if line[:4] == ["wgan", "trials", "0..11", "6,000"]]
    assert "clip_value 0.005 to 0.2, logarithmic" in trials[4]
    (finalists,) = [line for line in lines if line[:3] == ["wgan", "finalists", "0..3"]]
    assert finalists[3] == "12,000"
    found = [line[4] for line in lines if line[0] == "wgan" and "settings=" in line[1]]
    assert ["best of the search" in found[0], "known before the search" in found[1]] == [True, True]


def test_dry_run_gives_every_configuration(mine, monkeypatch, tmp_path):
    monkeypatch.setattr("bench.training.forecast.seconds_per_run", lambda *_: 2.0)
    said = []
    found = run_study(study="mine", seeds=2, dry_run=True, jobs="1", say=said.append)
    assert json.loads(json.dumps(found)) == found
    assert found["runs"] == len(found["configurations"]) == 13
    assert found["configurations"]["vae width=8 seed=1"]["model.width"] == 8
    assert found["configurations"]["dcgan width=8 seed=1"]["model.loss"] == "non_saturating"
    assert said[-1] == "mine (classroom) on digits: 13 runs, 7,680 images, about 26 s"
    assert not (tmp_path / "runs").exists()


def finish(folder):
    """A run has ended there."""
    folder.mkdir(parents=True, exist_ok=True)
    save_result(folder, TrialResult(status="ok", primary="fd", value=1.0))


@pytest.mark.parametrize(
    ("ended", "state"),
    [(9, "done: 9, to do: 4, about 8 s"), (13, "done: 13, to do: 0, nothing would run")],
)
def test_dry_run_of_what_has_partly_run_says_what_is_done_and_the_time_of_the_rest(
    ended, state, mine, monkeypatch, tmp_path
):
    monkeypatch.setattr("bench.training.forecast.seconds_per_run", lambda *_: 2.0)
    plan = resolve(mine, tier="classroom", seeds=2, root=tmp_path / "runs")
    for runs in (plan.runs, plan.everything):  # which cells are chosen is known after the first
        for run in runs()[:ended]:
            finish(plan.folder / run.key)
    said = []
    found = run_study(study="mine", seeds=2, dry_run=True, jobs="1", say=said.append)
    assert said[-1] == f"mine (classroom) on digits: 13 runs, 7,680 images, {state}"
    assert (found["runs"], found["done"]) == (13, ended)
    assert found["forecast_seconds"] == 2.0 * (13 - ended)


def test_dry_run_of_a_search_counts_the_trials_that_have_ended(monkeypatch, tmp_path):
    monkeypatch.setattr("bench.training.forecast.seconds_per_run", lambda *_: 1.0)
    for number in range(3):
        folder = tmp_path / "runs" / "family_comparison-classroom-digits" / f"trial{number}-0a1b"
        finish(folder)
    found = run_study(study="family_comparison", dry_run=True, jobs="1")
    assert found["done"] == 3
    assert found["forecast_seconds"] == found["runs"] - 3


def test_baselines_are_counted_apart_as_in_a_report():
    ends = [("run", "ok"), ("run", "collapsed"), ("baseline", "collapsed"), ("confirm", "")]
    records = [
        RunRecord(run_id=str(i), params={}, tags={"role": role, "status": status}, metrics={})
        for i, (role, status) in enumerate(ends)
    ]
    assert _counted(records) == "1 collapsed, 1 ok, 1 running; baselines: 1 collapsed"
    assert _counted(records[2:3]) == "baselines: 1 collapsed"
