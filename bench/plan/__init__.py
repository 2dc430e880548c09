"""What a study file says, and all that it imports to say it: data alone, no torch."""

from bench.plan.claim import COLLAPSED, DIVERGED, HALF, MATCHED, ROSE, Claim, Published
from bench.plan.files import load_study
from bench.plan.space import Choice, Int, LogUniform, Search, Space, Uniform
from bench.plan.study import Arm, Planned, Study, Tier

__all__ = [
    "COLLAPSED",
    "DIVERGED",
    "HALF",
    "MATCHED",
    "ROSE",
    "Arm",
    "Choice",
    "Claim",
    "Int",
    "LogUniform",
    "Planned",
    "Published",
    "Search",
    "Space",
    "Study",
    "Tier",
    "Uniform",
    "load_study",
]
