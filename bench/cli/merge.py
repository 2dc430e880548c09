"""``bench merge``: results that came as files, taken into one store and one folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.options import Plugins, Root, Say, Uri, command, quiet
from bench.errors import UsageError
from bench.files import made_folder
from bench.plan.files import load_study
from bench.tracking.bundle import Bundle
from bench.tracking.mlflow import Store

if TYPE_CHECKING:
    from bench.study.merging import Merged
    from bench.study.plan import StudyPlan

_MOST_NAMED = 5


@command("merge")
def merge_bundles(
    bundles: Annotated[list[Path], typer.Argument(help="files of `bench bundle`")],
    *,
    tracking_uri: Uri = None,
    root: Root = Path("runs"),
    plugins: Plugins = None,
    say: Say = quiet,
) -> dict[str, list[str]]:
    """Takes the runs of bundles in, each once; what became of them.

    The study goes on from there with ``bench run``, and ``bench report`` reports all of it. Nothing
    is taken of any bundle where one of them cannot be read.

    Raises:
        UsageError: A bundle is not as it was written, its study is planned otherwise here, or
            somebody runs it now.
    """
    found = [Bundle(path) for path in bundles]
    from bench.study.merging import merge, require_whole
    from bench.study.ownership import alone
    from bench.study.tracked import TrackedStudy

    for bundle in found:
        require_whole(bundle)
    plans = [_plan(bundle, root, plugins or (), say) for bundle in found]
    store, total = Store(tracking_uri), dict[str, list[str]]()
    for bundle, plan in zip(found, plans, strict=True):
        made_folder(plan.folder)
        tracked = TrackedStudy(plan, store)
        with alone(tracked):
            merged = merge(bundle, tracked)
            tracked.deliver()
        for name, keys in vars(merged).items():
            total.setdefault(name, []).extend(keys)
        say(_said(bundle, merged))
    return total


def _plan(bundle: Bundle, root: Path, plugins: Sequence[Path], say: Say) -> StudyPlan:
    """The study here that a bundle's runs are of.

    Raises:
        UsageError: There is none.
    """
    from bench.study.plan import resolve

    identity = bundle.study.identity
    study = load_study(identity.study)
    sets = [f"{key}={value}" for key, value in identity.overrides.items()]
    plan = resolve(
        study,
        tier=identity.tier,
        dataset=identity.dataset,
        overrides=sets,
        root=root,
        plugins=plugins,
    )
    if plan.identity != identity:
        raise UsageError(
            f"'{bundle.uri}' is of study '{identity.key}', which is '{plan.identity.key}' here: take "
            "the study file that its runs were planned by"
        )
    if study != bundle.study.plan:
        say(
            f"note: '{bundle.uri}' was planned by another file of study '{study.name}'; the one here "
            "counts, and runs that fit none of its cells stay out of its tables"
        )
    return plan


def _said(bundle: Bundle, merged: Merged) -> str:
    """``a.zip: 15 runs came in, 3 were there``."""
    parts = [
        f"{len(merged.added):,} runs came in",
        f"{len(merged.known):,} were there",
        *([f"{len(merged.left_out):,} left out"] if merged.left_out else []),
    ]
    if merged.contested:
        named = ", ".join(merged.contested[:_MOST_NAMED])
        parts.append(f"{len(merged.contested):,} have other values than what was there ({named})")
    return f"{bundle.uri}: {', '.join(parts)}"
