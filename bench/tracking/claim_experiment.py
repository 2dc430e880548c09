"""A claim as an experiment of MLflow, whose name every store makes unique.

A claim is the experiment ``.claim/NAME/N``; to let go of it is to delete it, and the next one is
``N + 1``. MLflow shows it in its lists while it is held, the commands of this package never do.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from typing import TYPE_CHECKING

from bench.tracking.claim import Held
from bench.tracking.opening import no_retries

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

PREFIX = ".claim/"
HOLDER, BEAT = "holder", "heartbeat"


class ExperimentPlace:
    """The experiments that are claims on one name.

    Args:
        client: Of the store.
        name: What is claimed.
    """

    def __init__(self, client: MlflowClient, name: str) -> None:
        self._client, self._prefix = client, f"{PREFIX}{_plain(name)}/"
        self._last = 0

    def held(self) -> Held | None:
        """The claim that holds the name now."""
        from mlflow.entities import ViewType

        numbers, active = [0], None
        for found in self._client.search_experiments(
            view_type=ViewType.ALL, filter_string=f"name LIKE '{self._prefix}%'"
        ):
            number = found.name.removeprefix(self._prefix)
            if not number.isdecimal():  # of another name: an underscore stands for any letter
                continue
            numbers.append(int(number))
            if found.lifecycle_stage == "active":
                active = found
        self._last = max(numbers)
        if active is None:
            return None
        is_whole = {HOLDER, BEAT} <= active.tags.keys()
        return Held(
            id=str(active.experiment_id),
            holder=active.tags[HOLDER] if is_whole else "",
            beat=float(active.tags[BEAT]) if is_whole else 0.0,
        )

    def take(self, holder: str, beat: float) -> str | None:
        """Id of a new claim; None where another process was faster."""
        from mlflow.exceptions import MlflowException

        name, tags = f"{self._prefix}{self._last + 1}", {HOLDER: holder, BEAT: repr(beat)}
        try:
            return str(self._client.create_experiment(name, tags=tags))
        except MlflowException as error:
            if str(error.error_code) != "RESOURCE_ALREADY_EXISTS":
                raise
            return None

    def clear(self, claim: str) -> None:
        """Ends a claim; one that ended before stays so."""
        from mlflow.exceptions import MlflowException

        with contextlib.suppress(MlflowException), no_retries():
            self._client.delete_experiment(claim)

    def beat(self, claim: str, beat: float) -> None:
        """Sets a claim's heartbeat; a deleted experiment takes none."""
        self._client.set_experiment_tag(claim, BEAT, repr(beat))

    def is_gone(self, claim: str) -> bool:
        """Whether a claim ended."""
        from mlflow.exceptions import MlflowException

        try:
            return bool(self._client.get_experiment(claim).lifecycle_stage != "active")
        except MlflowException as error:
            if str(error.error_code) != "RESOURCE_DOES_NOT_EXIST":
                raise
            return True


def _plain(name: str) -> str:
    """The name without what a filter of MLflow cannot hold, and still one of its own."""
    plain = re.sub(r"[^\w.-]", "_", name)
    return plain if plain == name else f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
