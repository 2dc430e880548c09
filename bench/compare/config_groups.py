"""Runs to stand side by side: equal configurations pooled over their seeds, one column each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from bench.config import UNSAID
from bench.errors import UsageError
from bench.measures import MEASURES, Measure, MeasureName, read_measures
from bench.results.results import short
from bench.results.runs import RecordedRun

SEED = "train.seed"


_MOST_KEYS = 4


@dataclass(frozen=True)
class ConfigGroup:
    """Runs of one configuration, by seed.

    Attributes:
        label: The family, and what tells it from the other columns.
        runs: At least one.
    """

    label: str
    runs: tuple[RecordedRun, ...]

    @property
    def num_lost(self) -> int:
        """Runs that ended without a value."""
        return sum(run.is_lost for run in self.runs)

    def values(self, metric: str) -> list[float]:
        """One value per run that has one."""
        return list(self.by_seed(metric).values())

    def by_seed(self, metric: str) -> dict[int, float]:
        """Seed to value, of the runs that have one."""
        return {run.seed: v for run in self.runs if (v := run.value(metric)) is not None}

    def names(self, split: str, known: Mapping[str, Measure] = MEASURES) -> set[MeasureName]:
        """Names of the measures that some run has on a split."""
        texts = {text for run in self.runs for text in run.record.metrics}
        names = (MeasureName.parse(text, known) for text in texts)
        return {m for m in names if m.split == split and not m.prefix and not m.belongs}

    def lacks(self, name: MeasureName) -> bool:
        """Whether the models said that they have no such measure, and not only no value."""
        said = {metric for run in self.runs for metric in run.tags.reasons}
        if "elbo" in said and name.known.through == "likelihood":
            return True
        through = f"{name.known.metric}_{name.detector}"
        return not said.isdisjoint({name.known.metric, through, name.series.name})

    def measured_with(self, name: MeasureName) -> tuple[tuple[str, str], ...]:
        """What two values of a measure must share to stand in one row."""
        facts = {"data digest": self._tag("data_digest")}
        if name.known.through == "detector":
            # Of the further detector that the name carries, else of the run's own.
            further = self._tag(f"detector_digest_{name.detector}")
            facts["detector digest"] = further or self._tag("detector_digest")
        if name.n is None:  # else the number of images stands in the name
            facts["images measured"] = self.runs[0].param("eval.max_samples") or ""
        return tuple(facts.items())

    def _tag(self, tag: str) -> str:
        return next((v for run in self.runs if (v := run.record.tags.get(tag))), "")


def config_groups(runs: Sequence[RecordedRun]) -> list[ConfigGroup]:
    """One column for each configuration, in the order of the first run of each.

    Raises:
        UsageError: Two runs of one configuration have one seed.
    """
    groups: list[list[RecordedRun]] = []
    # Those that do not say what they were measured with, having ended before, join the others.
    for run in sorted(runs, key=lambda run: not run.measured_with.data_digest):
        if known := next((group for group in groups if _are_alike(group[0], run)), None):
            known.append(run)
        else:
            groups.append([run])
    place = {run.record.run_id: i for i, run in enumerate(runs)}
    groups.sort(key=lambda group: min(place[run.record.run_id] for run in group))
    pooled = [tuple(sorted(group, key=lambda run: run.seed)) for group in groups]
    for one in pooled:
        _refuse_twins(one)
    return [ConfigGroup(label, group) for label, group in zip(_labels(pooled), pooled, strict=True)]


def measures(found: Sequence[ConfigGroup], split: str) -> list[MeasureName]:
    """Names of the rows: of each measure the largest n that all have who have it at all.

    Where they share no n, each column's largest has a row of its own.
    """
    declared = (read_measures(run.tags.measures) for column in found for run in column.runs)
    known = MEASURES | dict(item for one in declared for item in one.items())
    sizes: dict[MeasureName, list[set[int]]] = {}
    for column in found:
        mine: dict[MeasureName, set[int]] = {}
        for name in column.names(split, known):
            mine.setdefault(name.series, set()).add(name.n or 0)
        for series, numbers in mine.items():
            sizes.setdefault(series, []).append(numbers)
    shown = [replace(s, n=n or None) for s, each in sizes.items() for n in _shown_sizes(each)]
    return sorted(shown, key=str)


def _shown_sizes(each: Sequence[set[int]]) -> set[int]:
    shared = set.intersection(*each)
    return {max(shared)} if shared else {max(numbers) for numbers in each}


def _are_alike(one: RecordedRun, other: RecordedRun) -> bool:
    """Whether all is the same but the seed, what they were measured with included."""
    return _configuration(one) == _configuration(other) and one.measured_with.admits(
        other.measured_with
    )


def _configuration(run: RecordedRun) -> dict[str, str]:
    params = {key: value for key, value in run.record.params.items() if key != SEED}
    return params | {"images": run.tags.images_digest}


def _refuse_twins(group: Sequence[RecordedRun]) -> None:
    """A run and its repetition are one sample, not two."""
    for seed, number in Counter(run.seed for run in group).items():
        if number > 1:
            twins = [run.record.run_id for run in group if run.seed == seed]
            raise UsageError(
                f"runs {' and '.join(twins)} have one configuration and one seed ({seed}), so that "
                "they are no two samples: leave one out, or compare them with `bench diff`"
            )


def _labels(groups: Sequence[Sequence[RecordedRun]]) -> list[str]:
    """``gan depth 2``: family, and the settings in which columns of one family differ."""
    names = []
    for group in groups:
        first = group[0]
        peers = [other[0] for other in groups if other[0].arm == first.arm]
        keys = _differing([UNSAID | peer.record.params for peer in peers])[:_MOST_KEYS]
        said = [f"{short(key)} {first.param(key) or 'none'}" for key in keys]
        names.append(" ".join([first.arm or "run", ", ".join(said)]).strip())
    counts = Counter(names)
    return [
        name if counts[name] == 1 else f"{name} {group[0].record.run_id[:8]}"
        for name, group in zip(names, groups, strict=True)
    ]


def _differing(params: Iterable[Mapping[str, str]]) -> list[str]:
    each = list(params)
    keys = sorted({key for one in each for key in one} - {SEED})
    differing = [key for key in keys if len({one.get(key) for one in each}) > 1]
    # What a model is says more than how it was measured.
    return sorted(differing, key=lambda key: key.startswith("eval."))
