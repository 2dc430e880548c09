"""Long computations: where they stop, and how they go on where memory is short."""

import itertools

import pytest
import torch

from bench.errors import Interrupted
from bench.pieces import SMALLEST, in_pieces, is_out_of_memory, piece, stoppable, within_memory


def cpu_allocator():
    """What torch says where memory does not suffice, from torch itself."""
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.uint8)
    return caught.value


def test_long_computation_stops_between_two_pieces():
    seen, asked = [], itertools.count()
    with pytest.raises(Interrupted), in_pieces(lambda: next(asked) == 3):
        seen.extend(stoppable(range(10)))
    assert seen == [0, 1, 2]
    assert list(stoppable(range(3))) == [0, 1, 2]  # outside nothing asks


@pytest.mark.parametrize(
    "error", [cpu_allocator(), torch.OutOfMemoryError("CUDA out of memory"), MemoryError()]
)
def test_lack_of_memory_is_met_with_smaller_pieces(error):
    tried = []

    def compute():
        tried.append(piece(500))
        if piece(500) > 100:
            raise error
        return "done"

    assert is_out_of_memory(error)
    with in_pieces(lambda: False) as pieces:
        assert within_memory(compute) == "done"
        assert tried == [500, 125, 31]
        assert pieces.smaller == 16  # and stay so
    assert piece(500) == 500


def test_lack_of_memory_that_smaller_pieces_do_not_help_is_told():
    def compute():
        raise MemoryError("much")

    with in_pieces(lambda: False) as pieces, pytest.raises(MemoryError, match="much"):
        within_memory(compute)
    assert pieces.smaller == SMALLEST


def test_another_error_is_not_tried_again():
    tried = []

    def compute():
        tried.append(1)
        raise RuntimeError("shapes do not fit")

    with in_pieces(lambda: False), pytest.raises(RuntimeError, match="shapes"):
        within_memory(compute)
    assert tried == [1]
