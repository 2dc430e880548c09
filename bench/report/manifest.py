"""``report.json``: what a report was made of, so that ``bench verify`` can make it again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from pydantic import TypeAdapter

import bench
from bench.errors import UsageError
from bench.plan.study import Identity

MANIFEST = "report.json"


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a report was made of, and what came out.

    Attributes:
        identity: Study, tier, data set and ``--set`` values.
        seeds: Every seed that some run of an arm has.
        runs: Ids of the runs it was made of, used or not, sorted.
        bench_version: Of the package that made it.
        files: File name to the digest of its text.
        facts: What was said of the study as a whole: tags of its experiment.
        plan: Digest of the study file's contents.
        figures: Figure to the digest of the table of its numbers: pixels may differ between
            platforms, numbers may not.
    """

    identity: Identity
    seeds: tuple[int, ...]
    runs: tuple[str, ...]
    facts: Mapping[str, str]
    plan: str
    files: Mapping[str, str]
    figures: Mapping[str, str]
    bench_version: str = bench.__version__

    def write(self, folder: Path) -> None:
        """Writes ``report.json`` into a folder."""
        values = {**vars(self), "identity": self.identity.model_dump(), "facts": dict(self.facts)}
        text = json.dumps(values, indent=1, sort_keys=True)
        (folder / MANIFEST).write_text(f"{text}\n", encoding="utf-8", newline="\n")

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """What ``write`` left in a folder.

        Raises:
            UsageError: There is none, or it cannot be read.
        """
        path = folder / MANIFEST
        try:
            if path.exists() and not path.is_file():  # a pipe would be waited for
                raise OSError("no file")
            found = TypeAdapter(cls).validate_json(path.read_bytes())
        except FileNotFoundError:
            raise UsageError(
                f"'{folder}' has no {MANIFEST}, which says what a report was made of: give the "
                "folder of a report, or write it again with `bench report`"
            ) from None
        except (OSError, ValueError) as error:
            raise UsageError(
                f"'{path}' cannot be read ({type(error).__name__}): write the report again with "
                "`bench report`"
            ) from error
        # Somebody else's report may name any file of this machine.
        named = (*found.files, *found.figures)
        if away := [name for name in named if Path(name).name != name or name == ".."]:
            raise UsageError(
                f"'{path}' names the file '{away[0]}', expected names within its folder: write the "
                "report again with `bench report`"
            )
        return found


def text_digest(text: str) -> str:
    """First 16 hex digits of the SHA-256."""
    return hashlib.sha256(text.encode(errors="backslashreplace")).hexdigest()[:16]


def table_digest(rows: pd.DataFrame) -> str:
    """Digest of a figure's numbers; the digits beyond the twelfth depend on the processor."""
    return text_digest(rows.to_csv(index=False, float_format="%.12g"))
