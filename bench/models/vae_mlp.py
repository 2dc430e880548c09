"""Fully connected VAE (Kingma and Welling 2014, arXiv 1312.6114)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from bench.config import LARGEST, LAYER_SIZES, Activation
from bench.models import Preset, model
from bench.records import DataSpec, Scalar
from bench.variational.settings import VaeSettings

if TYPE_CHECKING:
    from bench.contracts import Trainable


class Settings(VaeSettings):
    """Settings of the fully connected VAE."""

    hidden: str = Field(
        "400",
        pattern=LAYER_SIZES,
        examples=["512-256"],
        description="units of the encoder's layers; the decoder's are these reversed",
    )
    decoder_act: Activation = Field("relu", description="between the decoder's layers")
    latent_dim: int = Field(20, ge=1, le=1024, description="size of z")
    lr: float = Field(1e-3, gt=0, le=LARGEST, description="Adam's learning rate")
    kl_warmup: float = Field(0.0, ge=0, le=1, description="share of the budget with a rising KL")


PLANE: dict[str, Scalar] = {
    "model.hidden": "512-256",
    "model.latent_dim": 2,
    "model.likelihood": "bernoulli_gray",
}
EIGHT: dict[str, Scalar] = {
    "model.latent_dim": 8,
    "model.encoder_act": "leaky_relu",
    "model.likelihood": "bernoulli_gray",
}


@model(
    "vae_mlp",
    settings=Settings,
    family="vae",
    paper="Kingma and Welling 2014, arXiv 1312.6114",
    defaults={"train.batch_size": 128},
    presets={
        "burda2016": Preset(
            "Burda et al. 2016, arXiv 1509.00519, the VAE of one stochastic layer with k = 1; "
            "num_images is to be 3,280 epochs for its eight stages",
            {
                "model.hidden": "200-200",
                "model.latent_dim": 50,
                "model.encoder_act": "tanh",
                "model.decoder_act": "tanh",
                "model.lr_stages": 8,
                "model.adam_eps": 1e-4,
                "train.batch_size": 20,
            },
        ),
        "conditional": Preset(
            "Kingma et al. 2014, arXiv 1406.5298, model M2", {"model.conditional": True}
        ),
        "experiment_a": Preset(
            "experiment A: 784-512-256-2 and back, binary cross-entropy on gray values", PLANE
        ),
        "experiment_a_full_covariance": Preset(
            "experiment A with z = mu + L eps", {**PLANE, "model.posterior": "full_covariance"}
        ),
        "experiment_b": Preset(
            "experiment B: 784-256; its squared error, neither halved nor averaged over pixels, "
            "is sigma^2 = 1/2; z of 20 is ours",
            {"model.hidden": "256", "model.likelihood": "gaussian", "model.sigma": 0.7071},
        ),
        "experiment_c": Preset(
            "experiment C: z of 8, leaky ReLU in the encoder, ReLU in the decoder; 400 units are ours",
            EIGHT,
        ),
        "experiment_c_flow": Preset(
            "experiment C with a normalising flow as prior", {**EIGHT, "model.prior": "flow"}
        ),
        "iwae": Preset("Burda et al. 2016, arXiv 1509.00519, k = 5", {"model.num_importance": 5}),
        "pythae": Preset(
            "Chadebec et al. 2022, arXiv 2206.08309, the VAE of its IWAE reproduction: z of 40, one fixed draw of "
            "each pixel",
            {
                "model.hidden": "400",
                "model.latent_dim": 40,
                "model.likelihood": "bernoulli_fixed",
            },
        ),
        "vamp": Preset("Tomczak and Welling 2018, arXiv 1705.07120", {"model.prior": "vamp"}),
        "wu2017": Preset(
            "Wu et al. 2017, arXiv 1611.04273, VAE-10: a decoder of 10-64-256-256-1024-784 with tanh, "
            "its mirror image as encoder; one learned sigma",
            {
                "model.hidden": "1024-256-256-64",
                "model.latent_dim": 10,
                "model.encoder_act": "tanh",
                "model.decoder_act": "tanh",
                "model.likelihood": "gaussian_learned",
            },
        ),
    },
)
def build(settings: Settings, spec: DataSpec) -> Trainable:
    """Fully connected VAE: D-400-20-400-D by default, ReLU."""
    from bench.networks import MlpDecoder, MlpEncoder, activation, layer_sizes
    from bench.variational.assembly import assemble

    *outer, last = units = layer_sizes(settings.hidden)
    act = activation(settings.encoder_act)
    return assemble(
        settings,
        spec,
        features=MlpEncoder(spec.shape, hidden=outer, out_dim=last, act=act),
        feature_dim=last,
        encoder_act=act(),
        decoder=lambda shape, in_dim: MlpDecoder(
            shape,
            hidden=units[::-1],
            in_dim=in_dim,
            act=activation(settings.decoder_act),
        ),
    )
