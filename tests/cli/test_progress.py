"""What a study says while it runs."""

from types import SimpleNamespace

import pytest

from bench.cli.progress import StudyProgress


@pytest.mark.parametrize(
    ("silent", "said"), [(False, "[1/1] vae seed=0: ok, fd 1.00, "), (True, "")]
)
def test_line_of_a_run_is_left_out_where_nothing_is_to_be_said(capsys, silent, said):
    with StudyProgress({"vae seed=0": 1.0}, 1.0, silent=silent) as progress:
        result = SimpleNamespace(value=1.0, primary="fd", status="ok", reason="")
        progress.ended(SimpleNamespace(label="vae seed=0"), result)
    assert capsys.readouterr().err.partition("0 s")[0] == said
