"""Chromium without a window, as it shows a page on a screen of a given size; its protocol, over pipes."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PROGRAM = shutil.which("chromium") or shutil.which("google-chrome")
LACKING = "no Chromium on PATH: apt-get install chromium"
SECONDS = 300.0
"""A page takes three seconds, and minutes on a machine that is busy."""


class Page:
    """One page; what is asked of it is JavaScript."""

    def __init__(self, to: int, back: int) -> None:
        self._to, self._back, self._number, self._read = to, back, 0, b""
        target = self._send("Target.createTarget", url="about:blank")["targetId"]
        attached = self._send("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        self._send("Page.enable")

    _session = ""

    def open(self, url: str) -> None:
        self._send("Page.navigate", url=url)

    def ask(self, expression: str) -> Any:
        """The value of an expression in the page."""
        said = self._send(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in said, said["exceptionDetails"]
        return said["result"].get("value")

    def wait(self, expression: str, seconds: float = SECONDS) -> Any:
        """The value as soon as it is true."""
        until = time.monotonic() + seconds
        while not (value := self.ask(expression)):
            assert time.monotonic() < until, f"{expression}\nof\n{self.ask(TEXT)}"
            time.sleep(0.2)
        return value

    def picture(self) -> bytes:
        """A PNG of what the screen shows."""
        return base64.b64decode(self._send("Page.captureScreenshot", format="png")["data"])

    def _send(self, method: str, **params: object) -> dict[str, Any]:
        self._number += 1
        said: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        said |= {"sessionId": self._session} if self._session else {}
        os.write(self._to, json.dumps(said).encode() + b"\0")
        while True:
            answer = self._message()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer["error"]
                return answer["result"]

    def _message(self) -> dict[str, Any]:
        while b"\0" not in self._read:
            more = os.read(self._back, 1 << 20)
            assert more, "Chromium has ended"
            self._read += more
        line, _, self._read = self._read.partition(b"\0")
        return json.loads(line)


TEXT = "document.body ? document.body.innerText : ''"


@contextlib.contextmanager
def browser(profile: Path, *, width: int = 1366, height: int = 768) -> Iterator[Page]:
    """A page of that many pixels in a new Chromium whose profile is that folder."""
    assert PROGRAM, LACKING
    to_read, to_write = os.pipe()
    back_read, back_write = os.pipe()

    command = [
        PROGRAM,
        *("--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu"),
        *("--no-first-run", "--hide-scrollbars", f"--user-data-dir={profile}"),
        *(f"--window-size={width},{height}", "--disable-dev-shm-usage"),
    ]
    # Chromium reads 3 and writes 4.
    moved = f'exec 3<&{to_read} 4>&{back_write} && exec "$@"'
    started = subprocess.Popen(
        ["bash", "-c", moved, "bash", *command],
        pass_fds=(to_read, back_write),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(to_read)
    os.close(back_write)
    try:
        page = Page(to_write, back_read)
        page._send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        mouse = [{"name": "hover", "value": "hover"}, {"name": "pointer", "value": "fine"}]
        page._send("Emulation.setEmulatedMedia", features=mouse)
        yield page
    finally:
        started.kill()
        started.wait()
        os.close(to_write)
        os.close(back_read)
