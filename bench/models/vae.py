"""Convolutional VAE of depth 1 to 5 (Kingma and Welling 2014, arXiv 1312.6114).

Its norm is the best of a search of equal size: batch, layer or none at four rates, MNIST, 25,000
images, width 16, depth 3, seed 0, validation distance `fd_mnist_n2000`:

| rate | batch | the same in training mode | layer | none |
|---|---|---|---|---|
| 0.001 | 1,650 | 1,271 | 1,372 | 1,326 |
| 0.002 | 1,369 | 1,013 | 1,093 | 1,055 |
| 0.004 | 1,176 | 786 | 829 | 835 |
| 0.008 | 1,089 | 739 | 678 | 865 |

Batch norm keeps statistics of encoded images, and samples are decoded from the prior. At a rate
of 0.016 layer norm collapses. At 0.004 and depths 4 and 5 layer norm has 718 and 858, batch norm
743 and 869 (in training mode 539 and 652: statistics of prior draws would do better still). On
digits (12,000 images, `fd_digits_n297`) batch norm has 306 at its best rate, 0.004, layer norm 360
at 0.002, none 955 at 0.002, which collapses: studies on digits keep batch norm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator

from bench.config import Activation, Norm
from bench.models import Preset, model
from bench.records import DataSpec, Scalar
from bench.variational.settings import VaeSettings

if TYPE_CHECKING:
    from bench.contracts import Trainable


class Settings(VaeSettings):
    """Settings of the convolutional VAE."""

    depth: int = Field(3, ge=1, le=5, description="strided layers in encoder and decoder")
    width: int = Field(16, ge=1, le=512, description="channels of the layer next to the image")
    h_dim: int = Field(
        128, ge=1, le=16_384, description="features between convolutions and latent heads"
    )
    encoder_act: Activation = Field("leaky_relu", description="between the encoder's layers")
    stack_norm: Norm = Field("layer", description="in encoder and decoder")
    output: Literal["sigmoid", "tanh", "norm_tanh"] = Field(
        "sigmoid", description="of a gaussian's mean; norm_tanh: batch norm before it"
    )

    @model_validator(mode="after")
    def _tanh_of_a_mean(self) -> Self:
        if self.output != "sigmoid" and self.likelihood not in {"gaussian", "gaussian_learned"}:
            raise ValueError(
                f"output={self.output} is for the mean of likelihood=gaussian or gaussian_learned, "
                f"got {self.likelihood}: leave output at sigmoid"
            )
        return self


THIRTY_TWO: dict[str, Scalar] = {
    "model.latent_dim": 32,
    "model.likelihood": "bernoulli_gray",
    "model.kl_warmup": 0.0,
    "model.lr": 1e-3,
}
EXPERIMENT_E: dict[str, Scalar] = {
    "model.depth": 5,
    "model.latent_dim": 100,
    "model.lr": 3e-4,
    "model.encoder_act": "relu",
    "model.stack_norm": "batch",
    "model.output": "tanh",
    "model.likelihood": "gaussian",
    "model.sigma": 0.354,
    "model.kl_warmup": 0.0,
}


@model(
    "vae",
    settings=Settings,
    family="vae",
    paper="Kingma and Welling 2014, arXiv 1312.6114",
    defaults={"train.batch_size": 32},
    presets={
        "conditional": Preset(
            "Kingma et al. 2014, arXiv 1406.5298, model M2", {"model.conditional": True}
        ),
        "experiment_c": Preset(
            "experiment C on SVHN: z of 32, leaky ReLU in the encoder, ReLU in the decoder; depth and "
            "width are ours",
            THIRTY_TWO,
        ),
        "experiment_c_flow": Preset(
            "experiment C with a normalising flow as prior", {**THIRTY_TWO, "model.prior": "flow"}
        ),
        "experiment_e": Preset(
            "experiment E: depth 5, z of 100, lr 3e-4; its squared error of images in [-1, 1] is "
            "sigma 0.354; our stacks, with a convolution more at the image",
            EXPERIMENT_E,
        ),
        "experiment_e_output_norm": Preset(
            "experiment E with batch norm before the tanh",
            {**EXPERIMENT_E, "model.output": "norm_tanh"},
        ),
        "vamp": Preset("Tomczak and Welling 2018, arXiv 1705.07120", {"model.prior": "vamp"}),
    },
)
def build(settings: Settings, spec: DataSpec) -> Trainable:
    """Convolutional VAE: (convolution, layer norm, leaky ReLU) x depth and its mirror image."""
    from bench.networks import ConvDecoder, ConvEncoder, activation
    from bench.variational.assembly import assemble

    act = activation(settings.encoder_act)
    return assemble(
        settings,
        spec,
        features=ConvEncoder(
            spec.shape,
            depth=settings.depth,
            width=settings.width,
            out_dim=settings.h_dim,
            norm=settings.stack_norm,
            act=act,
        ),
        feature_dim=settings.h_dim,
        encoder_act=act(),
        decoder=lambda shape, in_dim: ConvDecoder(
            shape,
            depth=settings.depth,
            width=settings.width,
            in_dim=in_dim,
            norm=settings.stack_norm,
            ends_in_norm=settings.output == "norm_tanh",
            # The likelihood's sigmoid of twice a value is its tanh, mapped to [0, 1].
            scale=1.0 if settings.output == "sigmoid" else 2.0,
        ),
    )
