"""More draws in the bound that a VAE is trained on (Burda et al. 2016, table 1, one stochastic layer).

bench run --study iwae                                           12 runs on digits, minutes
bench run --study iwae --tier lab --seeds 1                      MNIST, 4 of the 8 stages, 2 hours
bench run --study iwae --tier published --seeds 1                all 8 stages: 4 days of one core
"""

from bench.plan import Arm, Claim, Planned, Published, Study, Tier
from bench.records import Scalar

BOUND = "iwae_5000_bernoulli_resampled"
EPOCH = 54_000


def stages(count: int) -> dict[str, Scalar]:
    """The first stages of eight: stage i lasts 3^i epochs at 1e-3 * 10^(-i/7)."""
    return {"model.lr_stages": count, "train.num_images": EPOCH * (3**count - 1) // 2}


def trained_with(k: int) -> Arm:
    """784-200-200-50 and back, tanh, trained on the bound of k draws."""
    return Arm(name=f"k{k}", model="vae_mlp:burda2016", settings={"model.num_importance": k})


def nats(k: int, value: float, again: str) -> Published:
    """A row of their table 1, and what public re-runs of it got, as log-likelihoods: they print minus these."""
    return Published(
        source="Burda et al. 2016, arXiv 1509.00519, table 1, one stochastic layer",
        dataset="mnist",
        arm=f"k{k}",
        measure=BOUND,
        value=value,
        within=0.5,
        images=3_280 * EPOCH,
        protocol="MNIST, pixels drawn anew, 3,280 epochs of 60,000 images, 5,000 draws on test; public "
        f"re-runs got {again}",
        differs="54,000 training images, 6,000 being kept for validation; the rates' stages done here",
        curve="train/loss",
    )


STUDY = Study(
    name="iwae",
    question="Does a VAE that is trained on a bound of more draws have a higher likelihood?",
    arms=(trained_with(1), trained_with(5), trained_with(50)),
    baselines=("memoriser", "pixel_gaussian", "uniform_noise"),
    comparisons=(
        Planned(a="k5", b="k1", measure=BOUND, better="higher"),
        Planned(a="k50", b="k5", measure=BOUND, better="higher"),
    ),
    claims=(
        Claim(
            reported="-84.78 nats with k = 50, -85.54 with k = 5",
            protocol="MNIST, 3,280 epochs of 60,000 images, one run each, 5,000 draws",
            measure=BOUND,
            arms=("k50", "k5"),
            better="higher",
            winner="k50",
        ),
        Claim(
            reported="-85.54 nats with k = 5, -86.76 with k = 1",
            protocol="MNIST, 3,280 epochs of 60,000 images, one run each, 5,000 draws",
            measure=BOUND,
            arms=("k5", "k1"),
            better="higher",
            winner="k5",
        ),
    ),
    published=(
        nats(1, -86.76, "-87.75"),
        nats(5, -85.54, "-85.46 and -85.50"),
        nats(50, -84.78, "-84.59 and -84.65"),
    ),
    tiers={
        "classroom": Tier(
            dataset="digits",
            takes="2 minutes of processor time",
            settings={
                "model.lr_stages": 3,
                "train.num_images": 13_000,
                "train.num_validations": 4,
                "eval.measures": "iwae_5000",
                "eval.likelihood_images": 100,
            },
        ),
        "lab": Tier(
            dataset="mnist",
            takes="74 minutes of one core for training one seed, and a quarter of an hour to measure",
            settings={
                **stages(4),
                "train.num_validations": 4,
                "eval.measures": "iwae_5000",
                "eval.likelihood_images": 2_000,
            },
        ),
        "published": Tier(
            dataset="mnist",
            settings={
                **stages(8),
                "train.num_validations": 8,
                "eval.measures": "iwae_5000",
                "eval.likelihood_images": 10_000,
            },
        ),
    },
    notes=(
        "The authors' networks, batches of 20, Adam with epsilon 1e-4, pixels drawn anew at each "
        "showing, rates from 1e-3 down in stages of 1, 3, 9, ... epochs; the bound of 5,000 draws "
        "on test images. Of the 60,000 images 6,000 are kept for validation here.",
        "The lab tier has the first four of the eight stages, 40 of 3,280 epochs: its "
        "values are on the way, and are not those of the authors.",
    ),
)
