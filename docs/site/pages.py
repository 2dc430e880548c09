"""Lays out what the site is made of: the documents as they are, and pages made of the registries.

Links between documents are those of the repository, so that they hold there and on the site.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from typer.main import get_group
from typer.testing import CliRunner

from bench.cli import app
from bench.cli.contents import GROUPS
from bench.cli.show import plan_text
from bench.config import describe
from bench.failed_checks import read_record
from bench.measures import MEASURES
from bench.metrics import METRICS
from bench.models import MODELS, ModelKind, configure
from bench.plan.files import load_study, study_summaries
from bench.registry import PACKAGES, registry_of

ROOT = Path(__file__).parents[2]
PAGES = ROOT / ".nox" / "site" / "pages"
DOCUMENTS = (
    *("README.md", "PROTOCOL.md", "CONTRIBUTING.md", "CHANGELOG.md"),
    *("docs", "reports", "benchmarks"),
)
FOUND_BY_NAME = ("losses", "likelihoods", "posteriors", "priors", "datasets", "pictures", "plots")
BETTER = {"lower": "lower is better", "higher": "higher is better", None: "describes"}
WHEN = {
    "validation": "at each validation and at the end",
    "end": "at the end",
    "request": "on request: `--set measures={}`",
}


def main() -> None:
    """Writes everything anew into ``.nox/site/pages``."""
    shutil.rmtree(PAGES, ignore_errors=True)
    (PAGES / "reference").mkdir(parents=True)
    for name in DOCUMENTS:
        (PAGES / name).symlink_to(ROOT / name)
    made = {
        "commands": commands(),
        "models": models(),
        "metrics": metrics(),
        "studies": studies(),
        "parts": parts(),
    }
    for name, text in made.items():
        (PAGES / "reference" / f"{name}.md").write_text(text, encoding="utf-8")


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table of markdown."""
    lines = [head, ["---"] * len(head), *rows]
    cells = [[str(cell).replace("|", "\\|").replace("\n", " ") for cell in row] for row in lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)


def fenced(text: str) -> str:
    """A block that is shown as it is."""
    return f"```text\n{text.rstrip()}\n```"


def commands() -> str:
    """What ``--help`` says of every command."""
    runner = CliRunner(env={"COLUMNS": "100", "TERMINAL_WIDTH": "100"})
    parts = ["# Commands", "As `bench COMMAND --help` says it."]
    for title, group in GROUPS.items():
        parts.append(f"## {title}")
        for name in group:
            _, found, _ = get_group(app).resolve_command(_context(), [name])
            below = [[name, each] for each in getattr(found, "commands", {})]
            for words in [[name], *below]:
                said = runner.invoke(app, [*words, "--help"], prog_name="bench").output
                parts += [f"### bench {' '.join(words)}", fenced(said)]
    return "\n\n".join(parts) + "\n"


def _context() -> object:
    return get_group(app).make_context("bench", [], resilient_parsing=True)


def models() -> str:
    """A card for each model, and once the settings that all have."""
    known = dict(MODELS.items())
    shared = [row for row in describe(known["vae"].settings) if not row[0].startswith("model.")]
    head = ("setting", "default", "range", "what it is")
    overview = table(
        ("model", "family", "what"),
        [(f"[`{n}`](#{n})", kind.family, kind.summary) for n, kind in known.items()],
    )
    parts = ["# Models", "As `bench show MODEL` says it.", overview]
    parts += [text for name, kind in known.items() for text in _model(name, kind)]
    parts += ["## Settings of every run", table(head, map(_coded, shared))]
    return "\n\n".join(parts) + "\n"


def _model(name: str, kind: ModelKind) -> list[str]:
    flat = configure(name).settings()
    rows = [
        (key, flat[key], limits, text)
        for key, _, limits, text in describe(kind.settings)
        if key.startswith("model.")
    ]
    text = [f"## {name}", kind.summary, f"Family `{kind.family}`. {_source(kind)}".strip()]
    if rows:
        text.append(table(("setting", "default", "range", "what it is"), map(_coded, rows)))
    if kind.defaults:
        own = ", ".join(f"`{key}={value}`" for key, value in kind.defaults.items())
        text.append(f"Of the settings of every run it has its own: {own}.")
    if kind.presets:
        presets = [
            (f"`{name}:{key}`", each.source, " ".join(f"`{k}={v}`" for k, v in each.values.items()))
            for key, each in kind.presets.items()
        ]
        text.append(table(("preset", "source", "settings"), presets))
    return text


def _source(kind: ModelKind) -> str:
    return f"Source: {kind.paper}." if kind.paper else ""


def _coded(row: Sequence[object]) -> Sequence[object]:
    return (f"`{row[0]}`", f"`{row[1]}`", *row[2:])


def metrics() -> str:
    """A card for each metric: its values, when it is measured, what it fails."""
    parts = [
        "# Metrics",
        "As `bench list metrics` says it; [what is measured](../docs/measures.md) in words. A value's "
        "name begins as below; behind it stand detector, likelihood and number of images. Which "
        "sanity checks a measure failed is of the exams [on points](../reports/exam_gaussian/README.md) "
        "and [on MNIST](../reports/exam_mnist/README.md): no measure passes all.",
    ]
    for name, kind in METRICS.items():
        parts += [f"## {name}", kind.summary, f"Measured {WHEN[kind.when].format(name)}."]
        given = {base: each for base, each in MEASURES.items() if each.metric == name}
        rows = [
            (f"`{base}`", BETTER[each.better], each.scale, _failures(base))
            for base, each in (given | dict(kind.gives)).items()
        ]
        if rows:
            parts.append(table(("value", "better", "scale", "exams failed"), rows))
    return "\n\n".join(parts) + "\n"


def _failures(base: str) -> str:
    sat = [each for each in read_record() if base in each.checks]
    return "; ".join(
        f"{each.subject} {len(each.failed.get(base, ()))} of {each.checks[base]}" for each in sat
    )


def studies() -> str:
    """The plan of each study that is shipped."""
    parts = ["# Studies", "As `bench show STUDY` says it; `bench run STUDY` runs it."]
    for name in study_summaries():
        study = load_study(name)
        parts += [f"## {name}", study.question, fenced(plan_text(study))]
    return "\n\n".join(parts) + "\n"


def parts() -> str:
    """Whatever else is registered, a line each."""
    text = ["# Parts", "As `bench list KIND` says it; [how to add one](../docs/extending.md)."]
    for kind in FOUND_BY_NAME:
        rows = [(f"`{n}`", line) for n, line in registry_of(kind).summaries().items()]
        text += [
            f"## {kind}",
            f"In `{PACKAGES[kind].replace('.', '/')}/`.",
            table(("name", "what"), rows),
        ]
    return "\n\n".join(text) + "\n"


if __name__ == "__main__":
    main()
