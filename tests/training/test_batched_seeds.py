"""Seeds as one program: the losses, gradients, buffers and noise of each as if it were alone."""

import pytest
import torch
from references import TRAINED, has_width, split

from bench.contracts import Step
from bench.runtime import DeviceRng, generator
from bench.testing import DIGITS, made_model
from bench.training.batched_seeds import NotBatchable, SeedsRng, merged, parted, stacked

NUM_SEEDS, BATCH = 3, 6

ALONE = {
    "gan:miyato2018": "out=",  # power iteration writes to where it is told
    "wgan:gulrajani2017": "requires_grad_",  # a gradient of a gradient
    "gan lipschitz=r1_r2": "requires_grad_",
}
"""Models that cannot be batched, and what torch says of them."""

USUAL = {"vae", "wgan"}
"""Those that every run of the tests batches; the others are slow."""


def slow_but(variants, usual):
    return [v if v in usual else pytest.param(v, marks=pytest.mark.slow) for v in variants]


@pytest.fixture(autouse=True)
def doubles():
    """What differs is then a mistake, and no rounding."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def models(variant):
    reference, values = split(variant)
    small = {"width": "4"} if has_width(reference) else {}
    made = [made_model(reference, {**small, **values}, seed=seed) for seed in range(NUM_SEEDS)]
    for module in (module for each in made for module in each.modules.values()):
        module.train()
    return made


def steps():
    """One step of all seeds, and the same seed by seed."""
    rng = generator("steps")
    images = torch.rand(NUM_SEEDS, BATCH, *DIGITS, generator=rng)
    labels = torch.randint(10, (NUM_SEEDS, BATCH), generator=rng)
    progress = torch.tensor(0.5)
    noise, again = ([DeviceRng(generator("noise", n)) for n in range(NUM_SEEDS)] for _ in "12")
    each = [Step(*one, progress, rng) for *one, rng in zip(images, labels, noise, strict=True)]
    return Step(images, labels, progress, SeedsRng(again)), each


@pytest.mark.parametrize("variant", slow_but([v for v in TRAINED if v not in ALONE], USUAL))
def test_seeds_as_one_program_have_the_losses_and_gradients_of_each(variant):
    alone = models(variant)
    together = stacked(alone)
    step, each = steps()
    for index, phase in enumerate(together.phases):
        loss, scalars = phase.loss(together.modules, step)
        loss.sum().backward()
        found = [
            model.phases[index].loss(model.modules, one)
            for model, one in zip(alone, each, strict=True)
        ]
        for own, _ in found:
            own.backward()
        torch.testing.assert_close((loss, scalars), merged(found))
        if phase.after_step:
            after = [model.phases[index].after_step(model.modules) for model in alone]
            torch.testing.assert_close(phase.after_step(together.modules), merged(after))
        assert_same(together.modules, [model.modules for model in alone])


def assert_same(stacks, each):
    """Weights, buffers and gradients are those of the seeds."""
    for name, module in stacks.items():
        for seed, nets in enumerate(each):
            expected = nets[name]
            torch.testing.assert_close(parted(module.state_dict(), seed), expected.state_dict())
            for stack, own in zip(module.parameters(), expected.parameters(), strict=True):
                grad = None if stack.grad is None else stack.grad[seed]
                torch.testing.assert_close(grad, own.grad)


@pytest.mark.parametrize(("variant", "said"), ALONE.items())
def test_model_that_cannot_be_batched_says_so(variant, said):
    together = stacked(models(variant))
    step, _ = steps()
    with pytest.raises(NotBatchable, match=said):
        together.phases[0].loss(together.modules, step)


def test_loss_that_draws_other_noise_than_before_is_refused():
    shapes = iter([(2,), (2,), (3,)])
    model = models("vae_mlp")[0]

    def loss(nets, step):
        return step.noise.normal(*next(shapes)).sum(), {}

    model.phases[0] = model.phases[0].__class__(name="p", optimizer="adam", loss=loss)
    together = stacked([model, model])
    step, _ = steps()
    two = Step(step.images[:2], None, step.progress, SeedsRng(step.noise.each[:2]))
    together.phases[0].loss(together.modules, two)
    with pytest.raises(NotBatchable, match="drew"):
        together.phases[0].loss(together.modules, two)
