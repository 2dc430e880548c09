"""``bench sync``: what a tracking store was not told, since it was gone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from filelock import Timeout

from bench.cli.options import Root, Say, Uri, command, quiet
from bench.errors import UsageError
from bench.study.ownership import other_owner
from bench.tracking.delivery import deliver, kept_by
from bench.tracking.entries import header_of, journals, run_id_of
from bench.tracking.mlflow import Store
from bench.tracking.patience import never_returned


@command("sync")
def sync(
    *, root: Root = Path("runs"), tracking_uri: Uri = None, say: Say = quiet
) -> dict[str, Any]:
    """Sends all that runs under a root have kept and the store does not have.

    Raises:
        UsageError: There is no such folder, the store does not open, or holds runs of a study that another folder made.
        Undelivered: It went away in between.
    """
    found = journals(root)
    if not root.is_dir():
        raise UsageError(
            f"'{root}' is no folder of runs: give the one that they lie in with --root"
        )
    if not found:
        say(f"nothing is kept under '{root}'")
        return {"told": {}, "busy": 0}
    store = Store(tracking_uri)
    for study in sorted({folder.parent for folder in found}):
        _require_own(store, study, found)
    told: dict[str, str] = {}
    busy = 0
    for number, folder in enumerate(found):
        try:
            deliver(folder, store)
            told[str(folder.relative_to(root))] = run_id_of(folder)
        except Timeout:
            busy += 1
        except Exception as error:
            raise never_returned(error, uri=store.uri, kept=kept_by(found[number:])) from error
    say(f"{len(told)} runs under '{root}' are in '{store.uri}'")
    if busy:
        say(f"{busy} runs are being sent by the process that trains them")
    return {"told": told, "busy": busy}


def _require_own(store: Store, study: Path, found: list[Path]) -> None:
    """What a store holds of a study was made in this folder, or nothing is there.

    Raises:
        UsageError: Another folder made it.
    """
    headers = (header_of(folder) for folder in found if folder.parent == study)
    about = next((header.about for header in headers if header is not None), None)
    if about is None or not about.tags.get("study_key"):
        return
    if owner := other_owner(store, about.experiment, study):
        raise UsageError(
            f"the runs of study '{about.experiment}' in this store belong to {owner.user} on "
            f"{owner.host}, in '{owner.folder}': give another store with --tracking-uri"
        )
