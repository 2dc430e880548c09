"""``bench ui``: the MLflow server on what was logged."""

from __future__ import annotations

import os
from ipaddress import ip_address
from typing import Annotated

import typer

from bench.cli.options import Say, Uri, command, quiet
from bench.errors import UsageError
from bench.signals import run_guarded
from bench.text import without_password
from bench.tracking.opening import for_mlflow, serve_command
from bench.tracking.recorded import open_recorded


def _only_this_machine(host: str) -> bool:
    """Whether only programs on this machine reach an address."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:  # a name
        return host == "localhost"


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
    page = f"#/experiments/{found[0].id}/runs?compareRunsMode=CHART&workflowType=machine_learning"
    if store.uri.startswith("http"):
        say(f"the comparison page is {without_password(store.uri).rstrip('/')}/{page}")
        return
    if not _only_this_machine(host):
        say(
            f"warning: anybody who can reach {host}:{port} can read and change every run, "
            "expected 127.0.0.1 unless everybody there may: leave out --host"
        )
    say(f"comparison page: http://{host}:{port}/{page}  (Ctrl-C ends the server)")
    environment = {
        **os.environ,
        "MLFLOW_BACKEND_STORE_URI": for_mlflow(store.uri),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "PYTHONSAFEPATH": "1",  # with -m, Python would import what lies in the current folder
    }
    code = run_guarded(serve_command(store.uri, host=host, port=port), environment)
    if code not in {0, 130, 143}:
        raise UsageError(f"the MLflow server ended with {code}: is port {port} free? use --port")
