"""A grid and a search of two arms, and drivers of them that run nothing for real."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from optuna.storages import InMemoryStorage
from study_fakes import FakeEngine, RememberedStore

from bench.plan.space import Choice, Int, LogUniform, Search
from bench.plan.study import Arm, Study, Tier
from bench.study.driver import Driver
from bench.study.plan import resolve

LR = {"model.lr": LogUniform(low=1e-4, high=1e-1), "model.latent_dim": Choice(values=(2, 4))}
GRID = Study(
    name="made",
    question="Does it work?",
    arms=(
        Arm(name="vae", model="vae"),
        Arm(name="gan", model="gan", settings={"model.lr": 2e-3}),
    ),
    factors={"model.depth": (1, 2)},
    baselines=("uniform_noise",),
    tiers={
        "classroom": Tier(
            dataset="digits",
            settings={"train.num_images": 320, "model.width": 2},
            arms={"gan": {"train.batch_size": 16}},
        )
    },
)
SEARCH = Study(
    name="made",
    question="Which is best?",
    arms=(Arm(name="vae", model="vae"), Arm(name="gan", model="gan")),
    search=Search(spaces={"vae": LR, "gan": {**LR, "model.depth": Int(low=1, high=2)}}),
    baselines=("uniform_noise",),
    tiers={"classroom": Tier(dataset="digits", settings={"train.num_images": 320})},
)


class Made(SimpleNamespace):
    """A study, where it lies, and new drivers of it, as after a kill."""

    def driver(self, **options):
        asked = {"tier": "classroom", "seeds": 2, "device": "cpu", **self.options, **options}
        plan = resolve(asked.pop("study", self.study), root=self.root, **asked)
        return Driver(replace(plan, storage=self.storage), self.store)

    def engine(self, **how):
        return FakeEngine(self.store, **how)

    def run(self, engine=None, **options):
        engine = engine or self.engine()
        self.driver(**options).run(engine, engine)
        return engine

    def records(self):
        return self.store.records(self.driver().tracked.experiment_id)


def made(study, root, options=None):
    return Made(
        study=study,
        root=root,
        store=RememberedStore(),
        storage=InMemoryStorage(),
        options=options or {},
    )


@pytest.fixture
def grid(tmp_path):
    return made(GRID, tmp_path / "runs")


@pytest.fixture
def search(tmp_path):
    return made(SEARCH, tmp_path / "runs", {"trials": 12})


@pytest.fixture(params=["grid", "search"])
def either(request):
    return request.getfixturevalue(request.param)
