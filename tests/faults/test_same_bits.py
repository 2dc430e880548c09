"""The same command gives the same bits, however many runs go at a time, and in whatever order."""

import pytest
from fault_lab import Lab

pytestmark = pytest.mark.faults


def test_runs_in_workers_and_one_after_the_other_have_the_same_bits(tmp_path, store_uri):
    values = {}
    for jobs in ("1", "2"):
        folder = tmp_path / jobs
        lab = Lab(folder, store_uri.replace("mlflow.db", f"mlflow{jobs}.db"))
        (tmp_path / f"mlflow{jobs}.db").write_bytes((tmp_path / "mlflow.db").read_bytes())
        lab.write_study(num_images=400, seeds=1)
        # Cores and environment say nothing either.
        code, said = lab.bench("run", "--study", "tiny", "--jobs", jobs, OMP_NUM_THREADS=jobs)
        assert code == 0, said
        values[jobs] = lab.values()
    assert len(values["1"]) == 2
    assert values["1"] == values["2"]
