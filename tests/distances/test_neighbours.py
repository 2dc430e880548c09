"""Nearest neighbours against brute force."""

import pytest
import torch

from bench.distances.neighbours import CHUNK, GROUPS, _squares, nearest, smallest
from bench.runtime import generator


def normal(n, d=8, *purpose):
    return torch.randn(n, d, generator=generator("neighbours", *purpose), dtype=torch.float64)


def test_nearest_distance_is_that_of_the_closest_point():
    queries, points = torch.tensor([[0.0, 0.0], [5.0, 5.0]]), torch.tensor([[3.0, 4.0], [5.0, 6.0]])
    distances, which = nearest(queries.double(), points.double())
    assert distances.tolist() == [5.0, 1.0]
    assert which.tolist() == [0, 1]


def test_chunks_of_distances_take_turns_in_one_piece_of_memory():
    a, b = normal(3 * CHUNK + 1, 3, "a"), normal(50, 3, "b")
    parts, whole = [], torch.cdist(a, b).square()
    for squares, expected in zip(_squares(a, b), whole.split(CHUNK), strict=True):
        parts.append(squares.data_ptr())
        torch.testing.assert_close(squares, expected)
    assert len(parts) == 4
    assert len(set(parts)) == 1


@pytest.mark.parametrize(
    ("columns", "k"), [(7, 5), (GROUPS * 10, 5), (GROUPS * 10 + 3, 5), (GROUPS * 3, 1)]
)
def test_smallest_are_those_of_all_columns(columns, k):
    values = normal(20, columns, "values", columns)
    found, where = smallest(values, k)
    assert torch.equal(found, values.sort(1).values[:, :k])
    assert torch.equal(values.gather(1, where), found)


def test_smallest_stand_side_by_side_in_one_group():
    values = torch.arange(10.0 * GROUPS).expand(1, -1)
    found, _ = smallest(values.flip(1), 5)
    assert found.tolist() == [[0, 1, 2, 3, 4]]
    together = values % GROUPS * 10 + values // GROUPS
    assert smallest(together, 5)[0].tolist() == [[0, 1, 2, 3, 4]]
