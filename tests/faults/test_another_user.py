"""Two users of one machine with a server as their store: no file of the first keeps the second out."""

import os
import shutil
import subprocess
import sys

import pytest
from fault_lab import Lab, one_sentence, serving

pytestmark = pytest.mark.faults

NOBODY = "65534"
AS_ANOTHER = (
    *("setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"),
    *("--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search", "--"),
)
"""May read what is installed wherever it lies, and write nothing of root's."""


def can_be_another() -> bool:
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        return False
    return subprocess.run([*AS_ANOTHER, "true"], check=False).returncode == 0


@pytest.mark.skipif(not can_be_another(), reason="needs root and setpriv")
def test_a_second_user_of_the_machine_trains_beside_the_first(tmp_path, migrated_database):
    command = ("train", "vae_mlp", "--dataset", "digits", "--set", "num_images=500")
    with serving(tmp_path / "server", migrated_database) as server:
        first = Lab(tmp_path / "first", server.uri)
        code, said = first.bench(*command)
        assert code == 0, one_sentence(said)

        second = Lab(tmp_path / "second", server.uri)
        os.chown(second.folder, int(NOBODY), int(NOBODY))
        done = subprocess.run(
            [
                *AS_ANOTHER,
                sys.executable,
                "-m",
                "bench.cli",
                *command,
                "--tracking-uri",
                server.uri,
            ],
            cwd=second.folder,
            env=second.environment(HOME=str(second.folder)),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, one_sentence(done.stdout + done.stderr)
        assert len(first._records()) == 2
