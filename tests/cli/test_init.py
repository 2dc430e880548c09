"""`bench init`: a study file to start from."""

import pytest

from bench.cli.init import write_study
from bench.cli.show import plan_text
from bench.errors import UsageError
from bench.plan.files import hidden_by_own, load_study


def test_study_to_start_from_loads_as_it_is_written():
    assert write_study("my_own").as_posix() == "studies/my_own.py"
    assert "factors, each value with each arm" in plan_text(load_study("my_own"))
    assert (
        len(load_study("my_own").cells("classroom")) == 4 + 3
    )  # two arms at two depths, baselines


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("my-own", "letters, digits and _ only, got 'my-own'"),
        ("mine", "is there already: edit it"),
        ("depth_sweep", "'depth_sweep' comes with bench, which a file of that name would hide"),
    ],
)
def test_study_file_that_cannot_be_written_is_refused(mine, name, sentence):
    with pytest.raises(UsageError, match=sentence):
        write_study(name)


def test_own_study_that_hides_a_shipped_one_is_said(mine, tmp_path):
    assert hidden_by_own("mine") == hidden_by_own("depth_sweep") == ""
    own = tmp_path / "studies" / "depth_sweep.py"
    own.write_text("")
    assert hidden_by_own("depth_sweep").startswith(f"note: study 'depth_sweep' is that of '{own}'")
