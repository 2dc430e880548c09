"""Rate and distortion of a run: what a code costs against what it loses, on test, in nats."""

from __future__ import annotations

from bench.results.results import Results
from bench.results.runs import CellRuns, RecordedRun


def passports(results: Results) -> list[str]:
    """Likelihoods and forms of data of which some run has both values."""
    kls, reconstructions = (
        {m.likelihood for m in results.measured if (m.split, m.measure) == ("test", measure)}
        for measure in ("kl", "reconstruction")
    )
    return sorted(kls & reconstructions)


def rate_and_distortion(run: RecordedRun, passport: str) -> tuple[float, float] | None:
    """KL and minus reconstruction; None where the run lacks one of them."""
    rate = run.value(f"test/kl_{passport}")
    reconstruction = run.value(f"test/reconstruction_{passport}")
    return None if rate is None or reconstruction is None else (rate, -reconstruction)


def mean_rate(place: CellRuns, passport: str) -> tuple[float, float] | None:
    """Both as means over the seeds of a place; None where no run has them."""
    found = [point for run in place.valued if (point := rate_and_distortion(run, passport))]
    if not found:
        return None
    rates, distortions = zip(*found, strict=True)
    return sum(rates) / len(found), sum(distortions) / len(found)
