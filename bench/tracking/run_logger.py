"""Writes to one run of MLflow."""

from __future__ import annotations

import io
import json
import tempfile
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from bench.images import Picture, to_png
from bench.records import SplitInput
from bench.tracking.long_tags import LONGEST_TAG, parted

if TYPE_CHECKING:
    from mlflow.entities import Dataset
    from mlflow.tracking import MlflowClient

AT_ONCE, TAGS_AT_ONCE = 800, 90
"""In one request; MLflow takes 1,000 of values, tags and parameters, of the last two 100 each."""
NONE: Mapping[str, str] = MappingProxyType({})
THUMBNAIL = 256
"""Pixels of the longer side of what MLflow's UI shows in a row of pictures."""
IMAGES = "images"
"""Where a run's artifacts hold the pictures of every step."""


def image_start(name: str, step: int) -> str:
    """How the file of a picture of a step begins, as MLflow's ``log_image`` has it."""
    return f"{name}+step+{step}+"


class Value(NamedTuple):
    """A metric's value at a step, and when it was logged, in milliseconds."""

    name: str
    value: float
    step: int
    at: int


class Shown(NamedTuple):
    """A picture at a step, and when it was logged."""

    name: str
    png: bytes
    step: int
    at: int


class RunLogger:
    """Writes to one MLflow run, at once.

    Args:
        client: Of the store.
        run_id: The run.
    """

    def __init__(self, client: MlflowClient, run_id: str) -> None:
        self._client, self.run_id = client, run_id

    def tags(self, values: Mapping[str, str]) -> None:
        """Sets tags."""
        self.send((), values)

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        """Adds values at a step."""
        now = int(time.time() * 1000)
        self.send([Value(name, float(value), step, now) for name, value in values.items()], {})

    def picture(self, name: str, picture: Picture, step: int) -> None:
        """Adds one picture at a step."""
        self.send((), {}, pictures=[Shown(name, to_png(picture), step, int(time.time() * 1000))])

    def flush(self) -> None:
        """Everything is stored already."""

    def send(
        self,
        values: Sequence[Value],
        tags: Mapping[str, str],
        *,
        params: Mapping[str, str] = NONE,
        pictures: Sequence[Shown] = (),
    ) -> None:
        """Adds what was logged, that which is there already once, and sets tags."""
        from mlflow.entities import Metric, Param, RunTag

        metrics = [Metric(each.name, each.value, each.at, each.step) for each in values]
        pairs = [RunTag(key, text) for key, text in parted(tags, LONGEST_TAG).items()]
        pairs += [RunTag("mlflow.loggedImages", "True")] if pictures else []
        known = [Param(key, text) for key, text in params.items()]
        while metrics or pairs or known:
            self._client.log_batch(
                self.run_id, metrics=metrics[:AT_ONCE], tags=pairs[:TAGS_AT_ONCE], params=known
            )
            del metrics[:AT_ONCE], pairs[:TAGS_AT_ONCE], known[:]
        if pictures:
            self._send(pictures)

    def _send(self, pictures: Sequence[Shown]) -> None:
        """Under the time slider of the UI, and as ``pictures/<name>.png``, the latest.

        As ``log_image`` does it, but under the same names when they are sent again.
        """
        with tempfile.TemporaryDirectory() as made:
            images, latest = Path(made) / IMAGES, Path(made) / "pictures"
            images.mkdir()
            latest.mkdir()
            for name, png, step, at in pictures:
                unique = uuid.uuid5(uuid.NAMESPACE_OID, f"{self.run_id}/{name}/{step}")
                stem = f"{image_start(name, step)}timestamp+{at}+{unique}"
                (images / f"{stem}.png").write_bytes(png)
                (images / f"{stem}+compressed.webp").write_bytes(_thumbnail(png))
                (latest / f"{name}.png").write_bytes(png)
            self._client.log_artifacts(self.run_id, made)

    def inputs(self, splits: Sequence[SplitInput]) -> None:
        """Lists data sets that the run was given, which MLflow holds once by name and digest."""
        from mlflow.entities import DatasetInput, InputTag

        self._client.log_inputs(
            self.run_id,
            [
                DatasetInput(_dataset(each), [InputTag("mlflow.data.context", each.split)])
                for each in splits
            ],
        )

    def send_state(self, state: str, at: int) -> None:
        """Marks the run ``RUNNING``, or ended at that time as ``KILLED``, ``FINISHED``, ``FAILED``."""
        if state == "RUNNING":
            self._client.update_run(self.run_id, status=state)
        else:
            self._client.set_terminated(self.run_id, status=state, end_time=at)


def _dataset(split: SplitInput) -> Dataset:
    """As MLflow's own ``NumpyDataset`` describes arrays."""
    from mlflow.entities import Dataset

    kinds = {"features": (split.dtype, [-1, *split.shape[1:]])}
    kinds |= {"targets": ("int64", [-1])} if split.has_labels else {}
    schema = {
        what: json.dumps([{"type": "tensor", "tensor-spec": {"dtype": dtype, "shape": shape}}])
        for what, (dtype, shape) in kinds.items()
    }
    return Dataset(
        name=split.dataset,
        digest=split.digest,
        source_type="code",
        source=json.dumps({"tags": {"data.dataset": split.dataset, "split": split.split}}),
        schema=json.dumps({"mlflow_tensorspec": {"targets": None, **schema}}),
        profile=json.dumps({"features_shape": list(split.shape)}),
    )


def _thumbnail(png: bytes) -> bytes:
    from PIL import Image

    with Image.open(io.BytesIO(png)) as picture:
        scale = THUMBNAIL / max(picture.size)
        width, height = (max(1, int(side * scale)) for side in picture.size)
        small = picture.resize((width, height), Image.Resampling.BILINEAR)
    buffer = io.BytesIO()
    small.save(
        buffer, format="WEBP", method=0
    )  # a third of the time, and no larger than it matters
    return buffer.getvalue()
