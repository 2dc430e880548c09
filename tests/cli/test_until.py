"""``bench run --until decided``: looks, where they stop, and what cannot be asked so."""

from dataclasses import replace

import pytest

from bench.cli import until
from bench.cli.run import run_study
from bench.errors import UsageError
from bench.plan.files import load_study
from bench.plan.study import FRESH_SEED, Planned, Study
from bench.results.decisions import Group, Pair, decide
from bench.study.plan import in_looks, resolve

LOOKS = (5, 10, 15, 20)


def pair(*, ratio=1.0, n=20, sd=0.02, looks=LOOKS, **planned):
    """Two arms whose distances lie around 10 and ``ratio`` times 10."""
    wobble = [1 + sd * (-1) ** i * (1 + i % 3) for i in range(n)]
    seeds = tuple(range(FRESH_SEED, FRESH_SEED + n))
    return Pair(
        planned=Planned(a="vae", b="gan", **planned),
        first=Group(tuple(10 * w for w in wobble), seeds=seeds),
        second=Group(tuple(10 * ratio * w for w in reversed(wobble)), seeds=seeds),
        scale="log",
        looks=looks,
    )


def test_difference_and_no_difference_that_matters_are_decisions_and_a_wide_interval_is_none():
    (shown,) = decide([pair(ratio=2.0, n=5)])
    assert (shown.winner, shown.is_decided) == ("vae", True)
    (excluding,) = decide([pair(n=10)])
    assert (excluding.winner, excluding.excludes) == (None, pytest.approx(0.223, abs=1e-3))
    (open_,) = decide([pair(n=5, sd=0.3)])
    assert (open_.winner, open_.excludes, open_.is_decided) == (None, None, False)


def test_corrected_p_and_interval_are_for_all_looks_together():
    (one,) = decide([pair(ratio=1.05, n=20, looks=())])
    (many,) = decide([pair(ratio=1.05, n=20)])
    assert one.p < many.p < 4 * one.p + 1e-9
    assert many.level > one.level == pytest.approx(0.95)
    assert many.threshold < one.threshold == pytest.approx(0.05)


def test_what_a_look_has_shown_stays_shown_while_it_lies_on_that_side():
    looked = pair(n=10)
    first = (
        *[v / 2 for v in looked.first.values[:5]],
        *[v * 0.99 for v in looked.first.values[5:]],
    )
    (found,) = decide([replace(looked, first=replace(looked.first, values=first))])
    (last,) = decide([replace(looked, first=replace(looked.first, values=first), looks=(10, 20))])
    assert found.p < 1e-4 < 1e-2 < last.p
    turned = tuple(v * (3 if i > 4 else 1) for i, v in enumerate(first))
    (other,) = decide([replace(looked, first=replace(looked.first, values=turned))])
    assert other.p > 1e-2


def test_before_the_first_look_nothing_is_decided():
    (early,) = decide([pair(ratio=2.0, n=4)])
    assert (early.winner, early.p) == (None, 1.0)


@pytest.fixture
def plan(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study = load_study("depth_sweep")
    return in_looks(resolve(study, tier="classroom", device="cpu"), 20)


def test_study_stops_at_the_look_at_which_everything_is_decided(plan, monkeypatch):
    ran, said = [], []
    at = {5: pair(n=5, sd=0.3), 10: pair(n=10, ratio=2.0), 15: pair(n=15)}
    monkeypatch.setattr(until, "_compared", lambda *_: decide([at[ran[-1][0]]]))

    def run(now, fresh):
        ran.append((now.compared, fresh))
        return {"runs": {}}

    found = until.run_until_decided(plan, run, fresh=True, uri=None, say=said.append)
    assert ran == [(5, True), (10, False)]
    assert found == {"runs": {}, "seeds": 10, "decided": 1, "undecided": 0}
    assert said[1].startswith("  vae and gan: not decided (p ")
    assert said[3].startswith("  vae and gan: vae is better (p ")


def test_chosen_cells_grow_and_the_sweep_that_chose_them_does_not(plan):
    grown = replace(plan, compared=10)
    assert len(grown.runs()) == len(plan.runs())
    assert len(grown.confirming()) == 10 * len(plan.study.arms)
    assert grown.command.endswith("--until decided --max-seeds 20")


def test_arms_of_one_cell_have_more_seeds_of_their_own(plan):
    one = plan.study.model_copy(update={"factors": {}})
    grown = replace(plan, study=one, compared=10)
    assert {run.seed for run in grown.runs() if not run.cell.baseline} == set(range(10))
    assert grown.confirming() == []


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"until": "done"}, "goes on --until decided, got --until 'done'"),
        ({"max_seeds": 10}, "got --max-seeds alone: write --until decided"),
        ({"until": "decided", "study": "family_comparison"}, "'family_comparison' searches"),
        ({"until": "decided"}, "which difference of 'spread' matters: declare it in 'mine'"),
    ],
)
def test_what_cannot_be_decided_so_is_refused_in_one_sentence(mine, options, sentence):
    with pytest.raises(UsageError, match=sentence):
        run_study(**{"study": "mine", **options})


def test_study_that_declares_no_size_has_the_text_that_it_had():
    assert "smallest" not in Planned(a="vae", b="gan").model_dump_json()
    sized = Planned(a="vae", b="gan", measure="spread", smallest=0.1)
    assert Planned.model_validate_json(sized.model_dump_json()) == sized
    assert isinstance(load_study("depth_sweep"), Study)
