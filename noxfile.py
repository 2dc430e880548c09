"""Every session shares one environment: `nox -s demo` runs the main job, `nox -s tests` the tests."""

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import nox

nox.needs_version = ">=2025.5"
nox.options.sessions = ["tests", "lint", "types"]
nox.options.reuse_venv = "yes"
nox.options.default_venv_backend = "venv"

HERE = Path(__file__).parent
STAMP = "installed-from"
# Named beside what needs it, so that one resolution chooses one build of it.
TORCH = "torch>=2.11,<2.14"
# Each file is one worker's, which makes what its tests share once.
TWO_WORKERS = ("-n", "2", "--dist", "loadfile")


def install(session: nox.Session) -> Path:
    """Installs the project once for all sessions; again when pyproject.toml changes.

    Returns:
        The folder of the environment's programs.
    """
    home = HERE / ".nox" / "shared"
    python = home / ("Scripts" if os.name == "nt" else "bin") / "python"
    wanted = (HERE / "pyproject.toml").read_text()
    stamp = home / STAMP
    if not stamp.exists() or stamp.read_text() != wanted:
        session.run(sys.executable, "-m", "venv", str(home), external=True, silent=True)
        session.run(
            *(str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
            *(TORCH, "-e", f"{HERE}[dev]"),
            external=True,
        )
        stamp.write_text(wanted)
    return python.parent


def call(
    session: nox.Session, program: str, *arguments: str, success_codes: Iterable[int] = (0,)
) -> None:
    """Runs a program of the shared environment from the project's folder."""
    folder = install(session)
    session.chdir(HERE)
    session.run(str(folder / program), *arguments, external=True, success_codes=success_codes)


@nox.session(venv_backend="none")
def demo(session: nox.Session) -> None:
    """The main job on the embedded digits: 75 runs and their report, without a download.

    One seed is run and reported first, after a third of the time; the others are added to it.
    """
    run, report = ("bench", "run", "depth_sweep"), ("bench", "report", "depth_sweep")
    page = (HERE / "reports" / "depth_sweep" / "report.html").as_uri()
    if not session.posargs:
        call(session, *run, "--seeds", "1")
        call(session, *report)
        session.log(f"a first report, of one seed, to open in a browser: {page}")
        session.log("two more seeds follow, then the same report with intervals and tests")
    call(session, *run, *session.posargs)
    call(session, *report)
    session.log(f"open in a browser: {page}")


@nox.session(venv_backend="none")
def tests(session: nox.Session) -> None:
    """The default tests; markers go behind --, as in `nox -s tests -- -m slow`."""
    call(session, "python", "-m", "pytest", *TWO_WORKERS, *session.posargs)


@nox.session(venv_backend="none")
def cover(session: nox.Session) -> None:
    """Lines and branches of bench that the default tests miss: a table, not a gate."""
    # --cov stands last: it would take a file behind it for what to measure.
    arguments = [*TWO_WORKERS, *session.posargs, "--cov"]
    call(session, "python", "-m", "pytest", *arguments, success_codes=(0, 1))


@nox.session(venv_backend="none")
def lint(session: nox.Session) -> None:
    """Style, format and dead code."""
    call(session, "ruff", "check", ".")
    call(session, "ruff", "format", "--check", ".")
    call(session, "vulture")


@nox.session(venv_backend="none")
def types(session: nox.Session) -> None:
    """Types, strict on bench and studies."""
    call(session, "mypy")


@nox.session(venv_backend="none")
def docs(session: nox.Session) -> None:
    """The site in .nox/site/html, without a warning: every link and anchor leads somewhere."""
    session.env["NO_MKDOCS_2_WARNING"] = "1"
    call(session, "python", "docs/site/pages.py")
    call(session, "mkdocs", "build", "--strict", "--config-file", "docs/site/mkdocs.yml")


@nox.session
def audit(session: nox.Session) -> None:
    """Known weaknesses of what is installed: pip-audit, in an environment of its own, asks PyPI."""
    pip = str(install(session) / "pip")
    listed = session.run(
        pip, "list", "--format=freeze", "--exclude-editable", external=True, silent=True
    )
    installed = Path(session.create_tmp()) / "installed.txt"
    # PyPI knows no builds, such as 2.13.0+cpu.
    installed.write_text(re.sub(r"\+\S+", "", str(listed)))
    session.install("pip-audit>=2.9")
    # A package that PyPI could not be asked about fails: silence would look like safety.
    arguments = ["--strict", "--no-deps", "--disable-pip", "--requirement", str(installed)]
    session.run("pip-audit", *arguments, *session.posargs)


@nox.session(reuse_venv=False)
def package(session: nox.Session) -> None:
    """Wheel and sdist in .nox/dist; from the wheel alone the main job at its smallest and a plugin."""
    python = install(session) / "python"
    dist = HERE / ".nox" / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    session.run(str(python), "-m", "hatchling", "build", "-d", str(dist), external=True)
    (wheel,) = dist.glob("*.whl")
    session.install(TORCH, str(wheel))
    session.run("python", "-m", "pip", "check")
    with tempfile.TemporaryDirectory() as elsewhere:  # what lies here is out of sight
        session.chdir(elsewhere)
        session.env.update({"PYTHONSAFEPATH": "1", "PYTHONPATH": ""})
        session.env.update({"MLFLOW_TRACKING_URI": "", "BENCH_DATA": f"{elsewhere}/data"})
        session.run("bench", "--version")
        session.run("bench", "doctor")
        small = ("--set", "num_images=640", "--set", "width=4")
        session.run("bench", "run", "depth_sweep", "--seeds", "1", "--quiet", *small)
        session.run("bench", "report", "depth_sweep", *small)
        session.run("bench", "verify", "reports/depth_sweep")
        session.run("bench", "init", "model", "mine")
        session.run("bench", "check", "mine.py")
        session.run("bench", "train", "mine", "--plugin", "mine.py", *small[:2])
        session.chdir(HERE)


@nox.session(venv_backend="none")
def speed(session: nox.Session) -> None:
    """Where time goes, as ratios to what others take: benchmarks/results."""
    call(session, "python", "benchmarks/speed.py", *session.posargs)


@nox.session(venv_backend="none")
def bench(session: nox.Session) -> None:
    """Any command of the project: `nox -s bench -- data list`."""
    call(session, "bench", *session.posargs)
