"""VAE-GAN: the three losses of Larsen et al. 2016 on networks that are worked out by hand."""

import dataclasses
import math

import pytest
import torch
from torch import nn

from bench.adversarial.losses import LOSSES, AdversarialLoss
from bench.contracts import Step
from bench.models import configure, find
from bench.records import DataSpec
from bench.runtime import DeviceRng, generator, seeded_modules

SPEC = DataSpec(
    name="made", shape=(1, 8, 8), num_classes=0, class_prior=(), levels=17, digest="0" * 16
)
SIGMA = 0.5


class Encoder(nn.Module):
    """q(z|x) = N(first 2 pixels, 0.5^2)."""

    def forward(self, images, labels):
        mu = images.flatten(1)[:, :2]
        return torch.cat([mu, torch.full_like(mu, 2 * math.log(SIGMA))], dim=1)


class Decoder(nn.Module):
    """z to images of two pixels."""

    def forward(self, z):
        return z.view(-1, 1, 1, 2)


class Discriminator(nn.Module):
    """The sum of the pixels as score, three times the pixels as features."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, images):
        self.seen.append(images)
        return images.flatten(1).sum(1), 3 * images.flatten(1)


def built(**values):
    with seeded_modules(0):
        return find("vae_gan")[1].build(configure("vae_gan", values).model, SPEC)


def losses(**values):
    """Each phase's loss on the small networks, with what its noise drew."""
    nets = {"encoder": Encoder(), "decoder": Decoder(), "discriminator": Discriminator()}
    images = torch.tensor([[0.2, 0.9], [0.6, 0.4], [1.0, 0.0]]).view(3, 1, 1, 2)
    found = {}
    for phase in built(**values).phases:
        step = Step(images, None, torch.tensor(0.5), DeviceRng(generator("noise")))
        nets["discriminator"].seen = []
        loss, scalars = phase.loss(nets, step)
        found[phase.name] = float(loss), scalars, nets["discriminator"].seen
    return images.flatten(1), found


def drawn():
    """The two draws of a step: of the posterior, of the prior."""
    noise = DeviceRng(generator("noise"))
    return noise.normal(1, 3, 2)[0], noise.normal(3, 2)


def feature_error(eps):
    """Half the squared distance: features are three times the pixels, which differ by 0.5 eps."""
    return float((0.5 * (3 * SIGMA * eps) ** 2).sum(1).mean())


def test_encoder_pays_the_kl_and_the_error_of_the_features():
    x, found = losses(kl_weight=2.0)
    loss, scalars, _ = found["encoder"]
    kl = 0.5 * (x**2 + SIGMA**2 - 1 - 2 * math.log(SIGMA)).sum(1).mean()
    assert float(scalars["kl_nats"]) == pytest.approx(float(kl))
    assert float(scalars["feature_error"]) == pytest.approx(feature_error(drawn()[0]))
    assert loss == pytest.approx(2 * float(kl) + feature_error(drawn()[0]))


def test_decoder_pays_gamma_times_the_error_and_for_both_kinds_of_fakes():
    x, found = losses(gamma=0.25, loss="wasserstein")
    eps, z_prior = drawn()
    recon = x + SIGMA * eps
    adversarial = -torch.cat([recon.sum(1), z_prior.sum(1)]).mean()
    expected = 0.25 * feature_error(eps) + float(adversarial)
    assert found["decoder"][0] == pytest.approx(expected, rel=1e-5)


def test_discriminator_sees_real_images_reconstructions_and_samples_in_batches_of_their_own():
    x, found = losses(loss="wasserstein")
    loss, scalars, seen = found["discriminator"]
    eps, z_prior = drawn()
    for batch, expected in zip(seen, (x, x + SIGMA * eps, z_prior), strict=True):
        torch.testing.assert_close(batch.flatten(1), expected)
    fake = (scalars["score_recon"] + scalars["score_prior"]) / 2
    assert loss == pytest.approx(float(fake - scalars["score_real"]), rel=1e-5)
    assert [len(batch) for batch in found["decoder"][2]] == [3, 3, 3]


def test_relative_loss_holds_both_kinds_of_fakes_against_the_real_images(monkeypatch):
    seen = {}
    rule = AdversarialLoss(
        discriminator=lambda real, fake: seen.setdefault("gap", fake - real).mean(),
        generator=lambda gain: seen.setdefault("gain", gain).mean(),
        summary="keeps what it is given",
        threshold=None,
        relative=True,
    )
    monkeypatch.setattr(LOSSES, "get", lambda _: rule)
    x, _ = losses()
    eps, z_prior = drawn()
    fakes = torch.stack([(x + SIGMA * eps).sum(1), z_prior.sum(1)])
    for kept in ("gap", "gain"):
        torch.testing.assert_close(seen[kept], fakes - x.sum(1))


def test_phases_stand_in_the_papers_order_with_an_optimizer_each():
    trainable = built()
    assert [phase.name for phase in trainable.phases] == ["encoder", "decoder", "discriminator"]
    assert [phase.optimizer for phase in trainable.phases] == [*trainable.optimizers]
    assert all(spec.modules == (name,) for name, spec in trainable.optimizers.items())


def test_features_are_the_last_convolutional_layer():
    discriminator = built(depth=3, width=4).modules["discriminator"]
    scores, features = discriminator(torch.rand(5, 1, 8, 8))
    assert scores.shape == (5,)
    assert features.shape == (5, 16 * 4 * 4)


def test_features_of_the_fully_connected_one_are_its_last_hidden_layer():
    spec = dataclasses.replace(SPEC, shape=(1, 1, 2))
    with seeded_modules(0):
        built = find("vae_gan_mlp")[1].build(
            configure("vae_gan_mlp", {"hidden": "6-3"}).model, spec
        )
    discriminator = built.modules["discriminator"]
    scores, features = discriminator(torch.rand(5, 1, 1, 2))
    assert features.shape == (5, 3)
    torch.testing.assert_close(discriminator.score(features).squeeze(1), scores)
    assert [phase.name for phase in built.phases] == ["encoder", "decoder", "discriminator"]


def test_it_encodes_and_has_no_likelihood():
    fns = built().eval_fns
    assert fns.encode is not None
    assert fns.inference is None
