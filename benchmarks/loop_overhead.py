"""Images per second of our training loop beside a plain one that does the same, and their ratio.

python benchmarks/loop_overhead.py [--repeats 5]

Both train the same network with the same loss, optimizer and resident uint8 images, in one
process on one thread, by turns. Seconds are those of this process's processor time, so that
other work on the machine tells little.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.config import RunConfig
from bench.contracts import Trainable
from bench.models import MODELS, configure
from bench.modules import place
from bench.records import DataSpec
from bench.runtime import prepare, seeded_modules
from bench.training.trainer import Trainer

STEPS_PER_LOG = 10
NUM_RESIDENT = 10_000
SPEC = DataSpec(
    name="random", shape=(1, 28, 28), num_classes=0, class_prior=(), levels=256, digest="random"
)


@dataclass(frozen=True)
class Race:
    """One row of the table.

    Attributes:
        title: What is trained.
        model: Registered model.
        settings: Flat keys; ``train.num_images`` takes about a second.
        plain: The hand-written loop: modules, images and settings to nothing.
    """

    title: str
    model: str
    settings: dict[str, object]
    plain: Callable[[dict[str, nn.Module], Tensor, RunConfig], None]


def plain_vae(nets: dict[str, nn.Module], images: Tensor, config: RunConfig) -> None:
    """A VAE on resampled binary pixels, as one would write it by hand."""
    encoder, decoder = nets["encoder"], nets["decoder"]
    lr = float(config.flat()["model.lr"])
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=lr, fused=True)
    total = torch.zeros(())
    for count, batch in enumerate(batches(images, config), start=1):
        x = (torch.rand_like(batch) < batch).float()
        mu, logvar = encoder(x, None).chunk(2, dim=1)
        z = mu + (0.5 * logvar).exp() * torch.randn_like(mu)
        misfit = F.binary_cross_entropy_with_logits(decoder(z), x, reduction="sum")
        kl = 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum()
        loss = (misfit + kl) / len(x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.detach()
        if count % STEPS_PER_LOG == 0:
            total.item()


def plain_wgan(nets: dict[str, nn.Module], images: Tensor, config: RunConfig) -> None:
    """A Wasserstein GAN with weight clipping, after the authors' own loop."""
    generator, critic = nets["generator"], nets["critic"]
    flat = config.flat()
    lr, limit = float(flat["model.lr"]), float(flat["model.clip_value"])
    latent_dim, n_critic = int(flat["model.latent_dim"]), int(flat["model.n_critic"])
    of_critic = torch.optim.RMSprop(critic.parameters(), lr=lr, foreach=True)
    of_generator = torch.optim.RMSprop(generator.parameters(), lr=lr, foreach=True)
    total = torch.zeros(())
    for count, x in enumerate(batches(images, config), start=1):
        critic.requires_grad_(True)
        with torch.no_grad():
            fake = generator(torch.randn(len(x), latent_dim))
        loss = critic(fake).mean() - critic(x).mean()
        of_critic.zero_grad()
        loss.backward()
        of_critic.step()
        with torch.no_grad():
            for parameter in critic.parameters():
                parameter.clamp_(-limit, limit)
        if count % n_critic == 0:
            critic.requires_grad_(False)
            loss_generator = -critic(generator(torch.randn(len(x), latent_dim))).mean()
            of_generator.zero_grad()
            loss_generator.backward()
            of_generator.step()
        total += loss.detach()
        if count % STEPS_PER_LOG == 0:
            total.item()


def batches(images: Tensor, config: RunConfig) -> Iterator[Tensor]:
    """Shuffled batches in [0, 1] until the budget is spent."""
    size, steps = config.train.batch_size, config.train.num_steps
    while steps > 0:
        for index in torch.randperm(len(images)).split(size)[: min(steps, len(images) // size)]:
            yield images[index].float().div_(255)
            steps -= 1


RACES = [
    Race("VAE 784-400-20, batch 128", "vae_mlp", {"train.num_images": 6_400}, plain_vae),
    Race(
        "WGAN of depth 3, batch 64",
        "wgan",
        {"model.depth": 3, "train.batch_size": 64, "train.num_images": 1_280},
        plain_wgan,
    ),
]


def build(config: RunConfig) -> Trainable:
    """The model as the runner builds it."""
    with seeded_modules(config.train.seed):
        trainable = MODELS.get(config.name).build(config.model, SPEC)
    for module in trainable.modules.values():
        place(module, torch.device("cpu"))
    return trainable


def rates(race: Race, images: Tensor, repeats: int) -> tuple[list[float], list[float]]:
    """Images per second of our loop and of the plain one, repeat by repeat."""
    config = configure(race.model, race.settings, {"train.num_validations": 1})
    num_logs = {"num_logs": config.train.num_steps // STEPS_PER_LOG}
    settings = config.train.model_copy(update=num_logs)

    def ours() -> None:
        for _ in Trainer(build(config), images, None, settings):
            pass

    def plain() -> None:
        race.plain(build(config).modules, images, config)

    found: dict[Callable[[], None], list[float]] = {ours: [], plain: []}
    for repeat in range(repeats + 1):
        for loop in (ours, plain) if repeat % 2 else (plain, ours):
            started = time.process_time()
            loop()
            found[loop].append(config.train.num_images / (time.process_time() - started))
    return found[ours][1:], found[plain][1:]  # the first of each warms up


def main() -> None:
    """Prints one row for each model."""
    parser = argparse.ArgumentParser(description="our training loop beside a plain one")
    parser.add_argument("--repeats", type=int, default=5, help="timed runs of each loop")
    repeats = parser.parse_args().repeats
    prepare(threads=1)
    images = torch.randint(256, (NUM_RESIDENT, *SPEC.shape), dtype=torch.uint8)
    print(f"{'images per second':<28}{'ours':>9}{'plain':>9}{'ratio':>8}   lowest to highest")
    for race in RACES:
        ours, plain = rates(race, images, repeats)
        ratios = [a / b for a, b in zip(ours, plain, strict=True)]
        speed = f"{statistics.median(ours):>9,.0f}{statistics.median(plain):>9,.0f}"
        spread = f"{min(ratios):.3f} to {max(ratios):.3f}"
        print(f"{race.title:<28}{speed}{statistics.median(ratios):>8.3f}   {spread}")


if __name__ == "__main__":
    main()
