"""What every VAE is set by; no torch here, so that a model is configured without it."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from bench.config import LARGEST, Activation, ModelSettings


class VaeSettings(ModelSettings):
    """Settings that every VAE has."""

    latent_dim: int = Field(16, ge=1, le=1024, description="size of z")
    conditional: bool = Field(False, description="encoder and decoder see the class")
    encoder_act: Activation = Field("relu", description="between the encoder's layers")
    likelihood: str = Field("bernoulli_resampled", description="registered likelihood")
    sigma: float = Field(
        0.354,
        ge=1e-6,
        le=1e6,
        description="gaussian: standard deviation; discretised_logistic: scale; learned: first one",
    )
    posterior: str = Field("diagonal", description="registered posterior")
    prior: str = Field("standard", description="registered prior")
    prior_layers: int = Field(6, ge=1, le=64, description="flow: coupling layers")
    prior_hidden: int = Field(
        64, ge=1, le=16_384, description="flow: units of a coupling's hidden layers"
    )
    prior_components: int = Field(100, ge=1, le=100_000, description="vamp: pseudo-inputs")
    kl_weight: float = Field(
        1.0, ge=0, le=LARGEST, description="KL factor of the training loss (beta)"
    )
    kl_warmup: float = Field(0.5, ge=0, le=1, description="share of the budget with a rising KL")
    free_nats: float = Field(
        0.0, ge=0, le=LARGEST, description="KL of each latent that costs nothing"
    )
    num_importance: int = Field(
        1, ge=1, le=5000, description="z per image in the importance-weighted bound; 1: the ELBO"
    )
    lr: float = Field(2e-3, gt=0, le=LARGEST, description="Adam's learning rate")
    lr_stages: int = Field(
        1, ge=1, le=10, description="stage i lasts 3^i units of the budget at lr * 10^(-i/7)"
    )
    adam_eps: float = Field(1e-8, gt=0, le=1, description="Adam's epsilon")

    @model_validator(mode="after")
    def _one_objective(self) -> Self:
        if self.num_importance > 1:
            for key, plain in (("kl_weight", 1.0), ("kl_warmup", 0.0), ("free_nats", 0.0)):
                if getattr(self, key) != plain:
                    raise ValueError(
                        f"num_importance={self.num_importance} trains a bound without a KL term "
                        f"of its own, and {key}={getattr(self, key)} weighs one: set {key}={plain}"
                    )
        return self
