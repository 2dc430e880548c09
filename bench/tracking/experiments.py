"""Experiments of MLflow by the name they were given, however they were renamed or deleted since."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from bench.plan.study import Identity
from bench.tracking.claim_experiment import PREFIX
from bench.tracking.long_tags import LONGEST_FACT, joined
from bench.tracking.tables import StoredExperiment

if TYPE_CHECKING:
    from mlflow.entities import Experiment as Stored
    from mlflow.tracking import MlflowClient

NAME, IDENTITY = "bench.name", "bench.identity"
PAGE = 1_000


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """What holds the runs of one study, under one identity.

    Attributes:
        id: MLflow's.
        name: As MLflow shows it.
        given: The name it was made under.
        identity: The study; None of another experiment.
        tags: All of them.
    """

    id: str
    name: str
    given: str
    identity: Identity | None
    tags: Mapping[str, str]


def active(found: Iterable[Stored | StoredExperiment]) -> list[Experiment]:
    """The experiments among what a store holds, the oldest first; a claim is none."""
    found = sorted(found, key=lambda one: (one.creation_time or 0, one.experiment_id))
    return [_read(one) for one in found if not one.name.startswith(PREFIX)]


def named(found: Iterable[Experiment], name: str) -> str | None:
    """Id of the experiment that was given this name, the newest one of several; None without."""
    given = [one.id for one in found if one.given == name]
    return given[-1] if given else None


def find_or_make(client: MlflowClient, name: str, folder: Path | None) -> str:
    """Id of the experiment that was given this name.

    Args:
        client: Of the store.
        name: Where MLflow holds a deleted one of it, the new one is called ``NAME (2)``.
        folder: Under which its artifacts lie; None leaves that to the server.
    """
    from mlflow.exceptions import MlflowException

    while True:
        if (found := named(active(stored(client)), name)) is not None:
            return found
        free = _free_name(client, name)
        place = folder and (folder / free).as_uri()
        try:
            made = client.create_experiment(free, artifact_location=place, tags={NAME: name})
        except MlflowException as error:  # another process may have made it meanwhile
            if str(error.error_code) != "RESOURCE_ALREADY_EXISTS":
                raise
            continue
        if free != name:
            print(
                f"experiment '{name}' was deleted in MLflow: '{free}' follows it", file=sys.stderr
            )
        return str(made)


def _free_name(client: MlflowClient, name: str) -> str:
    """A deleted experiment keeps its name until `mlflow gc`, which nobody should need."""
    names = (name if number == 1 else f"{name} ({number})" for number in count(1))
    return next(one for one in names if client.get_experiment_by_name(one) is None)


def stored(client: MlflowClient) -> Iterator[Stored]:
    """What a store holds that is not deleted."""
    from mlflow.entities import ViewType

    token = None
    while True:
        page = client.search_experiments(
            view_type=ViewType.ACTIVE_ONLY, max_results=PAGE, page_token=token
        )
        yield from page
        token = page.token
        if not token:
            return


def _read(found: Stored | StoredExperiment) -> Experiment:
    tags = joined(found.tags, LONGEST_FACT)
    identity = _identity(tags)
    return Experiment(
        id=str(found.experiment_id),
        name=str(found.name),
        given=tags.get(NAME) or (identity.key if identity else str(found.name)),
        identity=identity,
        tags=tags,
    )


def _identity(tags: Mapping[str, str]) -> Identity | None:
    """None as well where somebody wrote something else into the tag."""
    try:
        return Identity.model_validate_json(tags.get(IDENTITY, ""))
    except ValueError:
        return None
