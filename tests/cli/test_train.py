"""`bench train --config`: what a repeated run is compared by."""

from bench.cli.train import _differences
from bench.records import RunRecord, TrialResult


def test_repeated_run_is_compared_to_the_last_bit_and_in_both_directions():
    def differences(new, old, status="ok"):
        original = RunRecord(run_id="a", params={}, tags={"status": status}, metrics=old)
        return _differences(TrialResult(status="ok", metrics=new), original)

    old = {"test/a": 1.0, "test/b": 2.0, "train/loss": 5.0, "cost/train_seconds": 3.0}
    assert differences({"test/a": 1.0, "test/b": 2.0, "cost/train_seconds": 4.0}, old) == {}
    assert differences({"test/a": 1.0}, old) == {"test/b": (2.0, None)}
    assert differences({**old, "test/a": 1.0000000000000002}, old) == {
        "test/a": (1.0, 1.0000000000000002)
    }
    nan = {"test/a": float("nan")}
    assert differences(nan, dict(nan)) == {}
    assert differences(nan, nan, "collapsed") == {"status": ("collapsed", "ok")}
