"""Thin optimizers move, save and load to the last bit as torch's own."""

import io
import subprocess
import sys

import pytest
import torch
from torch import nn

from bench.contracts import OptimSpec
from bench.training.optimizers import build_optimizer

SHAPES = [(3, 5), (5,), (4, 2, 3, 3), (1,)]
TORCHS = {
    "adam": lambda p: torch.optim.Adam(p, lr=2e-3, betas=(0.5, 0.99), eps=1e-7, fused=True),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=2e-3, foreach=True),
}


def parameters():
    rng = torch.Generator().manual_seed(0)
    made = [torch.randn(shape, generator=rng) for shape in SHAPES]
    made[2] = made[2].contiguous(memory_format=torch.channels_last)
    return [nn.Parameter(p) for p in made]


def thin(kind, moved):
    return build_optimizer(
        OptimSpec(modules=(), kind=kind, lr=2e-3, betas=(0.5, 0.99), eps=1e-7), moved
    )


def move(optimizer, moved, steps, *, without=()):
    """Steps of gradients that depend on the step alone; some parameters may have none."""
    for step in steps:
        rng = torch.Generator().manual_seed(step)
        for i, parameter in enumerate(moved):
            grad = torch.randn(parameter.shape, generator=rng) * 10.0 ** (step % 5 - 3)
            parameter.grad = None if i in without else grad
        optimizer.step()


def saved(optimizer):
    """Its state after a way through a file."""
    file = io.BytesIO()
    torch.save(optimizer.state_dict(), file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@pytest.mark.parametrize("kind", TORCHS)
def test_moves_to_the_same_bits_as_torchs_own(kind):
    mine, theirs = parameters(), parameters()
    ours, other = thin(kind, mine), TORCHS[kind](theirs)
    for optimizer, moved in ((ours, mine), (other, theirs)):
        move(optimizer, moved, range(5), without=(1,))
        move(optimizer, moved, range(5, 9))  # the second begins later than the others
        move(optimizer, moved, range(9, 12), without=(0, 3))
    assert all(torch.equal(a, b) for a, b in zip(mine, theirs, strict=True))
    torch.testing.assert_close(ours.state_dict(), other.state_dict(), rtol=0, atol=0)


@pytest.mark.parametrize("kind", TORCHS)
@pytest.mark.parametrize("first", ["thin", "torch"])
def test_either_continues_what_the_other_saved(kind, first):
    whole = parameters()
    move(TORCHS[kind](whole), whole, range(8))
    moved = parameters()
    makers = [lambda p: thin(kind, p), TORCHS[kind]]
    begins, goes_on = makers if first == "thin" else makers[::-1]
    begun = begins(moved)
    move(begun, moved, range(4))
    resumed = goes_on(moved)
    resumed.load_state_dict(saved(begun))
    move(resumed, moved, range(4, 8))
    assert all(torch.equal(a, b) for a, b in zip(moved, whole, strict=True))


def test_state_of_other_parameters_is_refused():
    state = thin("adam", parameters()).state_dict()
    with pytest.raises(ValueError, match="another number"):
        thin("adam", parameters()[:2]).load_state_dict(state)


def test_a_step_imports_no_compiler():
    code = (
        "import sys, torch; from bench.contracts import OptimSpec\n"
        "from bench.training.optimizers import build_optimizer\n"
        "p = torch.nn.Parameter(torch.ones(2)); p.grad = torch.ones(2)\n"
        "build_optimizer(OptimSpec(modules=(), kind='adam', lr=1.0), [p]).step()\n"
        "assert 'torch._dynamo' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
