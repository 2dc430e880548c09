"""Seconds of the importance-weighted bound beside a plain one, and of annealing, on MNIST's shape.

python benchmarks/likelihood_cost.py [--images 1000] [--draws 5000] [--threads 1] [--ais]

Weights and images are random: neither moves the cost. The plain bound takes all draws of an
image at once, as one would write it; it gets the same draws, and is timed on fewer images.
Seconds are the clock's; those of the processor, all threads together, stand beside them for
machines that do other work.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from bench.contracts import Inference, Nets, Rng, Trainable
from bench.datasets import Splits
from bench.datasets._splits import Arrays
from bench.evaluation.reference import ReferenceData
from bench.evaluation.view import Generated, View, evaluation_mode
from bench.images import to_unit
from bench.metrics.ais import Effort, measure as measure_ais
from bench.metrics.importance import BLOCK, bound_of_image
from bench.models import configure
from bench.records import DataSpec
from bench.runtime import DeviceRng, generator, prepare
from bench.training.parts import build

CPU = torch.device("cpu")
SPEC = DataSpec(
    name="random", shape=(1, 28, 28), num_classes=0, class_prior=(), levels=256, digest="random"
)


def random_data(n: int) -> ReferenceData:
    """Dark and bright pixels in MNIST's proportion."""
    bright = torch.rand(n, *SPEC.shape, generator=generator("bright")) < 0.19
    arrays = Arrays((bright * 255).byte().numpy())
    return ReferenceData(Splits(spec=SPEC, train=arrays, val=arrays, test=arrays), CPU, None)


def plain_bound(
    inference: Inference, nets: Nets, image: Tensor, _: None, noise: Rng, *, k: int
) -> Tensor:
    """The bound of one image, all of its draws at once."""
    x = inference.observe(image, noise)
    mu, logvar = nets["encoder"](x, None).chunk(2, dim=1)
    eps = torch.cat([noise.normal(BLOCK, *mu.shape)[:, 0] for _ in range(-(-k // BLOCK))])[:k]
    z = mu + (0.5 * logvar).exp() * eps
    logits = nets["decoder"](z)
    loss = F.binary_cross_entropy_with_logits(logits, x.repeat(k, 1, 1, 1), reduction="none")
    normaliser = math.log(2 * math.pi)
    log_prior = -0.5 * (z**2 + normaliser).sum(1)
    log_q = -0.5 * (eps**2 + logvar + normaliser).sum(1)
    return torch.logsumexp(log_prior - log_q - loss.flatten(1).sum(1), 0) - math.log(k)


def our_bound(*of: Any, k: int) -> Tensor:
    """The bound of one image as it is measured."""
    return bound_of_image(*of, k=k)()[0]


def timed(work: Callable[[], object]) -> tuple[float, float, object]:
    """Seconds of the clock, seconds of the processor, and what came out."""
    clock, processor = time.perf_counter(), time.process_time()
    result = work()
    return time.perf_counter() - clock, time.process_time() - processor, result


def bounds(
    bound: Callable[..., Tensor], trainable: Trainable, reference: ReferenceData, n: int, k: int
) -> Tensor:
    """Of the first n images, ``[n]``."""
    inference, images = trainable.eval_fns.inference, to_unit(reference.images("test")[:n])
    rows = [
        bound(inference, trainable.modules, image, None, DeviceRng(generator("cost", i)), k=k)
        for i, image in enumerate(images.split(1))
    ]
    return torch.stack(rows).double()


def race(reference: ReferenceData, num_images: int, num_draws: int) -> None:
    """Prints our bound and the plain one, their ratio and their largest relative difference."""
    trainable = build(configure("vae_mlp"), reference)
    evaluation_mode(trainable.modules)
    few = max(1, num_images // 20)
    with torch.no_grad():
        for bound in (our_bound, plain_bound):
            bounds(bound, trainable, reference, 2, num_draws)  # warms up
        ours = timed(lambda: bounds(our_bound, trainable, reference, num_images, num_draws))
        near = timed(lambda: bounds(our_bound, trainable, reference, few, num_draws))
        plain = timed(lambda: bounds(plain_bound, trainable, reference, few, num_draws))
    title = f"vae_mlp, {num_draws:,} draws"
    print(f"{title}, ours, {num_images} images: {ours[0]:.1f} s ({ours[1]:.1f} s processor)")
    print(f"{title}, ours, {few} images: {near[0]:.2f} s ({near[1]:.2f} s processor)")
    print(f"{title}, plain, {few} images: {plain[0]:.2f} s ({plain[1]:.2f} s processor)")
    difference = ((near[2] - plain[2]) / plain[2]).abs().max()  # type: ignore[operator]
    print(f"plain / ours: {plain[1] / near[1]:.2f}, largest relative difference {difference:.1e}")


def annealing(reference: ReferenceData) -> None:
    """Prints the seconds of the registered effort, for a small and a convolutional decoder."""
    for model in ("vae_mlp", "gan"):
        trainable = build(configure(model), reference)
        evaluation_mode(trainable.modules)
        generated = Generated(reference, trainable.modules, trainable.eval_fns)
        view = View(generated=generated, split="test", counts=(10,), max_samples=10)
        with torch.no_grad():
            seconds, processor, _ = timed(lambda view=view: measure_ais(view, Effort()))
        print(f"{model}, annealing: {seconds:.0f} s ({processor:.0f} s processor)")


def main() -> None:
    """Prints the costs."""
    parser = argparse.ArgumentParser(description="what likelihood measures cost")
    parser.add_argument("--images", type=int, default=1_000)
    parser.add_argument("--draws", type=int, default=5_000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--ais", action="store_true", help="annealing as well: many minutes")
    options = parser.parse_args()
    prepare(options.threads)
    reference = random_data(max(options.images, 100))
    print(f"threads: {options.threads}")
    race(reference, options.images, options.draws)
    if options.ais:
        annealing(reference)


if __name__ == "__main__":
    main()
