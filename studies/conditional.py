"""Does a conditional DCGAN follow its class (experiment D)?

bench run --study conditional                                    33 runs on digits, minutes
bench run --study conditional --tier cpu                         MNIST, 100,000 images, narrow
bench run --study conditional --tier lab                         MNIST, the published sizes
"""

from bench.plan import Arm, Claim, Planned, Study, Tier

AFFINE = ("affine_100", "affine_200", "affine_400", "batch_norm", "embedding_10", "embedding_200")
EMBEDDED = "embedding_200_both"
CURED = ("extra_layers", "projection")
CLASS = "class_accuracy"
PRESETS = {
    "affine_100": "experiment_d_100",
    "affine_200": "experiment_d_200",
    "affine_400": "experiment_d",
    "batch_norm": "experiment_d_batch_norm",
    "embedding_10": "experiment_d_embedding_10",
    "embedding_200": "experiment_d_embedding_200_discriminator",
    EMBEDDED: "experiment_d_embedding_200",
    "extra_layers": "experiment_d_extra_layers",
    "projection": "experiment_d_projection",
}

STUDY = Study(
    name="conditional",
    question="Does a conditional DCGAN follow its class, and what makes it do so?",
    arms=(
        Arm(name="dcgan", model="gan:experiment_d"),
        *(Arm(name=name, model=f"cgan:{preset}") for name, preset in PRESETS.items()),
    ),
    baselines=("memoriser", "pixel_gaussian", "uniform_noise"),
    comparisons=(
        *(Planned(a=a, b="affine_400", measure=CLASS, better="higher") for a in CURED),
        Planned(a="projection", b="extra_layers", measure=CLASS, better="higher"),
        Planned(a="affine_400", b="affine_100"),
        Planned(a="projection", b="dcgan"),
    ),
    claims=(
        Claim(
            reported="the class made very little difference to the image",
            protocol="CIFAR-10 (87 epochs), MNIST (10 epochs), by eye",
            measure=CLASS,
            arms=(*AFFINE, EMBEDDED),
            better="higher",
            at_most=0.2,
        ),
        Claim(
            reported="the same; no number",
            protocol="the same",
            measure="class_share",
            arms=("affine_400", *CURED),
            better="higher",
        ),
        Claim(
            reported="100 features worst, 200 and 400 similar, 400 slightly better",
            protocol="CIFAR-10, by eye",
            measure="distance",
            arms=("affine_400", "affine_100"),
            winner="affine_400",
        ),
        Claim(
            reported="batch norm on the features gave noise",
            protocol="CIFAR-10, by eye",
            measure="distance",
            arms=("affine_400", "batch_norm"),
            winner="affine_400",
        ),
        Claim(
            reported="no variant that follows its class",
            protocol="CIFAR-10 and MNIST",
            measure=CLASS,
            arms=("projection", "affine_400"),
            better="higher",
            winner="projection",
            beyond=True,
        ),
        Claim(
            reported="the class made very little difference with extra layers too",
            protocol="CIFAR-10, by eye",
            measure=CLASS,
            arms=("extra_layers", "affine_400"),
            better="higher",
            winner="extra_layers",
            beyond=True,
        ),
    ),
    tiers={
        "classroom": Tier(
            dataset="digits",
            takes="6.5 minutes of processor time, half of that on two cores",
            settings={
                "model.width": 16,
                "model.lr": 1e-3,
                "train.num_images": 16_000,
                "train.batch_size": 32,
                "train.num_validations": 4,
            },
        ),
        "cpu": Tier(
            dataset="mnist",
            settings={
                "model.width": 16,  # 64 channels have 16 times the multiplications
                "model.lr": 1e-3,
                "train.num_images": 100_000,
                "train.batch_size": 32,
                "train.num_validations": 4,
            },
        ),
        "lab": Tier(
            dataset="mnist",
            settings={
                "train.num_images": 540_000,
                "train.num_validations": 10,
                "eval.also": "random",
            },
        ),
    },
    notes=(
        "Behind an affine map the score is w.h(x) + v(class), and real and fake images have one "
        "distribution of classes: the class never reaches the generator's gradient except as a "
        "scale, with any number of features, any embedding, with or without batch norm. Layers "
        "behind the class, or a projection (Miyato and Koyama 2018), can let it through.",
        "`class_accuracy` is by the data set's detector: chance is one in the number of classes. "
        "`class_share` is the share of the pixels' variance that the class makes at one noise.",
        "Sizes are the authors' (`bench show cgan`), except that the tiers classroom and cpu have 16 "
        "channels in place of 64 and lr 1e-3 in place of 2e-4; nothing was searched. Embeddings stand "
        "behind a sigmoid.",
    ),
)
