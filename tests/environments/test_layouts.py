import numpy as np
import pytest

from environments.layouts import LAYOUTS, MAZE, Layout

TWO_STARTS = Layout("Two", (("1", "r", "r", "1"),))


def test_maze_is_the_papers_u_shaped_corridor():
    assert ["".join(row) for row in MAZE.cells] == ["11111", "1r001", "11101", "10001", "11111"]
    assert MAZE.start_cells == ((1, 1),)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_rows_have_one_length_and_walls_close_the_border(layout):
    assert len({len(row) for row in layout.cells}) == 1
    border = [
        *layout.cells[0],
        *layout.cells[-1],
        *(row[0] for row in layout.cells),
        *(row[-1] for row in layout.cells),
    ]
    assert set(border) == {"1"}


def test_start_is_the_origin_and_columns_are_x():
    np.testing.assert_array_equal(MAZE.centre((1, 1), 8.0), [0, 0])
    np.testing.assert_array_equal(MAZE.centre((3, 1), 8.0), [0, 16])
    np.testing.assert_array_equal(MAZE.centre((1, 3), 8.0), [16, 0])


@pytest.mark.parametrize("size", [4.0, 8.0])
def test_cell_at_inverts_centre(size):
    for row in range(5):
        for column in range(5):
            centre = MAZE.centre((row, column), size)
            for offset in ([0, 0], [0.49 * size, -0.49 * size]):
                assert MAZE.cell_at(centre + offset, size) == (row, column)


def test_is_wall_agrees_with_the_picture_everywhere():
    size = 4.0
    grid = np.stack(np.meshgrid(np.linspace(-9, 17, 53), np.linspace(-9, 17, 53)), axis=-1)
    walls = MAZE.is_wall(grid, size)
    for index in np.ndindex(walls.shape):
        x, y = grid[index]
        column, row = int(np.floor(x / size + 0.5)) + 1, int(np.floor(y / size + 0.5)) + 1
        inside = 0 <= row < 5 and 0 <= column < 5
        assert walls[index] == (inside and MAZE.cells[row][column] == "1")


def test_several_start_cells_are_listed_in_reading_order():
    assert TWO_STARTS.start_cells == ((0, 1), (0, 2))
    assert TWO_STARTS.cells_of("1") == ((0, 0), (0, 3))
