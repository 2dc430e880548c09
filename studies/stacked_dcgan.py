"""Modes of 1,000 that a whole DCGAN covers, of which two papers have two numbers (Lin et al. 2018, table 2).

bench run --study stacked_dcgan                      stacked digits, no download
bench run --study stacked_dcgan --tier published     stacked MNIST, all 50 epochs: days of a CPU
"""

from bench.plan import Arm, Planned, Published, Study, Tier, load_study
from bench.records import Scalar

EPOCHS, STACKS, BATCH = 50, 128_000, 64
VEEGAN = "Srivastava et al. 2017, arXiv 1705.07761, table 2"
PACGAN = "Lin et al. 2018, arXiv 1712.04086, table 2"
MEG = "Kumar et al. 2019, arXiv 1901.08508"
TRAINED = (
    f"{EPOCHS} epochs of {STACKS:,} packs of stacks of train and test digits, batches of {BATCH} packs, two "
    "steps of the generator for each of the discriminator, z of 100, uniform; modes of 26,000 samples "
    "by a classifier; mean and standard error over ten trials"
)
DIFFERS = (
    "stacks of 54,000 train digits; one step of each player; z normal; batches of 64 stacks whatever "
    "the pack; our DCGAN, of 3x3 kernels; our classifier"
)
# Source, arm, modes of 1,000 and KL of their histogram, standard errors where they are given, protocol, pack.
TABLE = (
    (
        VEEGAN,
        "dcgan",
        (99.0, 3.40),
        None,
        "26,000 samples, mean over five runs; budget not stated",
        1,
    ),
    (PACGAN, "dcgan", (78.9, 4.50), (6.46, 0.127), TRAINED, 1),
    (PACGAN, "pacdcgan2", (1000.0, 0.06), (0.0, 0.003), TRAINED, 2),
    (MEG, "wgan_gp", (959.0, 0.73), None, "26,000 samples; budget and networks their own", 1),
)
NEAR = {"covered": 15.0, "mode_kl": 0.3}
STACKED = load_study("stacked")


def rows() -> list[Published]:
    """Two numbers of each row of the tables."""
    return [
        Published(
            source=source,
            dataset="stacked_mnist",
            arm=arm,
            measure=f"{measure}_n26000",
            value=numbers[i],
            spread=errors[i] if errors else None,
            within=NEAR[measure],
            images=EPOCHS * STACKS * pack if protocol == TRAINED else None,
            protocol=protocol,
            differs=DIFFERS,
        )
        for source, arm, numbers, errors, protocol, pack in TABLE
        for i, measure in enumerate(NEAR)
    ]


DCGAN: dict[str, Scalar] = {"train.batch_size": BATCH}
CRITIC: dict[str, Scalar] = {
    "model.depth": 3,
    "model.width": 64,
    "model.latent_dim": 100,
    "model.lr": 2e-4,
}

STUDY = Study(
    name="stacked_dcgan",
    question="How many of 1,000 modes does a DCGAN cover, with packs of two, and with a Wasserstein critic?",
    arms=(
        Arm(name="dcgan", model="gan:experiment_d", settings=DCGAN),
        Arm(name="pacdcgan2", model="gan:experiment_d", settings={**DCGAN, "model.pack": 2}),
        Arm(name="wgan_gp", model="wgan:gradient_penalty", settings={**DCGAN, **CRITIC}),
    ),
    baselines=STACKED.baselines,
    comparisons=(
        Planned(a="dcgan", b="pacdcgan2", measure="covered", better="higher"),
        Planned(a="dcgan", b="wgan_gp", measure="covered", better="higher"),
    ),
    published=tuple(rows()),
    tiers={
        "classroom": Tier(
            dataset="stacked_digits",
            takes="9 minutes of two cores, by the speed of some steps",
            settings={**STACKED.tiers["classroom"].settings, "train.num_images": 50_000},
        ),
        "published": Tier(
            dataset="stacked_mnist",
            settings={
                **STACKED.tiers["published"].settings,
                "train.num_images": EPOCHS * STACKS,
                "eval.max_samples": 26_000,
            },
        ),
    },
    notes=(
        "VEEGAN's authors and PacGAN's give a DCGAN 99.0 and 78.9 modes: other batches, steps and "
        "classifiers. PacGAN's code makes its training stacks of train and test digits; ours never "
        "sees a test digit, whose classes are the same.",
        *STACKED.notes,
    ),
)
