"""``bench diff``: what differs between two tracked runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from bench.cli.options import Say, Uri, columns, command, quiet
from bench.compare.diff import run_diff
from bench.tracking.recorded import open_recorded

_LONGEST = 60
"""Characters of a value in the terminal; ``--json`` has all of them."""


@command("diff")
def diff_runs(
    first: Annotated[str, typer.Argument(metavar="RUN", help="id, or its beginning")],
    second: Annotated[str, typer.Argument(metavar="RUN", help="another one")],
    *,
    tracking_uri: Uri = None,
    say: Say = quiet,
) -> dict[str, Any]:
    """The differences as JSON values; ``identical`` says whether there are none.

    Raises:
        UsageError: No such run.
    """
    store = open_recorded(tracking_uri)
    one, other = store.record(first), store.record(second)
    found = run_diff(one, other)
    say(f"first  {one.run_id}\nsecond {other.run_id}")
    for heading, changes in found.parts().items():
        if changes:
            say(f"\n{heading}")
        for has_number in (False, True):
            lines = [c.line() for c in changes if (c.difference is not None) == has_number]
            if lines:
                say("\n".join(columns(_table(lines, has_number=has_number))))
    if found.identical:
        say("identical, seconds aside")
    parts = {name: [c.to_json() for c in changes] for name, changes in found.parts().items()}
    return {
        "first": one.run_id,
        "second": other.run_id,
        "identical": found.identical,
        **parts,
    }


def _table(lines: Sequence[list[str]], *, has_number: bool) -> list[list[str]]:
    """With a head; texts have no difference, and long ones are cut."""
    head = ["", "first", "second", "difference", "relative"]
    width = len(head) if has_number else 3
    return [[_cut(text) for text in line[:width]] for line in (head, *lines)]


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
