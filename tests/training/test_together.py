"""Runs that train as one program: who waits for whom, and that each is what it is alone."""

import dataclasses
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from bench.config import TrainSettings
from bench.testing import made_images, made_model
from bench.training import together as module
from bench.training.batches import Batches
from bench.training.together import SeedsTrainer, Together
from bench.training.trainer import Trainer

IMAGES, LABELS = made_images(64), torch.arange(64) % 10
SEEDS = (0, 1, 2)


@pytest.fixture
def doubles(monkeypatch):
    """What differs is then a mistake, and no rounding."""
    monkeypatch.setattr("bench.training.batches.to_unit", lambda images: images.double() / 255)
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def trainers(reference, values, advance=None):
    """One for each seed."""
    settings = TrainSettings(num_images=96, batch_size=8, num_logs=4, num_validations=1)
    return [
        Trainer(
            made_model(reference, {"width": "2", **values}, seed=seed),
            IMAGES,
            LABELS,
            settings.model_copy(update={"seed": seed}),
            advance=advance,
        )
        for seed in SEEDS
    ]


def at_once(together, runs, each=list):
    """What each of them gives, in a thread of its own."""

    def run(trainer):
        with together.joined():
            return each(trainer)

    with ThreadPoolExecutor(len(runs)) as pool:
        return list(pool.map(run, runs))


@pytest.mark.parametrize(
    ("reference", "values"),
    [
        ("gan", {"average": "0.9"}),
        ("vae", {"likelihood": "gaussian_learned"}),  # a parameter of no dimension
        pytest.param("vae", {"lr_stages": "2"}, marks=pytest.mark.slow),
        pytest.param("wgan", {}, marks=pytest.mark.slow),
        pytest.param("cgan", {}, marks=pytest.mark.slow),
        pytest.param("vae_gan", {}, marks=pytest.mark.slow),
    ],
)
@pytest.mark.usefixtures("doubles")
def test_runs_that_train_together_are_what_they_are_alone(reference, values):
    alone, together = trainers(reference, values), Together(len(SEEDS))
    runs = trainers(reference, values, together.advance)
    logs, expected = at_once(together, runs), [list(one) for one in alone]
    assert together.failure == ""
    for run, one in zip(runs, alone, strict=True):
        torch.testing.assert_close(run.state_dict(), one.state_dict())
        assert run.facts == {"batched_seeds": "3"}
    for found, own in zip(logs, expected, strict=True):
        assert [log.images_seen for log in found] == [log.images_seen for log in own]
        for log, other in zip(found, own, strict=True):
            own_share, share = (one.pop("clipped_share", 0) for one in (other.scalars, log.scalars))
            assert share == pytest.approx(
                own_share, abs=1e-3
            )  # rounding decides a weight at the rim
            assert log.scalars == pytest.approx(other.scalars)


@dataclasses.dataclass(eq=False)
class Stub:
    """A trainer that counts."""

    seed: int
    steps_done: int = 0
    stops_at: int = 10**6
    waited: float = 0.0
    facts: dict = dataclasses.field(default_factory=dict)
    alone: list = dataclasses.field(default_factory=list)

    @property
    def settings(self):
        return self

    def should_stop(self):
        return self.steps_done >= self.stops_at

    def train_to(self, goal):
        self.alone.append(goal)
        self.steps_done = goal


@pytest.fixture
def programs(monkeypatch):
    """Every program that was made, as its seeds, and how far it trained."""
    made = []

    class Program:
        def __init__(self, members):
            self.members = members

        def train_members_to(self, goal):
            made.append(([member.seed for member in self.members], goal))
            for member in self.members:
                member.steps_done = min(goal, *(other.stops_at for other in self.members))

    monkeypatch.setattr(module, "SeedsTrainer", Program)
    return made


def to_each_of(together, *goals):
    def run(trainer):
        for goal in goals:
            together.advance(trainer, goal)
            if trainer.should_stop():
                return

    return run


def test_those_behind_train_first_and_then_all(programs):
    together = Together(3)
    runs = [Stub(0, steps_done=10), Stub(1), Stub(2)]
    at_once(together, runs, to_each_of(together, 10, 20))
    assert programs == [([1, 2], 10), ([0, 1, 2], 20)]


def test_one_alone_at_its_step_trains_by_itself(programs):
    together = Together(2)
    runs = [Stub(0, steps_done=10), Stub(1)]
    at_once(together, runs, to_each_of(together, 10, 20))
    assert (programs, runs[1].alone) == ([([0, 1], 20)], [10])


def test_one_that_has_ended_is_not_waited_for(programs):
    together = Together(3)
    runs = [Stub(0), Stub(1), Stub(2, stops_at=10)]
    at_once(together, runs, to_each_of(together, 10, 20, 30))
    assert programs == [([0, 1, 2], 10), ([0, 1], 20), ([0, 1], 30)]


def test_a_stop_of_one_on_the_way_leaves_the_others_to_go_on(programs):
    together = Together(3)
    runs = [Stub(0), Stub(1, stops_at=7), Stub(2)]
    at_once(together, runs, to_each_of(together, 10))
    assert programs == [([0, 1, 2], 10), ([0, 2], 10)]
    assert [run.steps_done for run in runs] == [10, 7, 10]


def test_what_fails_as_one_program_trains_one_by_one_and_says_why(monkeypatch):
    def fails(members):
        raise RuntimeError("no rule\nfor this")

    monkeypatch.setattr(module, "SeedsTrainer", fails)
    together = Together(2)
    runs = [Stub(0), Stub(1)]
    at_once(together, runs, to_each_of(together, 10, 20))
    assert [run.alone for run in runs] == [[10, 20], [10, 20]]
    assert all(run.facts == {"batched_seeds": "none: RuntimeError: no rule"} for run in runs)


def test_each_has_its_share_of_the_seconds():
    runs = trainers("vae", {})
    program = SeedsTrainer(runs)
    program.train_to = lambda goal: time.sleep(0.03)
    program.train_members_to(1)
    (share,) = {run.waited for run in runs}
    assert share <= -0.01


def test_batches_of_several_seeds_are_those_of_each():
    each = [Batches(IMAGES, None, size=8, seed=seed) for seed in SEEDS]
    images, labels = module.SeedsBatches(each).at(60)
    assert labels is None
    for seed, found in enumerate(images):
        expected, _ = Batches(IMAGES, None, size=8, seed=seed).at(60)
        assert torch.equal(found, expected)
