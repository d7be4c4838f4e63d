"""What a robot sees of the maze around it: the top-down view and the range sensors.

Pure functions of geometry, on any leading batch shape.
"""

import math

import numpy as np

from environments.layouts import CHASM, WALL, Layout

VIEW_CELLS = 5  # a view has 5 x 5 cells
VIEW_CHANNELS = 3  # wall, chasm, movable block
VIEW_SIZE = VIEW_CELLS * VIEW_CELLS * VIEW_CHANNELS
RAY_CHANNELS = 3  # wall, drop-off, movable block
SENSOR_RANGE = 3.0  # in cell sizes
_PARALLEL = 1e-8  # a ray and a side of a square whose cross product is smaller never meet


def top_down_view(
    robot_xy: np.ndarray, walls: np.ndarray, chasms: np.ndarray, blocks: np.ndarray, cell_size: float
) -> np.ndarray:
    """A coarse map of the surroundings, robot in the middle, axes not rotated.

    Every object is a square of one cell; its area is shared among the pixels that
    it overlaps, and areas of objects add up.  As in the original, an object whose
    centre lies before the first row (or column) of pixels is drawn one pixel
    further in, where it adds to what is there.

    Args:
      robot_xy: [..., 2].
      walls, chasms: centres of cells, [n, 2].
      blocks: centres of movable blocks, [..., n, 2].
      cell_size: side of a cell and of a pixel.

    Returns:
      [..., 5 rows (y), 5 columns (x), 3 channels: wall, chasm, movable block].
    """
    views = []
    for centres in (walls, chasms, blocks):
        relative = (centres - robot_xy[..., None, :]) / cell_size  # [..., n, 2]
        columns, rows = (_pixel_shares(relative[..., axis]) for axis in (0, 1))  # [..., n, 5]
        views.append(np.einsum("...nr,...nc->...rc", rows, columns))
    return np.stack(views, axis=-1)


def _pixel_shares(offset):
    """Which share of a unit interval, centred `offset` [...] from the robot, lies in each pixel, [..., 5]."""
    position = VIEW_CELLS // 2 + (offset + 0.5)
    # Rounding towards zero plus the remainder of rounding down: the same number where
    # it is positive, one more where it is negative and not whole.
    position = np.trunc(position) + position % 1
    pixels = np.arange(VIEW_CELLS) + 0.5
    return np.clip(1.0 - np.abs(position[..., None] - pixels), 0.0, None)


def range_sensors(
    robot_position: np.ndarray,
    heading: np.ndarray,
    num_rays: int,
    layout: Layout,
    blocks: np.ndarray,
    cell_size: float,
) -> np.ndarray:
    """Readings of rays all around the robot.

    Ray i points along heading - pi + (2 i + 1) pi / n.  What it meets first, the
    outline of a wall cell, of a chasm cell or of a movable block (with a full
    cell's size, and only if it reaches to the robot's height), is read as
    (R - distance) / R in that thing's channel, with R = 3 cells; 0 beyond R.

    Args:
      robot_position: x, y, z, [..., 3].
      heading: rad, [...].
      num_rays: n.
      layout: the maze.
      blocks: centres of the movable blocks, [..., b, 3].
      cell_size: side of a cell.

    Returns:
      [..., n, 3 channels: wall, drop-off, movable block].
    """
    # Walls and chasms in reading order, then blocks: of two equally near ones the first is read.
    cells = layout.cells_of(WALL, CHASM)
    still = np.array([layout.centre(cell, cell_size) for cell in cells]).reshape(-1, 2)
    is_chasm = np.array([layout.cells[row][column] == CHASM for row, column in cells], bool)
    batch = robot_position.shape[:-1]
    centres = np.concatenate([np.broadcast_to(still, (*batch, *still.shape)), blocks[..., :2]], axis=-2)
    channel = np.concatenate([is_chasm.astype(np.int64), np.full(blocks.shape[-2], 2)])
    if not channel.size:
        return np.zeros((*batch, num_rays, RAY_CHANNELS))

    angles = heading[..., None] - np.pi + (2 * np.arange(num_rays) + 1) / (2 * num_rays) * 2 * np.pi
    distances = _distances(robot_position[..., :2], angles, centres, cell_size)  # [..., n, objects]
    reaches = np.abs(blocks[..., 2] - robot_position[..., None, 2]) <= cell_size / 4
    is_there = np.concatenate([np.ones((*batch, len(cells)), bool), reaches], axis=-1)
    distances = np.where(is_there[..., None, :], distances, np.inf)

    first = np.argmin(distances, axis=-1)[..., None]
    distance = np.take_along_axis(distances, first, axis=-1)
    sensor_range = SENSOR_RANGE * cell_size
    reading = np.where(distance <= sensor_range, (sensor_range - distance) / sensor_range, 0.0)
    return np.where(channel[first] == np.arange(RAY_CHANNELS), reading, 0.0)


def _distances(origin, angles, centres, side):
    """Distances along rays to the outlines of squares; inf where a ray misses.

    Where two squares share an edge they are equally near, and rounding decides which one is read.  So
    this is the original's arithmetic, operation by operation: every side of a square is a line from
    a to b, the ray one from o to p; they meet at o + r (p - o) = a + s (b - a), the mean of both.

    Args:
      origin: of the rays, [..., 2].
      angles: [..., n].
      centres: of the squares, [..., m, 2].
      side: of every square.

    Returns:
      [..., n, m].
    """
    low, high = centres - 0.5 * side, centres + 0.5 * side  # [..., m, 2]
    (left, bottom), (right, top) = (np.moveaxis(corner, -1, 0) for corner in (low, high))
    xs, ys = np.stack([left, right, right, left], axis=-2), np.stack([bottom, bottom, top, top], axis=-2)
    ax, ay = xs[..., None, :, :], ys[..., None, :, :]  # the corners, [..., 1, 4, m]
    dx, dy = np.roll(ax, -1, axis=-2) - ax, np.roll(ay, -1, axis=-2) - ay
    ox, oy = (origin[..., axis, None, None, None] for axis in (0, 1))
    # libm's, as in the original; NumPy's own differ from it in the last bit.
    cos, sin = (np.vectorize(of, otypes=[float])(angles)[..., None, None] for of in (math.cos, math.sin))
    px, py = (ox + cos) - ox, (oy + sin) - oy  # [..., n, 1, 1]
    determinant = -px * dy + py * dx  # [..., n, 4, m]
    is_parallel = np.abs(determinant) < _PARALLEL
    inverse = 1.0 / np.where(is_parallel, 1.0, determinant)
    r = inverse * (-dy * (ax - ox) + dx * (ay - oy))
    s = inverse * (-py * (ax - ox) + px * (ay - oy))
    x, y = (ox + r * px + ax + s * dx) / 2.0, (oy + r * py + ay + s * dy) / 2.0
    distance = np.sqrt((x - ox) ** 2 + (y - oy) ** 2)
    meets = ~is_parallel & (r >= 0) & (s >= 0) & (s <= 1)
    return np.min(np.where(meets, distance, np.inf), axis=-2)
