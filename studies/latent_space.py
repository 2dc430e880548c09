"""The latent space of a VAE against a GAN that fails and one that is tuned (experiment B).

bench run --study latent_space                                   15 runs on digits, minutes
bench run --study latent_space --tier cpu                        MNIST, 100,000 images
bench run --study latent_space --tier lab                        MNIST, the published sizes
"""

from bench.plan import ROSE, Arm, Claim, Planned, Study, Tier

STUDY = Study(
    name="latent_space",
    question="How do a VAE and a GAN differ in training, and what lies in the VAE's latent space?",
    arms=(
        Arm(name="vae", model="vae_mlp:experiment_b"),
        Arm(name="gan_first", model="gan_mlp:experiment_b"),
        Arm(name="gan_tuned", model="gan_mlp"),
        Arm(name="vae_gan", model="vae_gan"),
    ),
    baselines=("memoriser", "pixel_gaussian", "uniform_noise"),
    comparisons=(
        Planned(a="vae", b="gan_first"),
        Planned(a="vae", b="gan_tuned"),
        Planned(a="vae_gan", b="vae"),
    ),
    claims=(
        Claim(
            reported="the VAE's loss falls steadily, the GAN's losses fluctuate and spike",
            protocol="MNIST, one run each, curves looked at",
            measure=ROSE,
            arms=("vae", "gan_tuned"),
            winner="vae",
        ),
        Claim(
            reported="samples of the VAE are judged better",
            protocol="MNIST, one run each, by eye",
            measure="distance",
            arms=("vae", "gan_tuned"),
            winner="vae",
        ),
        Claim(
            reported="the same, of the GAN before it was tuned",
            protocol="MNIST, one run each, by eye",
            measure="distance",
            arms=("vae", "gan_first"),
            winner="vae",
        ),
        Claim(
            reported="test codes shown in the colour of their digit; no number",
            protocol="MNIST, test codes in colour",
            measure="knn_accuracy",
            arms=("vae", "vae_gan"),
            better="higher",
        ),
        Claim(
            reported="the same",
            protocol="MNIST, test codes in colour",
            measure="silhouette",
            arms=("vae", "vae_gan"),
            better="higher",
        ),
        Claim(
            reported="future work: a hybrid of VAE and GAN",
            protocol="none",
            measure="distance",
            arms=("vae_gan", "vae"),
            winner="vae_gan",
            beyond=True,
        ),
    ),
    tiers={
        "classroom": Tier(
            dataset="digits",
            takes="3 minutes of processor time, half of that on two cores",
            settings={
                "train.num_images": 24_000,
                "train.batch_size": 32,
                "train.num_validations": 4,
                "eval.floors": True,
            },
            # sigma^2 = 1/2 says nothing of 64 pixels: every VAE of digits collapses under it.
            arms={"vae": {"model.sigma": 0.2}},
        ),
        "cpu": Tier(
            dataset="mnist",
            settings={
                "train.num_images": 100_000,  # nearly 2 epochs; the sizes are as published
                "train.num_validations": 4,
                "eval.floors": True,
            },
        ),
        "lab": Tier(
            dataset="mnist",
            settings={
                "train.num_images": 540_000,  # 10 epochs of 54,000
                "train.num_validations": 10,
                "eval.floors": True,
                "eval.also": "random",
            },
        ),
    },
    notes=(
        "`vae` has the authors' layers and, on MNIST, their squared error (sigma^2 = 1/2); on "
        "digits sigma is 0.2, since the VAE collapses under theirs.",
        "`gan_first` has the VAE's layer and the rates of Radford et al. 2016, `gan_tuned` the "
        "defaults of `gan_mlp`. `vae_gan` is convolutional.",
        "Codes are posterior means; they are of validation images in pictures, of test images in "
        "`knn_accuracy` and `silhouette`.",
    ),
)
