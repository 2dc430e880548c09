"""Writes to one run of MLflow."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from mlflow.entities import Metric, RunTag
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from bench.images import Picture, to_png
from bench.text import masked

FLUSH_SECONDS = 5.0
FLUSH_ITEMS = 900
LONGEST_TAG = 4_000


class RunLogger:
    """Writes to one MLflow run; metrics are buffered and sent in batches.

    Args:
        client: Of the store.
        run_id: The run.
    """

    def __init__(self, client: MlflowClient, run_id: str) -> None:
        self._client, self.run_id = client, run_id
        self._buffer: list[Metric] = []
        self._last_flush = time.monotonic()

    def tags(self, values: Mapping[str, str]) -> None:
        """Sets tags; a long value is cut at 4,000 characters."""
        pairs = [RunTag(key, masked(str(value))[:LONGEST_TAG]) for key, value in values.items()]
        self._client.log_batch(self.run_id, tags=pairs)

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        """Buffers values; sends them every few seconds."""
        now = int(time.time() * 1000)
        self._buffer += [Metric(key, float(value), now, step) for key, value in values.items()]
        waited = time.monotonic() - self._last_flush
        if len(self._buffer) >= FLUSH_ITEMS or waited > FLUSH_SECONDS:
            try:
                self.flush()
            except MlflowException as error:
                # Training goes on; the flush before the next checkpoint insists.
                print(f"tracking: {error}; the values are kept and sent later", file=sys.stderr)
                self._last_flush = time.monotonic()

    def picture(self, name: str, picture: Picture, step: int) -> None:
        """Logs it under the time slider of the UI, and as ``pictures/<name>.png``, the latest."""
        self._client.log_image(self.run_id, picture, key=name, step=step, synchronous=True)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"{name}.png"
            path.write_bytes(to_png(picture))
            self._client.log_artifact(self.run_id, str(path), "pictures")

    def flush(self) -> None:
        """Sends the buffer; it is kept when the store does not answer.

        Raises:
            MlflowException: The store does not answer.
        """
        while self._buffer:
            batch = self._buffer[:FLUSH_ITEMS]
            self._client.log_batch(self.run_id, metrics=batch)
            del self._buffer[: len(batch)]
        self._last_flush = time.monotonic()
