"""``bench verify``: says which numbers of a report the tracked runs do not give."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from bench.cli.options import Say, Uri, command, quiet
from bench.compare.verify import verify_report

_MOST_SHOWN, _MOST_NAMED = 20, 5


@command("verify", fails=lambda verdict: not verdict["equal"])
def verify_one(
    report: Annotated[
        Path, typer.Argument(help="folder of a report, its README.md, or a file of `bench bundle`")
    ],
    *,
    tracking_uri: Uri = None,
    say: Say = quiet,
) -> dict[str, Any]:
    """The verdict as JSON values; ``equal`` says whether nothing differs.

    Raises:
        UsageError: No report lies there, or the store does not open.
    """
    verdict = verify_report(report, tracking_uri)
    for remark in verdict.remarks:
        say(f"note: {remark}")
    for difference in verdict.differences[:_MOST_SHOWN]:
        say(str(difference))
    number = len(verdict.differences)
    if number > _MOST_SHOWN:
        say(f"and {number - _MOST_SHOWN:,} more: --json has all of them")
    if changed := verdict.changed_runs:
        named = ", ".join(changed[:_MOST_NAMED])
        more = f" and {len(changed) - _MOST_NAMED:,} more" if len(changed) > _MOST_NAMED else ""
        say(f"runs that are not as the report has them: {named}{more}")
    if verdict.is_bundle:
        say(f"as it was written: {report}, {verdict.runs:,} runs of {verdict.source}")
        return verdict.to_json()
    same = "identical" if verdict.is_whole else "tables and sentences are identical"
    found = f"{number:,} differences" if number != 1 else "1 difference"
    say(f"{found if number else same}: {report} against {verdict.runs:,} runs of {verdict.source}")
    return verdict.to_json()
