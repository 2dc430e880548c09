"""A depth_sweep as MLflow would give it back, with values from a formula instead of training."""

import contextlib
import io
import json
import math
import random

import numpy as np
import pytest
from PIL import Image

from bench.plan.study import Arm, Identity, Study, Tier
from bench.plots import PLOTS
from bench.records import RunRecord
from bench.report import writer

SEARCH = Study(
    name="family_comparison",
    question="Which family is best?",
    arms=(Arm(name="vae", model="vae"), Arm(name="gan", model="gan")),
    tiers={"classroom": Tier(dataset="digits", settings={"train.num_images": 24_000})},
)
SEARCH_FACTS = {
    "bench.importance": json.dumps(
        {
            "evaluator": "PED-ANOVA",
            "values": {"vae": {"model.lr": 0.7, "train.batch_size": 0.3}, "gan": {"model.lr": 1.0}},
            "trials": {"vae": 45, "gan": 30},
        }
    )
}
STUDY = Study(
    name="depth_sweep",
    question="How does depth change what VAE, GAN and WGAN learn within one budget?",
    arms=(
        Arm(name="vae", model="vae"),
        Arm(name="gan", model="gan"),
        Arm(name="wgan", model="wgan"),
    ),
    factors={"model.depth": (1, 2, 3, 4, 5)},
    baselines=("memoriser", "pixel_gaussian", "uniform_noise"),
    tiers={"classroom": Tier(dataset="digits", settings={"train.num_images": 24_000})},
    notes=("On digits, depth beyond 1 adds layers and no scales.",),
)
IDENTITY = Identity(
    study="depth_sweep", tier="classroom", dataset="digits", overrides={"width": "16"}
)

LEVEL = {"vae": 9.5, "gan": 6.5, "wgan": 8.0}
"""Distance of each arm at its best depth."""

BEST = {"vae": 2, "gan": 3, "wgan": 2}
LOSSES = {
    "vae": ("loss", "reconstruction", "kl"),
    "gan": ("discriminator_loss", "generator_loss"),
    "wgan": ("critic_loss", "generator_loss"),
}
TAGS = {
    "study": "depth_sweep",
    "study_key": IDENTITY.key,
    "dataset": "digits",
    "tier": "classroom",
    "git_commit": "0123456789abcdef",
    "bench_version": "0.1.0",
    "primary": "val/fd_digits_n297",
    "data_digest": "d1d1d1d1d1d1d1d1",
    "detector": "digits",
    "detector_digest": "e2e2e2e2e2e2e2e2",
    "test_reads": "1",
    "device": "cpu",
    "threads": "1",
    "python": "3.11.9",
    "torch": "2.13.0",
    "mlflow": "3.17.2",
    "optuna": "5.0.0",
    "numpy": "2.4.6",
}
FLOORS = {
    "test/floor_train_fd_digits_n500": 0.9,
    "test/floor_train_fd_digits_n500_sd": 0.19,
    "test/floor_train_fd_digits_n297": 1.6,
    "test/floor_train_fd_digits_n297_sd": 0.3,
    "test/floor_heldout_fd_digits_n250": 1.8,
    "test/floor_heldout_fd_digits_n250_sd": 0.35,
}
BASELINES = {"memoriser": 0.93, "pixel_gaussian": 22.1, "uniform_noise": 145.2}


def distance(arm, depth, seed, level=LEVEL):
    """Test distance at n = 500; seeds differ by a fixed pseudo-random amount."""
    wobble = random.Random(f"{arm}-{depth}-{seed}").gauss(0, 0.35)
    return level[arm] * (1 + 0.16 * (depth - BEST[arm]) ** 2) + wobble


