"""``bench ui``: who can reach it."""

from __future__ import annotations

from typing import Any

import pytest

from bench.cli import ui
from bench.cli.ui import serve_ui
from bench.tracking.mlflow import Store


@pytest.fixture
def served(store_uri: str, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The environments that servers were started with; none is started."""
    Store(store_uri).experiment("train")
    started: list[dict[str, Any]] = []

    def run(_: list[str], environment: dict[str, str]) -> int:
        started.append(environment)
        return 0

    monkeypatch.setattr(ui, "run_guarded", run)
    return started


@pytest.mark.parametrize(
    ("host", "warned"),
    [
        ("127.0.0.1", False),
        ("::1", False),
        ("localhost", False),
        ("0.0.0.0", True),
        ("::", True),
        ("192.168.0.7", True),
        ("lab.example.org", True),
    ],
)
def test_server_that_others_reach_says_what_they_can_do(
    host: str, warned: bool, store_uri: str, served: list[dict[str, Any]]
) -> None:
    lines: list[str] = []
    serve_ui(host=host, tracking_uri=store_uri, say=lines.append)
    warning = f"warning: anybody who can reach {host}:5000 can read and change every run"
    assert any(line.startswith(warning) for line in lines) == warned
    # With `python -m`, files of the current folder would stand in for modules.
    assert served[0]["PYTHONSAFEPATH"] == "1"
