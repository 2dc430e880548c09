"""What `bench show` and `bench run --dry-run` say of a study before it runs."""

import json

import pytest

from bench.cli.init import write_study
from bench.cli.plan_text import plan_text
from bench.cli.preview import plan_table
from bench.cli.run import run_study
from bench.errors import UsageError
from bench.plan.files import load_study, study_files
from bench.plan.study import Identity
from bench.study.grid import expand, stand_ins

MINE = '''
"""Mine."""
from bench.plan.study import Arm, Planned, Study, Tier

STUDY = Study(
    name="mine",
    question="Does width help?",
    arms=(
        Arm(name="vae", model="vae", settings={"model.latent_dim": 8}),
        Arm(name="dcgan", model="gan:experiment_a"),
    ),
    factors={"model.width": (4, 8)},
    baselines=("uniform_noise",),
    comparisons=(Planned(a="vae", b="dcgan", measure="spread", better="higher"),),
    tiers={
        "classroom": Tier(dataset="digits", settings={"train.num_images": 640}, takes="a moment"),
    },
    notes=("One note.",),
)
'''


@pytest.fixture
def mine(tmp_path):
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies" / "mine.py").write_text(MINE)
    return load_study("mine")


def table(name, seeds=2, trials=12):
    study = load_study(name)
    identity = Identity(study=name, tier="classroom", dataset="digits")
    runs = stand_ins(study, identity, trials) + expand(study, identity, seeds)
    return plan_table(runs, study.search.spaces if study.search else {})


@pytest.mark.parametrize("name", sorted(study_files()))
def test_plan_of_every_study_says_all_that_its_file_says(name):
    study, text = load_study(name), plan_text(load_study(name))
    assert text.startswith(f"{name}: {study.question}\n")
    said = " ".join(text.split())
    for arm in study.arms:
        assert f"{arm.name} {arm.model}" in said
    for planned in study.planned:
        assert f"{planned.a} with {planned.b} by" in said
    for tier in study.tiers:
        assert f"tier {tier} on {study.tiers[tier].dataset}: " in said
    for note in study.notes:
        assert note in said
    assert all(baseline in said for baseline in study.baselines)


def test_plan_of_a_users_own_study_is_shown_the_same_way(mine):
    lines = plan_text(mine).splitlines()
    assert "  dcgan  gan:experiment_a" in lines
    assert "  vae    vae               model.latent_dim=8" in lines
    assert "  model.width  4, 8" in lines
    assert "  vae with dcgan  by spread  higher is better" in lines
    assert "tier classroom on digits: 12 runs (4 cells, 3 seeds) and 1 baseline, a moment" in lines


def test_plan_of_a_search_has_every_range(mine):
    text = " ".join(plan_text(load_study("family_comparison")).split())
    assert "model.clip_value 0.01 to 0.1, logarithmic" in text
    assert "12 trials for each of 3 arms, then 15 runs (3 cells, 5 seeds) and 3 baselines" in text


def test_dry_run_has_a_line_for_each_cell_with_what_differs(mine):
    rows = [line.split() for line in table("mine")]
    assert rows[1] == ["vae", "width=4", "seeds", "0..1", "640", "latent_dim=8", "width=4"]
    assert rows[3] == ["dcgan", "width=4", "seeds", "0..1", "640", "width=4"]
    assert rows[5] == ["uniform_noise", "seed", "0", "-"]
    assert len(rows) == 6


def test_dry_run_of_a_search_shows_what_is_searched_and_that_the_best_runs():
    lines = table("family_comparison", seeds=5)
    (trials,) = [line for line in lines if line.split()[:3] == ["wgan", "trials", "0..11"]]
    assert "clip_value 0.01 to 0.1, logarithmic" in trials
    (runs,) = [line for line in lines if line.split()[:3] == ["wgan", "seeds", "1..5"]]
    assert "best of the search" in runs


def test_dry_run_gives_every_configuration(mine, monkeypatch, tmp_path):
    monkeypatch.setattr("bench.cli.preview.seconds_per_run", lambda *_: 2.0)
    said = []
    found = run_study(study="mine", seeds=2, dry_run=True, jobs="1", say=said.append)
    assert json.loads(json.dumps(found)) == found
    assert found["runs"] == len(found["configurations"]) == 9
    assert found["configurations"]["vae width=8 seed=1"]["model.width"] == 8
    assert found["configurations"]["dcgan width=8 seed=1"]["model.loss"] == "non_saturating"
    assert said[-1] == "mine (classroom) on digits: 9 runs, 5,120 images, about 18 s"
    assert not (tmp_path / "runs").exists()


def test_study_to_start_from_loads_as_it_is_written():
    assert write_study("my_own").as_posix() == "studies/my_own.py"
    assert "factors, each value with each arm" in plan_text(load_study("my_own"))
    assert len(table("my_own")) == 1 + 4 + 3  # a heading, two arms at two depths, the baselines


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("my-own", "letters, digits and _ only, got 'my-own'"), ("mine", "is there already: edit it")],
)
def test_study_file_that_cannot_be_written_is_refused(mine, name, sentence):
    with pytest.raises(UsageError, match=sentence):
        write_study(name)
