"""Does depth still change what a VAE, a GAN and a WGAN learn where all have as many parameters?

bench run --study depth_sweep_equal                              63 runs on digits and 12 on fresh seeds
bench run --study depth_sweep_equal --tier lab --set width=16 --set num_images=25000    MNIST on a CPU
"""

from bench.plan import load_study

DEPTH = load_study("depth_sweep")

STUDY = DEPTH.model_copy(
    update={
        "name": "depth_sweep_equal",
        "question": (
            "How does depth change what a VAE, a GAN and a WGAN learn within one budget, all of them "
            "with as many parameters?"
        ),
        "hold_parameters": {"model.depth": 3},
        "claims": (),
        "notes": (
            *DEPTH.notes,
            "Every depth has the width at which its number of parameters is nearest to that of "
            "depth 3 in the same family (protocol rule 23), at width 16 within 1.9 % on digits and "
            "within 3.0 % on MNIST. Depth 1 is wider than depth 3 on digits and narrower on MNIST, "
            "where its dense layer is the larger part.",
        ),
    }
)
