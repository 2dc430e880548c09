"""``bench ui``: the MLflow server on what was logged."""

from __future__ import annotations

import contextlib
import os
from ipaddress import ip_address
from typing import Annotated

import typer

from bench.cli.options import Say, Uri, command, quiet
from bench.errors import UsageError
from bench.plan.study import Study
from bench.signals import run_guarded
from bench.text import without_password
from bench.tracking.experiments import Experiment
from bench.tracking.mlflow import Store
from bench.tracking.opening import for_mlflow, serve_command
from bench.tracking.recorded import open_recorded
from bench.tracking.view import dress, view_page

NAME = "bench.localhost"
"""Of this machine, as browsers know every name that ends so. Under ``localhost`` and ``127.0.0.1``
MLflow's page opens its assistant over a third of the screen; a page under another name has none."""


def _only_this_machine(host: str) -> bool:
    """Whether only programs on this machine reach an address."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:  # a name
        return host == "localhost"


def _let_in(name: str, port: int) -> dict[str, str]:
    """What MLflow's server must be told to answer under a name that is not in its list."""
    hosts = ("localhost", "127.0.0.1", "[[]::1]")
    return {
        "MLFLOW_SERVER_ALLOWED_HOSTS": ",".join([name, *(f"{each}:{port}" for each in hosts)]),
        "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": f"http://{name}",
    }


def _study_of(store: Store, experiment: Experiment) -> Study | None:
    """What an experiment's runs were planned by; None of runs by themselves, or without its file."""
    try:
        return store.plan(experiment.identity) if experiment.identity else None
    except UsageError:
        return None


@command("ui")
def serve_ui(
    *,
    study: Annotated[str | None, typer.Option("--study", help="open at this study")] = None,
    host: Annotated[str, typer.Option("--host", help="address to listen on")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=1, max=65_535, help="port to listen on")
    ] = 5000,
    tracking_uri: Uri = None,
    say: Say = quiet,
) -> None:
    """Serves what was logged until it is interrupted.

    Raises:
        UsageError: Nothing was logged for that study, or the store is a server already.
    """
    store = open_recorded(tracking_uri)
    found = [e for e in reversed(store.experiments()) if e.name != "Default"]
    found = [e for e in found if study is None or e.given.startswith(study)]
    if not found:
        raise UsageError(f"nothing is logged for '{study or 'any study'}': run `bench run` first")
    chosen = found[0]
    page = view_page(chosen.id)
    with contextlib.suppress(
        OSError, UsageError
    ):  # a store that may only be read shows what it has
        dress(store, chosen.id, _study_of(store, chosen))
    if store.uri.startswith("http"):
        say(f"the comparison page is {without_password(store.uri).rstrip('/')}/{page}")
        return
    if not _only_this_machine(host):
        say(
            f"warning: anybody who can reach {host}:{port} can read and change every run, "
            "expected 127.0.0.1 unless everybody there may: leave out --host"
        )
    shown = f"{NAME}:{port}" if _only_this_machine(host) else f"{host}:{port}"
    say(f"comparison page: http://{shown}/{page}  (Ctrl-C ends the server)")
    environment = {
        **os.environ,
        **(_let_in(shown, port) if _only_this_machine(host) else {}),
        "MLFLOW_BACKEND_STORE_URI": for_mlflow(store.uri),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "PYTHONSAFEPATH": "1",  # with -m, Python would import what lies in the current folder
    }
    code = run_guarded(serve_command(store.uri, host=host, port=port), environment)
    if code not in {0, 130, 143}:
        raise UsageError(f"the MLflow server ended with {code}: is port {port} free? use --port")
