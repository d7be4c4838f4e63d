import numpy as np
import pytest

from environments.layouts import LAYOUTS, MAZE, Block, Layout

TWO_STARTS = Layout("Two", (("1", "r", "r", "1"),))


# Pictures of SPEC section 1.
PICTURES = {
    "Maze": ["1 1 1 1 1", "1 r 0 0 1", "1 1 1 0 1", "1 0 0 0 1", "1 1 1 1 1"],
    "Push": ["1 1 1 1 1", "1 0 r 1 1", "1 0 XY 0 1", "1 1 0 1 1", "1 1 1 1 1"],
    "Fall": ["1 1 1 1", "1 r 0 1", "1 0 YZ 1", "1 C C 1", "1 0 0 1", "1 1 1 1"],
    "Block": ["1 1 1 1 1", "1 S 0 0 1", "1 0 0 0 1", "1 0 0 0 1", "1 1 1 1 1"],
    "BlockMaze": ["1 1 1 1", "1 S 0 1", "1 1 0 1", "1 0 0 1", "1 1 1 1"],
}
BLOCKS = {
    "Maze": (),
    "Push": (Block((2, 2), "XY", False),),
    "Fall": (Block((2, 2), "YZ", False),),
    "Block": (Block((1, 1), "XY", True),),
    "BlockMaze": (Block((1, 1), "XY", True),),
}


def test_layouts_are_the_papers_five():
    assert {name: [" ".join(row) for row in layout.cells] for name, layout in LAYOUTS.items()} == PICTURES
    assert {name: layout.name for name, layout in LAYOUTS.items()} == {name: name for name in PICTURES}
    assert MAZE.start_cells == ((1, 1),)


def test_blocks_chasms_and_what_is_observed():
    assert {name: layout.blocks for name, layout in LAYOUTS.items()} == BLOCKS
    assert [name for name, layout in LAYOUTS.items() if layout.is_elevated] == ["Fall"]
    assert [name for name, layout in LAYOUTS.items() if layout.observes_blocks] == ["Block", "BlockMaze"]
    assert [block.falls for name in ("Push", "Fall", "Block") for block in BLOCKS[name]] == [
        False,
        True,
        False,
    ]


@pytest.mark.parametrize(
    "cells, message",
    [
        ((("1", "r"), ("1", "2")), "cell '2'; allowed: 1, 0, C, r, S, X, Y, Z, XY, XZ, YZ, XYZ"),
        ((("r", "YX"),), "cell 'YX'; allowed: "),
        ((("r", "x"),), "cell 'x'; allowed: "),
        ((("r", ""),), "cell ''; allowed: "),
        ((("1", "r"), ("1",)), "rows of unequal length; allowed: a rectangle of cells"),
        ((), "allowed: a rectangle of cells"),
        ((("1", "0"), ("C", "XY")), "no start cell; allowed: one or more of r, S"),
    ],
)
def test_what_is_no_layout_is_refused_in_one_line(cells, message):
    with pytest.raises(ValueError) as error:
        Layout("Mine", cells)
    assert str(error.value).startswith("layout Mine: ") and message in str(error.value)
    assert "\n" not in str(error.value)


def test_every_kind_of_block_is_understood():
    layout = Layout("Blocks", (("r", "X", "Y", "Z"), ("XY", "XZ", "YZ", "XYZ"), ("S", "0", "C", "1")))
    tokens = ["X", "Y", "Z", "XY", "XZ", "YZ", "XYZ"]
    assert [block.axes for block in layout.blocks] == [*tokens, "XY"]
    assert [block.falls for block in layout.blocks] == ["Z" in token for token in tokens] + [False]
    assert [block.spins for block in layout.blocks] == [False] * 7 + [True]
    assert [layout.cells[row][column] for row, column in (b.cell for b in layout.blocks)] == [*tokens, "S"]
    assert layout.start_cells == ((0, 0), (2, 0))


def test_centres_of_lists_cells_in_reading_order():
    layout = LAYOUTS["Fall"]
    np.testing.assert_array_equal(layout.centres_of("C", 8.0), [[0, 16], [8, 16]])
    np.testing.assert_array_equal(layout.centres_of("YZ", 4.0), [[4, 4]])
    assert layout.centres_of("XY", 8.0).shape == (0, 2)
    assert len(layout.centres_of("1", 8.0)) == 16


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


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_is_wall_and_is_inside_agree_with_the_picture_everywhere(layout):
    size = 4.0
    along = np.arange(-17, 32) + 0.1
    grid = np.stack(np.meshgrid(along, along), axis=-1)
    walls, insides = layout.is_wall(grid, size), layout.is_inside(grid, size)
    assert walls.any() and insides.any() and not (walls | insides).all()
    start_row, start_column = layout.start_cells[0]
    for index in np.ndindex(walls.shape):
        x, y = grid[index]
        row, column = (int(np.floor(v / size + 0.5)) for v in (y, x))
        row, column = row + start_row, column + start_column
        in_grid = 0 <= row < len(layout.cells) and 0 <= column < len(layout.cells[0])
        token = layout.cells[row][column] if in_grid else None
        assert walls[index] == (token == "1")
        assert insides[index] == (token is not None and token != "1")
        assert layout.is_inside(grid[index], size) == insides[index]


def test_several_start_cells_are_listed_in_reading_order():
    assert TWO_STARTS.start_cells == ((0, 1), (0, 2))
    assert TWO_STARTS.cells_of("1") == ((0, 0), (0, 3))
