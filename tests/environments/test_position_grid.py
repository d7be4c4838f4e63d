"""The grid of positions, and path lengths against Floyd and Warshall's algorithm."""

import itertools

import numpy as np
import pytest

from environments.layouts import BLOCK_MAZE, CHASM, FALL, LAYOUTS, MAZE, PUSH, WALL, Layout
from environments.position_grid import nearest_positions, path_lengths, position_grid

SIDE = 8.0


def all_path_lengths(grid):
    """Between all pairs, slowly."""
    lengths = np.full([len(grid.xy)] * 2, np.inf)
    np.fill_diagonal(lengths, 0.0)
    for (left, right), length in zip(grid.edges, grid.lengths):
        lengths[left, right] = lengths[right, left] = length
    for middle in range(len(lengths)):
        lengths = np.minimum(lengths, lengths[:, [middle]] + lengths[[middle]])
    return lengths


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=lambda layout: layout.name)
def test_the_grid_covers_every_free_cell_evenly_and_nothing_else(layout):
    grid = position_grid(layout, SIDE, per_cell=3)
    free = [(i, j) for i, row in enumerate(layout.cells) for j, t in enumerate(row) if t not in (WALL, CHASM)]
    assert len(grid.xy) == 9 * len(free)
    cells = list(zip(*layout.cell_at(grid.xy, SIDE)))
    assert sorted(set(cells)) == free and all(cells.count(cell) == 9 for cell in free)
    inside = np.unique(((grid.xy + SIDE / 2) % SIDE).round(9))
    np.testing.assert_allclose(inside, [SIDE / 6, SIDE / 2, 5 * SIDE / 6])
    np.testing.assert_allclose(
        np.linalg.norm(grid.xy[grid.edges[:, 0]] - grid.xy[grid.edges[:, 1]], axis=-1), grid.lengths
    )
    assert len({frozenset(edge) for edge in grid.edges.tolist()}) == len(grid.edges)


@pytest.mark.parametrize("layout", [MAZE, FALL, PUSH], ids=lambda layout: layout.name)
def test_path_lengths_are_those_of_the_slow_algorithm(layout):
    grid = position_grid(layout, SIDE, per_cell=3)
    np.testing.assert_allclose(path_lengths(grid, np.arange(len(grid.xy))), all_path_lengths(grid))


def test_paths_go_around_walls_and_cut_no_corner():
    grid = position_grid(BLOCK_MAZE, SIDE, per_cell=1)
    cell = {tuple(xy): number for number, xy in enumerate(grid.xy.tolist())}
    # S 0     Around the wall's corner only straight steps are left: four of 8 m.
    # 1 0
    # 0 0
    assert path_lengths(grid, [cell[0, 0]])[0, cell[0, 16]] == 4 * SIDE
    for left, right in itertools.pairwise([(0, 0), (8, 0), (8, 8), (8, 16), (0, 16)]):
        assert path_lengths(grid, [cell[left]])[0, cell[right]] == SIDE


def test_in_the_open_a_path_is_at_most_8_per_cent_longer_than_a_straight_line():
    room = Layout("Room", (("r", "0", "0"), ("0", "0", "0"), ("0", "0", "0")))
    grid = position_grid(room, SIDE, per_cell=6)
    lengths = path_lengths(grid, [0])[0]
    straight = np.linalg.norm(grid.xy - grid.xy[0], axis=-1)
    assert np.all(lengths >= straight - 1e-9) and np.all(lengths <= 1.0824 * straight + 1e-9)


def test_a_chasm_separates_what_no_path_joins():
    grid = position_grid(FALL, SIDE, per_cell=2)
    lengths = path_lengths(grid, [0])[0]
    assert np.array_equal(np.isinf(lengths), grid.xy[:, 1] > 2 * SIDE)


def test_the_nearest_position_is_nearest():
    grid = position_grid(MAZE, SIDE, per_cell=4)
    rng = np.random.default_rng(0)
    places = rng.uniform(-10, 30, [50, 2])
    expected = [min(range(len(grid.xy)), key=lambda i: np.hypot(*(grid.xy[i] - p))) for p in places]
    np.testing.assert_array_equal(nearest_positions(grid, places), expected)
    np.testing.assert_array_equal(nearest_positions(grid, grid.xy), np.arange(len(grid.xy)))
