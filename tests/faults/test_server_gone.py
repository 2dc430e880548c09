"""A server that goes away in the middle of a study, and one that does not return at all."""

import time

import pytest
from fault_lab import Lab, one_sentence, serving

pytestmark = pytest.mark.faults

RUN = ("run", "--study", "tiny", "--jobs", "1")
WITHOUT_PATIENCE = (
    "from bench.tracking import patience; patience.PATIENCE_SECONDS = 1.0; "
    "from bench.cli import main; main()"
)


def wait_for(lab, pattern):
    deadline = time.monotonic() + 120
    while not list((lab.folder / "runs").glob(pattern)):
        assert time.monotonic() < deadline, f"{pattern} does not come"
        time.sleep(0.1)


def test_training_goes_on_while_the_server_is_gone_and_each_value_arrives_once(
    tmp_path, migrated_database
):
    with serving(tmp_path / "server", migrated_database) as server:
        lab = Lab(tmp_path / "user", server.uri)
        lab.write_study(num_images=16_000, seeds=1)
        process = lab.start(*RUN)
        wait_for(lab, "*/*/last.pt")
        server.kill()
        wait_for(lab, "*/*/result.json")
        time.sleep(3.0)
        server.serve()
        said, _ = process.communicate(timeout=180)
        assert process.returncode == 0, said
        # An answer to one run may come before another one's attempt has failed.
        assert 1 <= said.count("the store does not answer") == said.count("answers again") <= 3
        assert [(arm, seed) for arm, seed, _ in lab.values()] == [("gan", 0), ("vae", 0)]
        assert lab.doubled() == []
        logs = {len(points) for _, _, name, points in lab.curves() if name.startswith("train/")}
        assert len(logs) == 1


def test_study_whose_server_never_returns_says_what_to_do(tmp_path, migrated_database):
    with serving(tmp_path / "server", migrated_database) as server:
        lab = Lab(tmp_path / "user", server.uri)
        lab.write_study(num_images=8_000, seeds=1)
        process = lab.start_python(WITHOUT_PATIENCE, *RUN)
        wait_for(lab, "*/*/last.pt")
        server.kill()
        said, _ = process.communicate(timeout=180)
        assert process.returncode == 1, said
        assert "told is kept in 'runs'" in one_sentence(said)
        assert len(list((lab.folder / "runs").glob("*/*/result.json"))) == 2
        code, said = lab.bench("sync")
        assert (code, "does not open" in one_sentence(said)) == (2, True), said
        server.serve()
        code, said = lab.bench("sync")
        assert code == 0, said
        assert len(lab.values()) == 2
        assert lab.doubled() == []
        code, said = lab.bench(*RUN)
        assert code == 0, said
        assert "2 of 2 runs are finished already" in said