def run_record(arm, depth, seed, level=LEVEL):
    """A run that ended well."""
    fd = distance(arm, depth, seed, level)
    metrics = {
        "val/fd_digits_n297": fd * 1.1,
        "test/fd_digits_n297": fd * 1.12,
        "test/fd_digits_n500": fd,
        "test_best/fd_digits_n297": fd * 1.1,
        "test_best/fd_digits_n500": fd * 0.98,
        "test/legible": 0.95 - fd / 60,
        "test/legible_real": 0.962,
        "test/precision_digits_n500": 0.9 - fd / 60,
        "test/recall_digits_n500": 0.8 - fd / 60,
        "test/copied": seed / 100,
        "test/copied_low": -0.06,
        "test/copied_high": 0.05,
        "test/classes": 9.5 - fd / 10,
        "test/classes_real": 9.99,
        "cost/train_seconds": 6.0 + 3 * depth,
        "cost/eval_seconds": 1.5,
        "cost/num_parameters": 20_000.0 + 15_000 * depth,
        "cost/images_seen": 24_000.0,
    }
    if arm == "vae":
        elbo = -25 - 0.8 * (depth - 2) ** 2 - seed / 10
        metrics |= {
            "test/elbo_bernoulli_resampled": elbo,
            "test_best/elbo_bernoulli_resampled": elbo,
            "val/elbo_bernoulli_resampled": elbo,
            "test/kl_bernoulli_resampled": 12.0 - 2 * depth,
            "test/reconstruction_bernoulli_resampled": elbo + 12 - 2 * depth,
            "test/active_units": 9.0 + seed,
            "test/reconstruction_error": 0.02 + seed / 1_000,
            "cost/updates_vae": 750.0,
        }
    else:
        metrics |= {"cost/updates_generator": 375.0 if arm == "gan" else 125.0}
    tags = {**TAGS, "family": arm, "model": arm, "seed": str(seed), "status": "ok", "role": "run"}
    tags["config_digest"] = f"{arm}{depth}{seed}"
    if arm == "vae":
        tags["passport"] = "bernoulli_resampled"
    else:
        lacks = {"active_units": "the model has no encoder", "elbo": "the model has no likelihood"}
        tags["not_applicable"] = json.dumps(lacks)
    return RunRecord(
        run_id=f"run_{arm}_{depth}_{seed}",
        params={
            "model": arm,
            "model.depth": str(depth),
            "model.width": "16",
            "model.lr": "0.001",
            "data.dataset": "digits",
            "train.num_images": "24000",
            "train.batch_size": "64",
            "train.seed": str(seed),
            "eval.detector": "auto",
        },
        tags=tags,
        metrics=metrics,
        histories=_histories(
            arm, depth, metrics["val/fd_digits_n297"], metrics.get("val/elbo_bernoulli_resampled")
        ),
    )


def _histories(arm, depth, end, elbo):
    points = [600 * (i + 1) for i in range(40)]
    histories = {
        f"train/{name}": [(x, (i + 1) * (0.6 + (5 + depth) * math.exp(-x / 5_000))) for x in points]
        for i, name in enumerate(LOSSES[arm])
    }
    validations = [6_000, 12_000, 18_000, 24_000]
    histories["val/fd_digits_n297"] = [
        (x, end * (1 + 2 * math.exp(-x / 6_000) - 2 * math.exp(-4))) for x in validations
    ]
    if arm == "vae":
        histories |= {
            f"train/{name}": [(x, level + scale * math.exp(-x / 5_000)) for x in points]
            for name, level, scale in (
                ("kl_nats", 8, -6),
                ("reconstruction_nats", -16 - depth, -90),
            )
        }
        histories["val/elbo_bernoulli_resampled"] = [
            (x, elbo - 60 * (math.exp(-x / 6_000) - math.exp(-4))) for x in validations
        ]
    return histories


def baseline_record(name):
    """A baseline; the memoriser carries the floors."""
    fd = BASELINES[name]
    metrics = {
        "test/fd_digits_n500": fd,
        "test/fd_digits_n297": fd * 1.3,
        "test/legible": 0.96 if name == "memoriser" else 0.2,
        "test/legible_real": 0.962,
        "test/classes": 9.9 if name == "memoriser" else 5.0,
        "test/classes_real": 9.99,
        "test/copied": 1.0 if name == "memoriser" else 0.0,
        "test/copied_low": 0.98 if name == "memoriser" else -0.4,
        "cost/train_seconds": 0.02,
        "cost/num_parameters": 0.0,
    }
    if name == "memoriser":
        metrics |= FLOORS
    tags = {**TAGS, "family": name, "model": name, "seed": "0", "status": "ok", "role": "baseline"}
    tags["not_applicable"] = json.dumps({"elbo": "the model has no likelihood"})
    return RunRecord(
        run_id=f"run_{name}",
        params={"model": name, "train.num_images": "24000", "train.seed": "0"},
        tags={**tags, "config_digest": name},
        metrics=metrics,
    )


# What a report is written with: all of the figures take seconds, and few say the same of its page.
FIGURES = ("few figures", pytest.param("all figures", marks=pytest.mark.slow))


def lost(record, status, reason):
    """The same run, ended without a value."""
    tags = {**record.tags, "status": status, "reason": reason}
    metrics = {"train/loss": math.nan}
    return RunRecord(run_id=record.run_id, params=record.params, tags=tags, metrics=metrics)


