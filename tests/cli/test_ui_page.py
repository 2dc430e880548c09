"""What a browser shows at the address that ``bench ui`` names, on a laptop's screen."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys

import browser
import pytest
from stored_records import put
from synthetic_study import IDENTITY, STUDY, baseline_record, pictures, run_record

from bench.palette import COLOURS
from bench.tracking.mlflow import Store

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(browser.PROGRAM is None, reason=browser.LACKING),
]

LINE = "Test distance, lower is nearer: wgan_gp 295, gan 398, wgan 419, vae 678; best: wgan_gp"

INSIDE = """
const inside = one => {
  const at = one.getBoundingClientRect();
  return at.width > 0 && at.top >= 0 && at.left >= 0
    && at.top + at.height / 2 < innerHeight && at.left + at.width / 2 < innerWidth;
};
const shown = what => [...document.querySelectorAll(what)].filter(inside);
const atop = one => {
  const at = one.getBoundingClientRect();
  return [at.left + 2, at.right - 2].every(
    x => one.contains(document.elementFromPoint(x, at.bottom - 4)));
};
"""


def rgb(colour):
    """As a browser words ``#0173b2``."""
    return f"rgb({', '.join(str(part) for part in bytes.fromhex(colour[1:]))})"


def seen(page, expression):
    return page.ask(f"(() => {{ {INSIDE} return {expression}; }})()")


@pytest.fixture
def address(store_uri, tmp_path):
    """That of the page, of a study in a store, by the command itself."""
    records = [run_record(arm, depth, 0) for arm in ("vae", "gan", "wgan") for depth in (1, 2)]
    store = Store(store_uri)
    study = put(store, IDENTITY, [*records, baseline_record("memoriser")], pictures())
    note = f"*Without 6 of 12 runs.* {LINE}\n\n**{STUDY.question}**"
    store.describe_experiment(study, {"mlflow.note.content": note})
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = subprocess.Popen(
        [sys.executable, "-m", "bench.cli", "ui", "--port", str(port)],
        env=os.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said = []
    try:
        for line in started.stdout:
            said.append(line)
            if "Uvicorn running" in line:
                break
        yield re.search(r"http://\S+/#\S+", "".join(said))[0]
    finally:
        started.terminate()
        started.wait(60)


def test_first_screen_has_distance_by_family_curves_samples_and_no_assistant(address, tmp_path):
    with browser.browser(tmp_path / "profile", width=1366, height=768) as page:
        page.open(address)
        drawn = "document.querySelectorAll('.js-plotly-plot .scatterlayer .points path').length > 6"
        page.wait(f"{drawn} && document.querySelectorAll('.js-plotly-plot').length > 1")
        page.wait("[...document.images].some(one => one.naturalWidth > 8)")
        (tmp_path / "page.png").write_bytes(page.picture())
        text = page.ask(browser.TEXT)
        assert STUDY.question in text
        # Of the words above the runs the page shows a line, which is the answer.
        above = seen(page, "shown('p').filter(atop).map(one => one.textContent)")
        assert f"Without 6 of 12 runs. {LINE}" in above
        assert STUDY.question not in above
        assert "Group: gan" in text
        assert "run_gan_2_0" in text
        assert "Assistant" not in text
        assert "memoriser" not in text
        assert seen(page, "shown('.js-plotly-plot').length") >= 2
        assert seen(page, "shown('img').filter(one => one.naturalWidth > 8).length") >= 1
        axes = seen(page, "shown('.ytitle').map(one => one.textContent)")
        assert "distance" in axes
        # The families' own colours, those of the figures; vae has the first and gan the second.
        colours = "shown('.js-plotly-plot .points path').map(one => getComputedStyle(one).fill)"
        assert {rgb(colour) for colour in COLOURS[:2]} <= set(seen(page, colours))
