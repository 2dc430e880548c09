"""``bench ui``: the MLflow server on what was logged."""

from __future__ import annotations

import os
import subprocess
from typing import Annotated

import typer

from bench.cli.options import Say, Uri, command, quiet
from bench.errors import UsageError
from bench.tracking.mlflow import Store, serve_command


@command("ui")
def serve_ui(
    *,
    study: Annotated[str | None, typer.Option("--study", help="open at this study")] = None,
    host: Annotated[str, typer.Option("--host", help="address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="port to listen on")] = 5000,
    tracking_uri: Uri = None,
    say: Say = quiet,
) -> None:
    """Serves what was logged until it is interrupted.

    Raises:
        UsageError: Nothing was logged for that study, or the store is a server already.
    """
    store = Store(tracking_uri)
    found = [e for e in store.experiments() if e.name != "Default"]
    found = [e for e in found if study is None or e.name.startswith(study)]
    if not found:
        raise UsageError(f"nothing is logged for '{study or 'any study'}': run `bench run` first")
    page = f"#/experiments/{found[0].id}/runs?compareRunsMode=CHART&workflowType=machine_learning"
    if store.uri.startswith("http"):
        say(f"the comparison page is {store.uri.rstrip('/')}/{page}")
        return
    say(f"comparison page: http://{host}:{port}/{page}  (Ctrl-C ends the server)")
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    done = subprocess.run(
        serve_command(store.uri, host=host, port=port), env=environment, check=False
    )
    if done.returncode not in {0, -2, -15, 130}:
        raise UsageError(
            f"the MLflow server ended with {done.returncode}: is port {port} free? use --port"
        )
