"""Names that a shell completes: what is registered, and what lies in studies/."""

from __future__ import annotations

from collections.abc import Iterable

from bench.registry import PACKAGES


def studies(incomplete: str) -> list[str]:
    """Studies whose names begin so."""
    from bench.plan.files import study_files

    return _beginning(incomplete, study_files())


def models(incomplete: str) -> list[str]:
    """Models."""
    from bench.models import MODELS

    return _beginning(incomplete, MODELS.names())


def models_and_studies(incomplete: str) -> list[str]:
    """Both."""
    return models(incomplete) + studies(incomplete)


def datasets(incomplete: str) -> list[str]:
    """Data sets, and the two ways to give one's own."""
    from bench.datasets import DATASETS

    return _beginning(incomplete, [*DATASETS.names(), "folder:", "npz:"])


def devices(incomplete: str) -> list[str]:
    """Devices."""
    return _beginning(incomplete, ["auto", "cpu", "cuda"])


def kinds(incomplete: str) -> list[str]:
    """What can be listed."""
    return _beginning(incomplete, [*PACKAGES, "studies", "runs"])


def _beginning(incomplete: str, known: Iterable[str]) -> list[str]:
    return [name for name in known if name.startswith(incomplete)]
