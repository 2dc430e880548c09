"""``bench init``: a study file to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.options import Say, command, quiet
from bench.errors import UsageError
from bench.files import written_where_asked
from bench.plan.files import is_shipped

TEMPLATE = '''"""One line that says what this study asks.

bench show {name}               the plan
bench run {name} --dry-run
bench run {name}
bench report {name}
"""

from bench.files import written_where_asked
from bench.plan import Arm, Planned, Study, Tier

STUDY = Study(
    name="{name}",  # the name of this file
    question="How does depth change what a VAE and a GAN learn within one budget?",
    arms=(
        # `bench list models` names the models, `bench show MODEL` their settings and presets.
        Arm(name="vae", model="vae", settings={{"model.lr": 4e-3}}),
        Arm(name="gan", model="gan"),
    ),
    # Crossed with every arm; the first one is the x-axis of the figures.
    factors={{"model.depth": (2, 3)}},
    # Measured once beside the arms.
    baselines=("memoriser", "pixel_gaussian", "uniform_noise"),
    # What is tested, declared before it is run.
    comparisons=(Planned(a="vae", b="gan"),),
    tiers={{
        "classroom": Tier(
            dataset="digits",
            settings={{"model.width": 16, "train.num_images": 12_000}},  # the budget, for all alike
        ),
    }},
    notes=("A sentence that the report prints under its protocol.",),
)
'''


@command("init")
def write_study(
    name: Annotated[str, typer.Argument(help="of the study, and of its file")],
    *,
    say: Say = quiet,
) -> Path:
    """Writes a study of that name into ./studies and returns its path.

    Raises:
        UsageError: The name is none of a Python file, or the file is there already.
    """
    if not name.isidentifier():
        raise UsageError(
            f"a study's name has letters, digits and _ only, got '{name}': write for example my_study"
        )
    if is_shipped(name):
        raise UsageError(
            f"study '{name}' comes with bench, which a file of that name would hide: give another name"
        )
    path = Path("studies") / f"{name}.py"
    if path.exists():
        raise UsageError(f"{path} is there already: edit it, or give another name")
    with written_where_asked(path):
        path.parent.mkdir(exist_ok=True)
        path.write_text(TEMPLATE.format(name=name), encoding="utf-8")
    say(f"study in {path}: edit it, then `bench show {name}` and `bench run {name}`")
    return path
