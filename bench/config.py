"""What a user writes: a frozen, checked configuration, its flat form and its digest."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializeAsAny,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo

from bench.dataset_names import DatasetName
from bench.errors import UsageError
from bench.records import Scalar
from bench.registry import closest
from bench.text import shown

Flat = dict[str, Scalar]
"""``{"model": "vae", "model.depth": 3, "train.seed": 0, ...}``: what is logged and overridden."""

LARGEST = 1e38
"""Of a setting that scales something: about what float32 holds."""

LONGEST = 4096
"""Characters of a setting that is a text: a path is no longer."""

Activation = Literal["relu", "leaky_relu", "tanh"]
Norm = Literal["batch", "layer", "none"]

LAYER_SIZES = r"^[1-9][0-9]{0,4}(-[1-9][0-9]{0,4}){0,31}$"
"""Units of up to 32 fully connected layers from the image inward, as a setting: ``512-256``."""

POSITIVE_OR_VAL = r"^(val|0?\.[0-9]*[1-9][0-9]*|[1-9][0-9]{0,3}(\.[0-9]+)?)$"
"""A decimal number above 0, or what stands for one chosen on validation."""

NUMBERS = (int, float)

Precision = Literal["fp32", "bf16", "tf32", "auto"]

UNSAID: dict[str, str] = {
    "data.stacks": "fixed",
    "eval.ais_sigma": "val",
    "model.class_act": "none",
    "model.generator_act": "relu",
    "model.generator_lr": "0.0",
    "model.hidden_act": "leaky_relu",
    "model.output": "sigmoid",
    "model.pack": "1",
    "model.stack_norm": "batch",
    "train.precision": "fp32",
}
"""Settings that runs were made without at first, at what they then had: no flat form says it, so that
such a run keeps its digest."""

COMMON = {
    "amp": "precision",
    "batch": "batch_size",
    "beta": "kl_weight",
    "bs": "batch_size",
    "budget": "num_images",
    "channels": "width",
    "clip": "clip_value",
    "critic_iters": "n_critic",
    "critic_steps": "n_critic",
    "data": "dataset",
    "dtype": "precision",
    "ema": "average",
    "epochs": "num_images",
    "filters": "width",
    "gp_lambda": "gp_weight",
    "gradient_penalty": "gp_weight",
    "iterations": "num_images",
    "kl_coef": "kl_weight",
    "lambda": "gp_weight",
    "lambda_gp": "gp_weight",
    "latent": "latent_dim",
    "latent_size": "latent_dim",
    "latents": "latent_dim",
    "layers": "depth",
    "learning_rate": "lr",
    "max_epochs": "num_images",
    "max_steps": "num_images",
    "metrics": "measures",
    "n_epochs": "num_images",
    "n_layers": "depth",
    "ndf": "width",
    "ngf": "width",
    "num_channels": "width",
    "num_epochs": "num_images",
    "num_layers": "depth",
    "num_steps": "num_images",
    "nz": "latent_dim",
    "random_seed": "seed",
    "steps": "num_images",
    "warmup": "kl_warmup",
    "weight_clip": "clip_value",
    "z_dim": "latent_dim",
    "z_size": "latent_dim",
}
"""Settings as they are called elsewhere."""

OUT_OF_RANGE = {"greater_than_equal", "greater_than", "less_than_equal", "less_than"}
"""What pydantic calls a number of the right type on the wrong side of a bound."""


class Settings(BaseModel):
    """A group of settings: keyword-only, frozen, no unknown keys, every value a scalar."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _number_is_a_number(cls, value: object, info: ValidationInfo) -> object:
        """A truth value is none, though Python counts with it."""
        number = cls.model_fields[info.field_name or ""].annotation in (*NUMBERS, int | None)
        if number and isinstance(value, bool):
            raise ValueError(f"a number is wanted, got {value}")
        return value

    @field_validator("*", mode="after")
    @classmethod
    def _no_negative_zero(cls, value: object) -> object:
        """So that 0 and -0 are one configuration."""
        return 0.0 if isinstance(value, float) and value == 0 else value

    @field_validator("*", mode="after")
    @classmethod
    def _can_be_kept(cls, value: object) -> object:
        """No database, file system or JSON takes a NUL or half of a character; nothing, 1e300."""
        if isinstance(value, str) and (
            len(value) > LONGEST or "\0" in value or not is_whole(value)
        ):
            raise ValueError(f"whole text of at most {LONGEST} characters is wanted")
        if isinstance(value, NUMBERS) and abs(value) > LARGEST:
            raise ValueError(f"at most {LARGEST} is wanted")
        return value


class ModelSettings(Settings):
    """Base of every model's settings; each model file adds its own fields."""


class DataSettings(Settings):
    """Which images."""

    dataset: DatasetName = Field("digits", description="registered name, folder:PATH or npz:PATH")
    stacks: Literal["fixed", "anew"] = Field(
        "fixed", description="stacks that are trained on: the data set's, or drawn anew each step"
    )


