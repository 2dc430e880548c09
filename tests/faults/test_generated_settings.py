"""Generated configurations, studies and overrides: accepted, or answered by one sentence."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
import torch
from fault_lab import examples
from hypothesis import given, settings, strategies as st
from pydantic import ValidationError

from bench.config import describe
from bench.engines import num_jobs
from bench.errors import UsageError
from bench.models import MODELS, configure
from bench.plan import Arm, Study, Tier
from bench.plan.files import _short
from bench.plan.space import Choice, Int, LogUniform, Search, Uniform
from bench.study.plan import resolve
from bench.training.needs import require_possible
from bench.training.parts import reference_for

pytestmark = pytest.mark.faults

CPU = torch.device("cpu")
SECONDS = 30.0
"""For one example on a busy machine; most take hundredths of one."""

NASTY = (
    "", " ", "-", "0", "-0", "-0.0", "1e3", "1_000", "1e308", "-1e308", "1e309", "nan", "inf", "-inf",
    "0x10", "1/2", "\u0663", "\uff11", "None", "True", "[]", "{}", "a\nb", "a\0b", "../..", "/dev/null",
    "npz:", "folder:", "npz:\0", "npz:" + "x" * 300, "/" * 5000, "x" * 100_000, "9" * 5000, "1-" * 2000,
    "99999-99999", "\ud800", "\u202e", "model.", "=", "a=b", "a,b", "random", "random,nix", "iwae_5000,ais",
)  # fmt: skip
KEYS = sorted({key for _, kind in MODELS.items() for key, *_ in describe(kind.settings)})
NUMBERS = st.one_of(
    st.integers(-2, 600),
    st.integers(-(2**70), 2**70),
    st.sampled_from([2**31 - 1, 2**31, 2**53, 10**6, 10**7, 10**12]),
    st.floats(allow_nan=True, allow_infinity=True),
    st.floats(0, 1),
)
PARTS = (
    "flow", "vamp", "standard", "full_covariance", "diagonal", "gaussian", "gaussian_learned",
    "gaussian_learned_pixel", "discretised_logistic", "bernoulli_gray", "hinge", "wasserstein",
    "minimax", "least_squares", "spectral_norm", "gradient_penalty", "clip", "affine", "projection",
    "rmsprop", "512-256", "8", "layer", "batch", "none", "tanh", "true", "iwae_1",
)  # fmt: skip
VALUES = st.one_of(
    NUMBERS,
    st.booleans(),
    st.sampled_from(PARTS),
    st.sampled_from(NASTY),
    st.text(max_size=30),
)
"""Of a study file; those of a command line are the same as text."""

NAMES = st.sampled_from(MODELS.names())
SETTINGS = st.dictionaries(
    st.one_of(st.sampled_from(KEYS), st.sampled_from([k.partition(".")[2] for k in KEYS])),
    VALUES,
    max_size=4,
)


def answered(action: Callable[[], object]) -> str:
    """What was said of it: nothing where it was accepted, else one short sentence.

    Raises:
        AssertionError: More than a sentence, or it took long.
    """
    started = time.perf_counter()
    try:
        action()
    except UsageError as error:
        said = str(error)
    except ValidationError as error:  # of a study file, which says it so
        said = _short(error)
    else:
        said = ""
    assert time.perf_counter() - started < SECONDS
    assert len(said) < 3000, said
    return said


def as_options(values: dict[str, object]) -> list[str]:
    return [f"{key}={value}" for key, value in values.items()]


@settings(max_examples=examples(6_000))
@given(NAMES, SETTINGS)
def test_any_settings_of_one_run_are_accepted_or_told(name, values):
    def begin():
        config = configure(name, values)
        require_possible([config], reference_for(config, CPU))

    answered(begin)


RANGES = st.one_of(
    st.builds(lambda a, b: lambda: Uniform(low=a, high=b), NUMBERS, NUMBERS),
    st.builds(lambda a, b: lambda: LogUniform(low=a, high=b), NUMBERS, NUMBERS),
    st.builds(lambda a, b: lambda: Int(low=a, high=b), NUMBERS, NUMBERS),
    st.builds(lambda v: lambda: Choice(values=tuple(v)), st.lists(VALUES, max_size=4)),
)
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "seeds": st.one_of(st.none(), st.integers(-3, 10**9)),
        "trials": st.one_of(st.none(), st.integers(-3, 10**9)),
        "dataset": st.one_of(st.none(), st.just("digits"), st.sampled_from(NASTY)),
        "device": st.sampled_from(["auto", "cpu", "tpu", ""]),
        "storage": st.one_of(st.none(), st.sampled_from(NASTY)),
    },
)


@settings(max_examples=examples(4_000))
@given(
    NAMES,
    SETTINGS,
    st.dictionaries(st.sampled_from(KEYS), st.lists(VALUES, max_size=4), max_size=2),
    st.one_of(st.none(), st.dictionaries(st.sampled_from(KEYS), RANGES, min_size=1, max_size=2)),
    st.fixed_dictionaries({}, optional={"seeds": VALUES, "trials": VALUES}),
    st.one_of(st.just({}), SETTINGS),
    OPTIONS,
)
def test_any_study_with_any_options_is_accepted_or_told(
    name, values, factors, spaces, tier, overrides, options
):
    def begin():
        space = spaces and {key: make() for key, make in spaces.items()}
        study = Study(
            name="made",
            question="Does it hold?",
            arms=(Arm(name="a", model=name, settings=values),),
            factors={} if space else {key: tuple(each) for key, each in factors.items()},
            search=Search(spaces={"a": space}) if space else None,
            tiers={"classroom": Tier(dataset="digits", **tier)},
        )
        plan = resolve(study, tier="classroom", overrides=as_options(overrides), **options)
        runs = (plan.trials() + plan.runs())[:50]
        if runs:
            reference = reference_for(runs[0].config, CPU)
            require_possible([run.config for run in runs], reference)

    answered(begin)


@settings(max_examples=examples(500))
@given(st.one_of(st.sampled_from(NASTY), st.text(max_size=30), st.integers().map(str)))
def test_any_number_of_jobs_is_accepted_or_told(text):
    answered(lambda: num_jobs(text, None, CPU))
