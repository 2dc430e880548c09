"""Sections of a report: each file holds one, or a few that belong together, as words only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bench.registry import Registry
from bench.results.results import Results

Words = Callable[[Results], str]


@dataclass(frozen=True, kw_only=True)
class Section:
    """A registered section.

    Attributes:
        title: In its heading.
        words: What stands below the heading; empty where the study has nothing of it.
        after: Title of the section that it follows; empty for the first.
        level: Of its heading.
        reads_curves: Whether it needs curves or pictures, and not the last values alone.
    """

    title: str
    words: Words
    after: str
    level: int
    reads_curves: bool

    @property
    def heading(self) -> str:
        """``## Health``."""
        return f"{'#' * self.level} {self.title}"


SECTIONS: Registry[Section] = Registry("section", "bench.report.sections")


def section(
    title: str, *, after: str, level: int = 2, reads_curves: bool = False
) -> Callable[[Words], Words]:
    """Decorator that registers a section by the function that words it."""

    def register(words: Words) -> Words:
        one = Section(title=title, words=words, after=after, level=level, reads_curves=reads_curves)
        SECTIONS.add(title, one, origin=words.__module__)
        return words

    return register


def in_order(after: str = "") -> list[Section]:
    """The sections that come after one, each followed by those that come after it."""
    every = [one for _, one in SECTIONS.items()]
    following = [one for one in every if one.after == after]
    # What nothing follows stands first, right behind the section that it names.
    following.sort(key=lambda one: any(other.after == one.title for other in every))
    return [found for one in following for found in (one, *in_order(one.title))]


# Figures are drawn by the writer: the one that answers, then the others; it adds the findings.
section("Answer at a glance", after="", reads_curves=True)(lambda _results: "")
section("Findings", after="Budget")(lambda _results: "")
section("Figures", after="Cells measured differently", reads_curves=True)(lambda _results: "")