class TrainSettings(Settings):
    """How long and in what order."""

    num_images: int = Field(24_000, ge=2, le=10**12, description="budget: real images seen")
    batch_size: int = Field(64, ge=2, le=10**6, description="real images per step")
    seed: int = Field(0, ge=0, le=2**31 - 1, description="the run's only source of randomness")
    num_logs: int = Field(40, ge=1, le=10**5, description="points of each training curve")
    num_validations: int = Field(4, ge=1, le=10**4, description="validations; divides num_logs")
    precision: Precision = Field(
        "fp32", description="of the networks; auto: bf16 if a timed check gains, decided once"
    )

    @model_validator(mode="after")
    def _cadences_divide(self) -> Self:
        if self.num_logs % self.num_validations:
            raise ValueError(
                f"num_validations must divide num_logs={self.num_logs}, got {self.num_validations}"
            )
        return self

    @property
    def num_steps(self) -> int:
        """Training steps: the budget in batches, rounded up."""
        return -(-self.num_images // self.batch_size)


class EvalSettings(Settings):
    """What is measured on held-out data."""

    detector: str = Field("auto", description="feature network; auto: the data set's own")
    also: str = Field(
        "none", description="further feature networks at the end, such as inception,random"
    )
    measures: str = Field("none", description="measures on request at the end: iwae_5000,ais")
    max_samples: int = Field(
        10_000,
        ge=2,
        le=10**7,
        description="generated images per distance, at most the split's size",
    )
    max_val_samples: int = Field(
        10_000,
        ge=2,
        le=10**7,
        description="the same for validation, and for the test value beside it",
    )
    likelihood_images: int = Field(
        1_000, ge=1, le=10**7, description="held-out images for importance-weighted bounds"
    )
    ais_sigma: str = Field(
        "val",
        pattern=POSITIVE_OR_VAL,
        examples=["0.1"],
        description="noise of ais; val: chosen on validation, for each run",
    )
    floors: bool = Field(False, description="measure real against real (protocol rule 12)")


class RunConfig(Settings):
    """One run, whole: the model with its settings, data, training, evaluation."""

    name: str
    model: SerializeAsAny[ModelSettings]
    data: DataSettings = DataSettings()
    train: TrainSettings = TrainSettings()
    eval: EvalSettings = EvalSettings()

    def settings(self) -> Flat:
        """Every setting by its dotted key; ``model`` holds the model's registered name."""
        groups = self.model_dump(exclude={"name"}).items()
        values = {f"{group}.{key}": value for group, part in groups for key, value in part.items()}
        return {"model": self.name, **values}

    def flat(self) -> Flat:
        """The settings that are logged and digested: all but those that are ``UNSAID``."""
        every = self.settings().items()
        return {key: value for key, value in every if UNSAID.get(key) != str(value)}

    def params(self) -> dict[str, str]:
        """The flat form as tracking keeps it, each value as text."""
        return {key: str(value) for key, value in self.flat().items()}

    @property
    def digest(self) -> str:
        """First 16 hex digits of the SHA-256 of the flat form.

        Raises:
            ValueError: Its precision is still to be decided: such a run would have another name
                on another machine.
        """
        if self.train.precision == "auto":
            raise ValueError(
                "precision auto is decided when a run is planned, before it has a name"
            )
        return digest(self.flat())


def digest(values: Mapping[str, object]) -> str:
    """First 16 hex digits of the SHA-256 of a mapping's canonical JSON."""
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def dataset_slug(dataset: str) -> str:
    """A data set's name fit for files: ``digits``, or ``npz_cells_1a2b3c`` with its path's digest."""
    kind, colon, path = dataset.partition(":")
    if not colon:
        return kind
    place = Path(path).expanduser().absolute()
    said = re.sub("[^a-z0-9]+", "_", kind)  # folder,resize=32,gray
    return f"{said}_{place.stem}_{digest({'path': str(place)})[:6]}"


def build_config(
    name: str, settings: type[ModelSettings], *layers: Mapping[str, object]
) -> RunConfig:
    """The configuration of model ``name``: each layer of values over the ones before it.

    Args:
        name: The model's registered name.
        settings: The model's settings class.
        layers: Flat keys, full or, where unique, without their prefix; text is converted.

    Raises:
        UsageError: An unknown or ambiguous key, a wrong type or a value out of range.
    """
    known = known_keys(settings)
    flat = {full_key(key, known): value for layer in layers for key, value in layer.items()}
    parts = {group: _checked(cls, group, flat) for group, cls in _groups(settings).items()}
    return RunConfig.model_validate({"name": name, **parts})


def in_precision(config: RunConfig, precision: Precision) -> RunConfig:
    """The configuration with that in place of ``auto``; one that names its own keeps it."""
    if config.train.precision != "auto":
        return config
    train = config.train.model_copy(update={"precision": precision})
    return config.model_copy(update={"train": train})


def listed(text: str) -> tuple[str, ...]:
    """The names in a setting that is a list: ``"a,b"`` to a and b, ``"none"`` to nothing."""
    names = (part.strip() for part in text.split(","))
    return tuple(name for name in names if name and name != "none")


def known_keys(settings: type[ModelSettings]) -> list[str]:
    """Every flat key that a run of a model with these settings takes."""
    return [
        f"{group}.{key}" for group, cls in _groups(settings).items() for key in cls.model_fields
    ]


def full_key(key: str, known: list[str]) -> str:
    """The full dotted key that ``key`` stands for.

    Raises:
        UsageError: No such key, or a short key that several groups have.
    """
    if key in known:
        return key
    matches = [name for name in known if name.split(".", 1)[1] == key]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise UsageError(f"key '{key}' is ambiguous: write {' or '.join(matches)}")
    short = [name.split(".", 1)[1] for name in known]
    called = COMMON.get(key.rpartition(".")[2].lower().replace("-", "_"), "")
    if called in short:
        raise UsageError(f"unknown key {shown(key)}: a setting here is {ask_for(called)}")
    pool = known if "." in key else short
    raise UsageError(closest(key, pool, kind="key", what="known"))


def ask_for(key: str, value: str = "VALUE") -> str:
    """``--set lr=VALUE``, with what the number counts where other programs count something else."""
    counts = ", in real images seen: epochs times the images of the train split"
    return f"--set {key}={value}{counts if key == 'num_images' else ''}"


def parse_assignments(assignments: list[str]) -> dict[str, str]:
    """``["depth=3", "lr=3e-4"]`` to a dictionary of text.

    Raises:
        UsageError: An item without ``=``, or a key given twice.
    """
    values: dict[str, str] = {}
    for item in assignments:
        key, sep, value = (part.strip() for part in item.partition("="))
        if not sep or not key:
            raise UsageError(f"--set takes key=value, got '{item}': write for example depth=3")
        # ``depth`` and ``model.depth`` are one key.
        ends = [(f".{key}", f".{other}") for other in values]
        if any(new.endswith(old) or old.endswith(new) for new, old in ends):
            raise UsageError(f"--set names '{key}' twice: keep one")
        values[key] = value
    return values


def describe(settings: type[ModelSettings]) -> list[tuple[str, Scalar, str, str]]:
    """Rows (flat key, default, range, description) of everything a run of this model takes."""
    return [
        (f"{group}.{key}", field.default, _range(field), field.description or "")
        for group, cls in _groups(settings).items()
        for key, field in cls.model_fields.items()
    ]


def _groups(settings: type[ModelSettings]) -> dict[str, type[Settings]]:
    return {"model": settings, "data": DataSettings, "train": TrainSettings, "eval": EvalSettings}


def _checked(cls: type[Settings], group: str, flat: Mapping[str, object]) -> Settings:
    fields = {key: f"{group}.{key}" for key in cls.model_fields}
    try:
        return cls.model_validate({key: flat[full] for key, full in fields.items() if full in flat})
    except ValidationError as error:
        first = error.errors()[0]
        if not first["loc"]:
            raise UsageError(f"{group}: {first['msg'].removeprefix('Value error, ')}") from None
        key = str(first["loc"][0])
        raise UsageError(
            f"{group}.{key} must be {_expected(cls.model_fields[key], first['type'])}, got "
            f"{shown(first['input'])}: change it with --set {key}=VALUE"
        ) from None


def is_whole(text: str) -> bool:
    """Whether no character of a text is a half of one, as names that are no UTF-8 give."""
    return not any("\ud800" <= each <= "\udfff" for each in text)


def _expected(field: FieldInfo, problem: str) -> str:
    """What a setting takes; its type where that is what was wrong."""
    limits, kind = _range(field), _type_name(field)
    if not limits:
        most = f"{LONGEST} characters" if kind == "text" else f"{LARGEST}"
        return kind if field.annotation is bool else f"{kind} of at most {most}"
    is_number = field.annotation in NUMBERS
    return f"{kind} {limits}" if is_number and problem not in OUT_OF_RANGE else limits


def _range(field: FieldInfo) -> str:
    """``in 1..5``, ``> 0``, ``one of a, b``, ``like 512-256``, or an empty text."""
    if field.examples:
        return f"like {field.examples[0]}"
    bounds = {
        name: getattr(m, name)
        for m in field.metadata
        for name in ("ge", "gt", "le", "lt")
        if hasattr(m, name)
    }
    if "ge" in bounds and "le" in bounds:
        return f"in {bounds['ge']:,}..{bounds['le']:,}"
    signs = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
    if bounds:
        return " and ".join(f"{signs[name]} {value:,}" for name, value in bounds.items())
    choices = getattr(field.annotation, "__args__", ())
    return f"one of {', '.join(map(str, choices))}" if choices else ""


def _type_name(field: FieldInfo) -> str:
    names: dict[Any, str] = {
        int: "a whole number",
        float: "a number",
        bool: "true or false",
        str: "text",
    }
    return names.get(field.annotation, str(field.annotation))
