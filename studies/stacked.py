"""Modes of 1,000 that a GAN covers when its opponent sees 1 or 2 samples at once (Lin et al. 2018, table 3).

bench run --study stacked                      stacked digits, minutes, no download
bench run --study stacked --tier lab           stacked MNIST, 1.6 % of the paper's images
bench run --study stacked --tier published     all 500,000 steps
"""

from bench.plan import Arm, Planned, Published, Study, Tier
from bench.records import Scalar

STEPS, BATCH = 500_000, 128
PROTOCOL = (
    "up to 500,000 steps of batches of 128 stacks drawn anew (of 128 packs with pack), z of 256, modes "
    "of 25,600 samples by a classifier; mean and standard error over trials"
)
DIFFERS = (
    "128,000 fixed stacks of 54,000 train digits; batches of 128 stacks whatever the pack; samples in "
    "evaluation mode, theirs by statistics of the batch; our classifier"
)
# Modes of 1,000 and KL of their histogram, each with its standard error over 50 trials, and the pack.
TABLE = {
    "gan": ((78.5, 17.56), (5.21, 0.19), 1),
    "pac2": ((484.5, 32.99), (2.61, 0.22), 2),
}


def row(arm: str) -> list[Published]:
    """The two numbers of one row of their table."""
    *numbers, pack = TABLE[arm]
    return [
        Published(
            source="Lin et al. 2018, arXiv 1712.04086, table 3",
            dataset="stacked_mnist",
            arm=arm,
            measure=f"{measure}_n25600",
            value=value,
            spread=error,
            within=2 * error,
            images=STEPS * BATCH * pack,
            protocol=PROTOCOL,
            differs=DIFFERS,
        )
        for measure, (value, error) in zip(("covered", "mode_kl"), numbers, strict=True)
    ]


def samples(n: int) -> dict[str, Scalar]:
    """As many of each state, on validation as on test."""
    return {"eval.max_samples": n, "eval.max_val_samples": n}


STUDY = Study(
    name="stacked",
    question="Does a convolutional GAN cover more of 1,000 modes when its opponent sees two samples at once?",
    arms=(Arm(name="gan", model="gan_stacks"), Arm(name="pac2", model="gan_stacks:pac2")),
    baselines=("memoriser", "pixel_gaussian", "uniform_noise"),
    comparisons=(
        Planned(a="gan", b="pac2", measure="covered", better="higher"),
        Planned(a="gan", b="pac2"),
    ),
    published=tuple(each for arm in TABLE for each in row(arm)),
    tiers={
        "classroom": Tier(
            dataset="stacked_digits",
            takes="9 minutes of processor time, by the speed of a single run",
            settings={"train.num_images": 200_000, "train.num_validations": 4, **samples(2_500)},
        ),
        "lab": Tier(
            dataset="stacked_mnist",
            settings={
                "train.num_images": 1_024_000,
                "train.num_validations": 10,
                "eval.max_samples": 25_600,
                "eval.max_val_samples": 2_500,
            },
        ),
        "published": Tier(
            dataset="stacked_mnist",
            settings={
                "train.num_images": STEPS * BATCH,
                "train.num_logs": 400,
                "train.num_validations": 100,
                "eval.max_samples": 25_600,
                "eval.max_val_samples": 2_500,
            },
        ),
    },
    notes=(
        "A mode is covered by one sample of n that the classifier puts there, whatever it looks like. "
        "Theirs are of 25,600; a tier that draws fewer has no value to hold against theirs.",
        "A run that covers fewer than half as many classes as held-out stacks counts as collapsed "
        "(protocol rule 3), as the paper's first row would: of such runs no verdict is given.",
    ),
)
