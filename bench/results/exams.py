"""Which sanity checks the measures of a report failed in the features that it shows them in."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

from pydantic import TypeAdapter

from bench.failed_checks import Sat, read_record
from bench.results.results import Results, once

EXAMS = "bench.exams"
"""Fact: the exams on record, in the features of the report's detectors, when it was written."""


def with_exams(results: Results) -> Results:
    """The same, with those exams as a fact; unchanged where no detector of the report sat one."""
    detectors = {name.detector for name in results.measured} - {""}
    sat = [asdict(each) for each in read_record() if each.detector in detectors]
    if not sat:
        return results
    return replace(results, facts={**results.facts, EXAMS: json.dumps(sat, sort_keys=True)})


@once
def exams(results: Results) -> list[Sat]:
    """What the fact says; nothing where somebody has written something else."""
    try:
        return TypeAdapter(list[Sat]).validate_json(results.facts.get(EXAMS, "[]"))
    except ValueError:
        return []
