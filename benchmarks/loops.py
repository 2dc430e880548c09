"""One training step written by hand, by a library and by us: what a speed is compared with.

Each loop trains the networks that the registered model has, with its loss and optimizer, on one
set of images; it differs in what stands around the step. A contestant has a process of its own,
``python benchmarks/loops.py CONTESTANT MODEL SETTINGS THREADS``, which reads numbers of steps and
answers with the seconds that they took: of the processor, and of the wall.
"""

from __future__ import annotations

import io
import itertools
import json
import logging
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from bench import datasets
from bench.config import Precision, RunConfig
from bench.evaluation.reference import ReferenceData
from bench.models import configure
from bench.runtime import prepare
from bench.torchvision_import import import_torchvision
from bench.training.capture import Steps as StepsInTurn
from bench.training.parts import build, reference_for
from bench.training.trainer import Trainer

Nets = dict[str, nn.Module]
Batches = Iterator[Tensor]
Steps = Callable[[int], None]
"""Trains so many steps on from where it stands."""


class Arena(NamedTuple):
    """What all loops of one row train: a model's configuration, its data, its images."""

    config: RunConfig
    reference: ReferenceData
    images: np.ndarray[Any, Any]


def ours(arena: Arena, precision: Precision = "fp32", *, captured: bool = True) -> Steps:
    """The project's loop with all that it watches and logs, a log each tenth step."""
    trainer = trainer_of(arena, precision=precision)
    if not captured:
        trainer.steps = StepsInTurn(None)
    logs = iter(trainer)

    def steps(count: int) -> None:
        for _ in range(count // 10):
            next(logs)

    return steps


def trainer_of(arena: Arena, **settings: object) -> Trainer:
    """A trainer whose budget no benchmark spends."""
    size = arena.config.train.batch_size
    endless = {"num_images": 10**5 * size, "num_logs": 10**4, "num_validations": 1}
    train = arena.config.train.model_copy(update={**endless, **settings})
    config = arena.config.model_copy(update={"train": train})
    reference = arena.reference
    images, labels = reference.stored("train"), reference.labels("train")
    return Trainer(build(config, reference), images, labels, train)


def bare(arena: Arena) -> Steps:
    """Resident floats and fused optimizers; no norm, no log, nothing watched."""
    resident = torch.from_numpy(arena.images).to(arena.reference.device).float().div_(255)
    size = arena.config.train.batch_size

    def batches() -> Batches:
        while True:
            for index in torch.randperm(len(resident), device=resident.device).split(size):
                if len(index) == size:
                    yield resident[index]

    return _by_hand(arena, batches(), optimizers=_fused, item=False)


def plain_script(arena: Arena) -> Steps:
    """As tutorials have it: pictures, ToTensor, DataLoader, default optimizers, ``.item()``."""
    size = arena.config.train.batch_size
    loader = DataLoader(Pictures(arena.images), batch_size=size, shuffle=True, drop_last=True)
    device = arena.reference.device
    batches = (images.to(device) for _ in itertools.count() for images, _ in loader)
    return _by_hand(arena, batches, optimizers=_default, item=True)


class Pictures(Dataset[tuple[Tensor, int]]):
    """Gray images as torchvision's MNIST gives them: to a picture, then through ToTensor."""

    def __init__(self, images: np.ndarray[Any, Any]) -> None:
        import_torchvision()
        from torchvision.transforms import ToTensor

        self._images, self._transform = images, ToTensor()

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        picture = Image.fromarray(self._images[index][0])
        return self._transform(picture), 0


def _by_hand(arena: Arena, batches: Batches, *, optimizers: Optimizers, item: bool) -> Steps:
    nets = build(arena.config, arena.reference).modules
    for net in nets.values():
        net.train()
    kinds = {"vae": _vae, "gan": _gan, "wgan": _wgan}
    step = kinds[arena.config.name.partition("_")[0]](dict(nets), arena.config, optimizers)

    def steps(count: int) -> None:
        total = torch.zeros((), device=arena.reference.device)
        for images in itertools.islice(batches, count):
            loss = step(images)
            if item:
                loss.item()
            else:
                total += loss

    return steps


class Optimizers(NamedTuple):
    """How a hand-written loop makes them."""

    adam: Callable[..., torch.optim.Optimizer]
    rmsprop: Callable[..., torch.optim.Optimizer]


_default = Optimizers(torch.optim.Adam, torch.optim.RMSprop)
_fused = Optimizers(
    lambda parameters, **rest: torch.optim.Adam(parameters, fused=True, **rest),
    lambda parameters, **rest: torch.optim.RMSprop(parameters, foreach=True, **rest),
)


def _vae(nets: Nets, config: RunConfig, make: Optimizers) -> Callable[[Tensor], Tensor]:
    """A VAE on resampled binary pixels (Kingma and Welling 2014, arXiv 1312.6114)."""
    encoder, decoder = nets["encoder"], nets["decoder"]
    optimizer = make.adam([*encoder.parameters(), *decoder.parameters()], lr=_of(config, "lr"))

    def step(images: Tensor) -> Tensor:
        x = (torch.rand_like(images) < images).float()
        mu, logvar = encoder(x, None).chunk(2, dim=1)
        z = mu + (0.5 * logvar).exp() * torch.randn_like(mu)
        misfit = F.binary_cross_entropy_with_logits(decoder(z), x, reduction="sum")
        kl = 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum()
        loss = (misfit + kl) / len(x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def _gan(nets: Nets, config: RunConfig, make: Optimizers) -> Callable[[Tensor], Tensor]:
    """A non-saturating GAN (Goodfellow et al. 2014, arXiv 1406.2661)."""
    generator, discriminator = nets["generator"], nets["discriminator"]
    latent_dim = int(_of(config, "latent_dim"))
    rest = {"lr": _of(config, "lr"), "betas": (_of(config, "beta1"), _of(config, "beta2"))}
    of_discriminator = make.adam(discriminator.parameters(), **rest)
    of_generator = make.adam(generator.parameters(), **rest)

    def step(images: Tensor) -> Tensor:
        fake = generator(torch.randn(len(images), latent_dim, device=images.device))
        loss = F.softplus(-discriminator(images)).mean()
        loss = loss + F.softplus(discriminator(fake.detach())).mean()
        of_discriminator.zero_grad()
        loss.backward()
        of_discriminator.step()
        fooled = F.softplus(
            -discriminator(generator(torch.randn(len(images), latent_dim, device=images.device)))
        ).mean()
        of_generator.zero_grad()
        fooled.backward()
        of_generator.step()
        return loss.detach()

    return step


def _wgan(nets: Nets, config: RunConfig, make: Optimizers) -> Callable[[Tensor], Tensor]:
    """A Wasserstein GAN with weight clipping (Arjovsky et al. 2017, arXiv 1701.07875)."""
    generator, critic = nets["generator"], nets["critic"]
    lr, limit = _of(config, "lr"), _of(config, "clip_value")
    latent_dim, n_critic = int(_of(config, "latent_dim")), int(_of(config, "n_critic"))
    of_critic = make.rmsprop(critic.parameters(), lr=lr)
    of_generator = make.rmsprop(generator.parameters(), lr=lr)
    done = itertools.count(1)

    def step(images: Tensor) -> Tensor:
        with torch.no_grad():
            fake = generator(torch.randn(len(images), latent_dim, device=images.device))
        loss = critic(fake).mean() - critic(images).mean()
        of_critic.zero_grad()
        loss.backward()
        of_critic.step()
        with torch.no_grad():
            for parameter in critic.parameters():
                parameter.clamp_(-limit, limit)
        if next(done) % n_critic == 0:
            lost = -critic(
                generator(torch.randn(len(images), latent_dim, device=images.device))
            ).mean()
            of_generator.zero_grad()
            lost.backward()
            of_generator.step()
        return loss.detach()

    return step


def _of(config: RunConfig, key: str) -> float:
    return float(config.flat()[f"model.{key}"])


def pythae_trainer(arena: Arena) -> Steps:
    """pythae's trainer on its VAE with our networks: ELBO of gray values, an epoch at a time.

    Raises:
        ImportError: The extra ``peers`` is not installed.
    """
    pythae = _pythae()
    nets = build(arena.config, arena.reference).modules
    latent_dim, size = int(_of(arena.config, "latent_dim")), arena.config.train.batch_size
    encoder, decoder = pythae.encoder(nets["encoder"]), pythae.decoder(nets["decoder"])
    shape = arena.images.shape[1:]
    settings = pythae.VAEConfig(input_dim=shape, latent_dim=latent_dim, reconstruction_loss="bce")
    model = pythae.VAE(settings, encoder=encoder, decoder=decoder)
    floats = torch.from_numpy(arena.images).float().div_(255)

    def steps(count: int) -> None:
        data = pythae.BaseDataset(floats[: count * size], torch.zeros(count * size))
        with tempfile.TemporaryDirectory() as folder, redirect_stderr(io.StringIO()):
            chosen = pythae.BaseTrainerConfig(
                output_dir=folder,
                num_epochs=1,
                learning_rate=_of(arena.config, "lr"),
                per_device_train_batch_size=size,
                no_cuda=True,
            )
            pythae.BaseTrainer(model, train_dataset=data, training_config=chosen).train()

    return steps


def _pythae() -> Any:
    """What is needed of it, with wrappers that give its models our networks."""
    from pythae.data.datasets import BaseDataset
    from pythae.models import VAE, VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    logging.disable(logging.WARNING)

    class Encoder(BaseEncoder):
        def __init__(self, net: nn.Module) -> None:
            super().__init__()
            self.net = net

        def forward(self, x: Tensor) -> Any:
            mu, logvar = self.net(x, None).chunk(2, dim=1)
            return ModelOutput(embedding=mu, log_covariance=logvar)

    class Decoder(BaseDecoder):
        def __init__(self, net: nn.Module) -> None:
            super().__init__()
            self.net = net

        def forward(self, z: Tensor) -> Any:
            return ModelOutput(reconstruction=torch.sigmoid(self.net(z)))

    found = ModuleType("peers")
    names = (BaseDataset, VAE, VAEConfig, BaseTrainer, BaseTrainerConfig)
    found.__dict__.update({each.__name__: each for each in names})
    found.__dict__.update(encoder=Encoder, decoder=Decoder)
    return found


class Contestant(NamedTuple):
    """Who takes part.

    Attributes:
        make: Its loop.
        prepared: Whether its process is set up as the project's are; else as torch starts it.
    """

    make: Callable[[Arena], Steps]
    prepared: bool = True


PLAIN, PEER, FP32, BF16 = "plain script", "pythae", "ours fp32", "ours bf16"
BARE, SET_UP = "bare step", "bare step, set up as ours"
CONTESTANTS = {
    PLAIN: Contestant(plain_script, prepared=False),
    PEER: Contestant(pythae_trainer, prepared=False),
    BARE: Contestant(bare, prepared=False),
    SET_UP: Contestant(bare),
    FP32: Contestant(lambda arena: ours(arena, "fp32")),
    BF16: Contestant(lambda arena: ours(arena, "bf16")),
}


def main() -> None:
    """Trains as many steps as each line of the input says."""
    name, model, settings, threads = sys.argv[1:]
    contestant = CONTESTANTS[name]
    if contestant.prepared:
        prepare(threads=int(threads))
    else:
        torch.set_num_threads(int(threads))
    config = configure(model, json.loads(settings))
    reference = reference_for(config, torch.device("cpu"))
    images = datasets.load(config.data.dataset).train.images[:]
    try:
        steps = contestant.make(Arena(config, reference, images))
    except ImportError:
        return
    for line in sys.stdin:
        processor, wall = time.process_time(), time.perf_counter()
        steps(int(line))
        spent = time.process_time() - processor, time.perf_counter() - wall
        print(json.dumps(spent), flush=True)


if __name__ == "__main__":
    main()
