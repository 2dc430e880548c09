"""Writes to one run of MLflow."""

from __future__ import annotations

import io
import logging
import tempfile
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from mlflow.entities import Metric, RunTag
from mlflow.tracking import MlflowClient

from bench.images import Picture, to_png
from bench.tracking.long_tags import LONGEST_TAG, parted

AT_ONCE, TAGS_AT_ONCE = 900, 90
"""In one request; MLflow takes 1,000 values and 100 tags."""
THUMBNAIL = 256
"""Pixels of the longer side of what MLflow's UI shows in a row of pictures."""

# A store that is busy or gone is waited for, which is said in one line: no traceback for each try.
for _name in ("mlflow.store.db.utils", "urllib3.connectionpool"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)


class Value(NamedTuple):
    """A metric's value at a step, and when it was logged, in milliseconds."""

    name: str
    value: float
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
        self.send_picture(name, to_png(picture), step, int(time.time() * 1000))

    def flush(self) -> None:
        """Everything is stored already."""

    def send(self, values: Sequence[Value], tags: Mapping[str, str]) -> None:
        """Adds values as they were logged, those that are there already once, and sets tags."""
        metrics = [Metric(each.name, each.value, each.at, each.step) for each in values]
        pairs = [RunTag(key, text) for key, text in parted(tags, LONGEST_TAG).items()]
        while metrics or pairs:
            self._client.log_batch(
                self.run_id, metrics=metrics[:AT_ONCE], tags=pairs[:TAGS_AT_ONCE]
            )
            del metrics[:AT_ONCE], pairs[:TAGS_AT_ONCE]

    def send_picture(self, name: str, png: bytes, step: int, at: int) -> None:
        """Under the time slider of the UI, and as ``pictures/<name>.png``, the latest.

        As ``log_image`` does it, but under the same names when it is sent again.
        """
        unique = uuid.uuid5(uuid.NAMESPACE_OID, f"{self.run_id}/{name}/{step}")
        stem = f"{name}+step+{step}+timestamp+{at}+{unique}"
        with tempfile.TemporaryDirectory() as made:
            for folder in ("images", "pictures"):
                (Path(made) / folder).mkdir()
            (Path(made) / "images" / f"{stem}.png").write_bytes(png)
            (Path(made) / "images" / f"{stem}+compressed.webp").write_bytes(_thumbnail(png))
            (Path(made) / "pictures" / f"{name}.png").write_bytes(png)
            self._client.log_artifacts(self.run_id, made)
        self._client.log_batch(self.run_id, tags=[RunTag("mlflow.loggedImages", "True")])

    def send_state(self, state: str, at: int) -> None:
        """Marks the run ``RUNNING``, or ended at that time as ``KILLED``, ``FINISHED``, ``FAILED``."""
        if state == "RUNNING":
            self._client.update_run(self.run_id, status=state)
        else:
            self._client.set_terminated(self.run_id, status=state, end_time=at)


def _thumbnail(png: bytes) -> bytes:
    from PIL import Image

    with Image.open(io.BytesIO(png)) as picture:
        scale = THUMBNAIL / max(picture.size)
        width, height = (max(1, int(side * scale)) for side in picture.size)
        small = picture.resize((width, height))
    buffer = io.BytesIO()
    small.save(buffer, format="WEBP")
    return buffer.getvalue()