def study_records(level=LEVEL, seeds=(0, 1, 2)):
    """3 arms x 5 depths x seeds and three baselines, all ended well."""
    runs = [run_record(arm, d, s, level) for arm in level for d in range(1, 6) for s in seeds]
    return runs + [baseline_record(name) for name in BASELINES]


def troubled_records():
    """The same with one run diverged, one collapsed and one still training."""
    records = {r.run_id: r for r in study_records()}
    diverged = records["run_wgan_2_2"]
    records[diverged.run_id] = lost(
        diverged, "diverged", "critic_loss was not finite at 3,200 images"
    )
    records["run_gan_5_1"].tags.update(
        status="collapsed", reason="the samples cover 2.1 classes, real images 9.9"
    )
    running = records["run_gan_4_2"]
    tags = {k: v for k, v in running.tags.items() if k not in {"status", "primary"}}
    records[running.run_id] = RunRecord(
        run_id=running.run_id, params=running.params, tags=tags, metrics={}, finished=False
    )
    return list(records.values())


def trial_record(arm, number, value, *, sampler="random", status="ok"):
    """A trial of a search; pruned and diverged ones have no value at the whole budget."""
    tags = {**TAGS, "family": arm, "model": arm, "seed": "0", "role": "search", "status": status}
    metrics = {} if value is None else {"val/fd_digits_n297": value}
    return RunRecord(
        run_id=f"trial_{arm}_{number}",
        params={"model": arm, "train.num_images": "24000", "train.seed": "0"},
        tags={**tags, "trial": str(number), "sampler": sampler},
        metrics=metrics,
    )


def search_records():
    """12 random trials and 6 of TPE for the VAE, 8 random ones for the GAN, and fresh seeds."""
    rng = random.Random(7)
    trials = [trial_record("vae", i, 9 + 20 * rng.random()) for i in range(12)]
    trials[4] = trial_record("vae", 4, None, status="diverged")
    tpe = {"sampler": "tpe"}
    trials += [trial_record("vae", i, 9 + 3 * rng.random(), **tpe) for i in range(12, 17)]
    trials.append(trial_record("vae", 17, 40.0, **tpe, status="pruned"))
    trials += [trial_record("gan", i, 6 + 20 * rng.random()) for i in range(8)]
    return trials + [run_record(arm, 2, seed) for arm in ("vae", "gan") for seed in range(3)]


def grid_png(images, *, scale):
    """uint8 ``[rows, columns, h, w]`` as the tracked pictures look: gray lines between."""
    rows, columns, height, width = images.shape
    large = images.repeat(scale, axis=2).repeat(scale, axis=3)
    dy, dx = height * scale + 1, width * scale + 1
    canvas = np.full((rows * dy + 1, columns * dx + 1), 128, np.uint8)
    for r in range(rows):
        for c in range(columns):
            canvas[r * dy + 1 : (r + 1) * dy, c * dx + 1 : (c + 1) * dx] = large[r, c]
    buffer = io.BytesIO()
    Image.fromarray(canvas).convert("RGB").save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()


def blobs(seed, size):
    """8 x 8 smooth images of a dark ground with a bright spot, as compressible as digits."""
    rng = np.random.default_rng(seed)
    centre = rng.uniform(size / 4, 3 * size / 4, (8, 8, 2, 1, 1))
    y, x = np.mgrid[:size, :size]
    squared = (y - centre[:, :, 0]) ** 2 + (x - centre[:, :, 1]) ** 2
    noise = rng.uniform(0, 20, squared.shape) * (squared < size)
    return np.clip(235 * np.exp(-squared / size) + noise, 0, 255).astype(np.uint8)


@contextlib.contextmanager
def drawing(which):
    """Inside, a report draws all of the figures, or the few that are drawn fast."""
    with pytest.MonkeyPatch.context() as patch:
        if which == "few figures":
            few = {name: PLOTS.get(name) for name in ("loss_curves", "quality_cost")}
            patch.setattr(writer, "PLOTS", few)
        yield


def pictures(size=8, scale=4):
    """A callable like the tracker's: samples for every run, reconstructions for VAEs."""

    def read(run_id, name):
        if name in {"reconstructions", "latent_pca"} and "vae" not in run_id:
            return None
        if name == "latent_grid" and "vae_3" not in run_id:
            return None
        return grid_png(blobs(sum(run_id.encode()), size), scale=scale)

    return read
