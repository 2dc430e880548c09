"""What a study file may say."""

import re
from pathlib import Path

import pydantic
import pytest

from bench.cli.show import plan_text
from bench.errors import UsageError
from bench.models import MODELS
from bench.plan.files import load_study, study_summaries
from bench.plan.space import Choice, LogUniform, Search, Uniform
from bench.plan.study import Arm, Planned, Study, Tier

ARMS = tuple(Arm(name=name, model=name) for name in ("vae", "gan", "wgan"))


def study(**more):
    return Study(
        name="made",
        question="Does it work?",
        arms=ARMS,
        tiers={"classroom": Tier(dataset="digits")},
        **more,
    )


def test_every_pair_is_compared_by_distance_where_nothing_is_declared():
    pairs = [(planned.a, planned.b, planned.measure) for planned in study().planned]
    assert pairs == [
        ("vae", "gan", "distance"),
        ("vae", "wgan", "distance"),
        ("gan", "wgan", "distance"),
    ]


def test_only_what_is_declared_is_compared():
    declared = (Planned(a="gan", b="vae", measure="class_accuracy", better="higher"),)
    assert study(comparisons=declared).planned == declared


@pytest.mark.parametrize("pair", [("gan", "gan"), ("gan", "vqvae")])
def test_a_comparison_is_of_two_arms(pair):
    with pytest.raises(pydantic.ValidationError, match="a comparison is of two arms"):
        study(comparisons=(Planned(a=pair[0], b=pair[1]),))


HEAD = '''"""Mine."""
from bench.plan.study import Arm, Study, Tier
STUDY = Study(name="mine", question="?", arms=(Arm(name="a", model="vae"),), {more})
'''


@pytest.fixture
def written(tmp_path, monkeypatch):
    """A study of the user's own in ./studies."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "studies").mkdir()
    return (tmp_path / "studies" / "mine.py").write_text


def test_a_broken_study_file_does_not_hide_the_others_from_the_list(written):
    written('"""Mine."""\nSTUDY = Study(\n')
    listed = study_summaries()
    assert listed["mine"].startswith("(cannot be read: SyntaxError:")
    assert "depth_sweep" in listed


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('tiers={"t": Tier(dataset="digits", seeds=0)}', "Tier.seeds: .* equal to 1, got 0"),
        ("tiers={}, baselines=3", "Study.baselines: .*, got 3"),
        ('tiers={"t": Tier(dataset="digits", arms={"b": {}})}', "Study: tier t has settings for"),
    ],
)
def test_a_mistake_in_a_study_file_is_told_in_one_line(written, more, said):
    written(HEAD.format(more=more))
    with pytest.raises(UsageError, match=said) as caught:
        load_study("mine")
    assert "\n" not in str(caught.value)


def test_a_plan_of_one_arm_compares_nothing(written):
    written(HEAD.format(more='tiers={"t": Tier(dataset="digits")}'))
    assert "compared" not in plan_text(load_study("mine"))


RATE = {"model.lr": LogUniform(low=1e-4, high=1e-1)}
SPACES = {arm.name: RATE for arm in ARMS}


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (lambda: Uniform(low=2.0, high=1.0), "low must be below high, got 2.0 and 1.0"),
        (lambda: Choice(values=(1, 1)), "the values of a choice must differ"),
        (lambda: Search(spaces={}, startup=0), "greater than or equal to 1"),
        (
            lambda: study(factors={"data.dataset": ("digits", "mnist")}),
            "'data.dataset' is no factor, every run has it from --dataset: leave it out",
        ),
        (
            lambda: study(factors={"train.seed": (0, 1)}),
            "'train.seed' is no factor, every run has it from --seeds: leave it out",
        ),
        (
            lambda: study(search=Search(spaces=SPACES), factors={"model.depth": (1, 2)}),
            "factors or a search",
        ),
        (lambda: study(search=Search(spaces={"vae": RATE})), "for each arm"),
    ],
)
def test_search_that_cannot_be_one_is_refused(made, sentence):
    with pytest.raises(pydantic.ValidationError, match=sentence):
        made()


def test_files_that_are_no_study_hide_no_other_and_only_the_named_one_runs(tmp_path):
    folder = tmp_path / "studies"
    folder.mkdir()
    (folder / "folder.py").mkdir()
    (folder / "bytes.py").write_bytes(b"\xff\xfe\x00")
    (folder / "exits.py").write_text(
        "import sys\nfrom pathlib import Path\nPath('ran').touch()\nsys.exit(3)\n"
    )
    (folder / "deep.py").write_text("(" * 5_000)
    listed = study_summaries()
    assert "folder" not in listed
    assert listed["bytes"].startswith("(cannot be read: ")
    assert listed["deep"].startswith("(cannot be read: ")
    load_study("depth_sweep")
    assert not Path("ran").exists()
    with pytest.raises(UsageError, match=r"exits.py does not load \(SystemExit: 3\): mend it"):
        load_study("exits")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            'Study(name="slip", armz=(), tiers={})',
            "Study.armz: no such field, did you mean 'arms' or 'name'?",
        ),
        ('Study(name="slip", question="?", tiers={})', "Study.arms is missing"),
        ('Tier(dataset="digits", sed=3)', "Tier.sed: no such field, did you mean 'seeds'?"),
    ],
)
def test_field_of_a_study_that_is_misspelled_or_missing_is_named(text, said, tmp_path):
    (tmp_path / "studies").mkdir()
    imports = "from bench.plan import Arm, Study, Tier"
    (tmp_path / "studies" / "slip.py").write_text(f"{imports}\nSTUDY = {text}\n")
    with pytest.raises(UsageError, match=re.escape(f"slip.py does not load ({said})")):
        load_study("slip")


def test_unknown_model_that_a_file_here_registers_is_asked_for_as_a_plugin(tmp_path):
    (tmp_path / "studies").mkdir()
    (tmp_path / "other.py").write_text('mine = "mymix"\n')
    with pytest.raises(UsageError, match="unknown model 'mymix': registered"):
        MODELS.get("mymix")
    (tmp_path / "mymix.py").write_text("from bench.models import model\nNAME = 'x'\n@model(NAME)\n")
    with pytest.raises(
        UsageError, match=r"unknown model 'mymix': did you mean --plugin mymix.py\?"
    ):
        MODELS.get("mymix")
    (tmp_path / "studies" / "our models.py").write_text("@model(\n    'mymix', family='x')\n")
    with pytest.raises(UsageError, match=r"did you mean --plugin 'studies/our models.py'\?"):
        MODELS.get("mymix")
