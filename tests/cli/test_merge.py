"""A study in parts: seeds run in folders of their own, sent as files, merged and reported as one."""

import random
import re
from pathlib import Path

import pytest

from bench.cli.bundle import make_bundle
from bench.cli.merge import merge_bundles
from bench.cli.report import make_report
from bench.cli.run import run_study
from bench.errors import UsageError
from bench.tracking.mlflow import Store

STUDY = '''
"""A tiny grid."""
from bench.plan.study import Arm, Study, Tier

STUDY = Study(
    name="tiny",
    question="Which learns most?",
    arms=(Arm(name="vae", model="vae_mlp"), Arm(name="gan", model="gan_mlp")),
    baselines=("uniform_noise",),
    tiers={
        "classroom": Tier(
            dataset="digits",
            settings={
                "train.num_images": 320,
                "train.num_logs": 2,
                "train.num_validations": 2,
                "model.hidden": "8",
                "eval.likelihood_images": 10,
                "eval.max_samples": 100,
            },
            seeds=3,
        )
    },
)
'''
pytestmark = pytest.mark.slow

OF_ITS_OWN = {
    "Provenance",
    "Machines",
    "Runs and cost",
    "Quality and cost",
    "Who wins at equal cost",
}
"""Sections with ids of runs, commands, places or seconds."""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the study, in which commands are called."""
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies" / "tiny.py").write_text(STUDY)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def place(name):
    return {"tracking_uri": f"sqlite:///{name}.db"}


def run(name, **options):
    return run_study(
        study="tiny", root=Path(name), jobs="1", device="cpu", **place(name), **options
    )


def bundle(name):
    return make_bundle("tiny", out=Path(f"{name}.zip"), pictures=True, **place(name))


def sections(path):
    """Title to text, without ids of runs and the time that they trained."""
    text = re.sub(r"[0-9a-f]{32}", "RUN", path.read_text())
    text, times = re.subn(r"; [0-9.,]+ \w+ of training in all", "; TIME of training in all", text)
    assert times == 1
    parts = re.split(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return dict(zip(["", *parts[1::2]], parts[0::2], strict=True))


def test_three_folders_of_one_seed_merged_are_the_report_of_one_folder_with_three(folder):
    names = ["anna", "ben", "cleo"]
    for seed, name in enumerate(names):
        run(name, only_seed=seed)
        bundle(name)
    merged = merge_bundles(
        [Path(f"{name}.zip") for name in names], root=Path("class"), **place("class")
    )
    assert (len(merged["added"]), merged["contested"]) == (7, [])
    run("whole")
    reports = [
        sections(make_report(study="tiny", out=folder / f"report_{name}", **place(name)))
        for name in ("class", "whole")
    ]
    assert set(reports[0]) - set(reports[1]) == {"Machines"}
    differing = {title for title, text in reports[1].items() if reports[0][title] != text}
    assert differing <= OF_ITS_OWN
    before = Store(place("class")["tracking_uri"]).records_of("tiny-classroom-digits")
    assert sum(run("class", seeds=3)["runs"].values()) == 7  # and none of them is run again
    after = Store(place("class")["tracking_uri"]).records_of("tiny-classroom-digits")
    assert sorted(r.run_id for r in after) == sorted(r.run_id for r in before)


def damaged(content, chance):
    """The bytes of a file after one of seven mishaps, which has changed them."""
    size = len(content)
    a, b = sorted(chance.sample(range(size), 2))
    c = chance.randrange(size)
    length = min(chance.randint(1, 4_096), size - c)
    mishaps = (
        content[:c] + bytes([content[c] ^ chance.randint(1, 255)]) + content[c + 1 :],
        content[:c],
        content[:a] + content[b:],
        content[:c] + bytes(length) + content[c + length :],
        content[:c] + chance.randbytes(length) + content[c + length :],
        content[:b] + content[a:],
        content + chance.randbytes(length),
    )
    found = chance.choice(mishaps)
    return found if found != content else content[:c]


def test_five_hundred_damaged_bundles_get_one_sentence_each_and_nothing_is_merged(folder):
    run("anna", only_seed=0)
    good, bad = bundle("anna"), folder / "bad.zip"
    content = good.read_bytes()
    for seed in range(500):
        bad.write_bytes(damaged(content, random.Random(seed)))
        with pytest.raises(UsageError, match=r"bad\.zip") as told:
            merge_bundles([good, bad], root=Path("class"), **place("class"))
        assert "\n" not in str(told.value), seed
    assert not (folder / "class").exists()
    assert not (folder / "class.db").exists()


def test_study_that_another_folder_runs_takes_nothing(folder):
    run("anna", only_seed=0)
    run("whole", only_seed=1)
    with pytest.raises(UsageError, match="belong to"):
        merge_bundles([bundle("anna")], root=Path("class"), **place("whole"))
    assert len(Store(place("whole")["tracking_uri"]).records_of("tiny-classroom-digits")) == 2
