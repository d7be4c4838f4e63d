"""The gather arena: a square room in which apples are to be taken and bombs to be left alone.

rllab's task (arXiv 1604.06778), in HIRO's table 1 as Ant Gather; sizes and ends as in its appendix B.1 and in
HRAC.
"""

import copy
from typing import NamedTuple

import mujoco
import numpy as np

from environments.gather_sensors import BINS, readings
from environments.layouts import FLOOR, START, WALL, Layout
from environments.maze import Maze
from environments.robots import Robot
from environments.tasks import Task

APPLES = BOMBS = 8
ACTIVITY_RANGE = 10.0  # metres, HIRO's and HRAC's; rllab's own default is 6
SMALLEST_RANGE, LARGEST_RANGE = 5, 38  # room for all objects; within the floor that is drawn
FALL_REWARD = -10.0

_SPACING = 2.0  # metres, between places of objects, and from the start to the nearest of them
_TAKEN_WITHIN = 1.0  # metres
_UPRIGHT = (0.3, 1.0)  # metres, heights of the torso of an ant that has not fallen
_AWAY = np.array((0.0, 0.0, -3.0))  # under the floor: where objects are that are not there
_CELLS = 5  # of the grid for maps, along an edge of the room
_RADIUS = 0.5  # metres, of an object in pictures
_WALL_HALF_THICKNESS, _WALL_HALF_HEIGHT = 0.5, 1.0
_KINDS = (("apple", APPLES, (0.1, 0.7, 0.2, 1.0)), ("bomb", BOMBS, (0.85, 0.1, 0.1, 1.0)))
_WORTH = np.repeat((1.0, -1.0), (APPLES, BOMBS))


class GatherResult(NamedTuple):
    """What a step has brought.

    Attributes:
      reward: +1 for every apple and -1 for every bomb taken, or -10 for a fall, float64 [...].
      terminated: whether nothing is left, or the ant has fallen where that ends an episode, bool [...].
      objects: where they are now, apples first, metres, [..., n, 3].
      taken: which were taken in this step, bool [..., n].
    """

    reward: np.ndarray
    terminated: np.ndarray
    objects: np.ndarray
    taken: np.ndarray


class Arena(Maze):
    """A maze of one room, without a target, with objects that are placed anew for every episode.

    Objects touch nothing; a taken one is put under the floor.

    Attributes:
      activity_range: metres; the walls stand at +-(activity_range + 0.5).
      ends_on_fall: whether an episode ends, with a reward of -10, when the ant falls.
      sites: where objects may be, x, y in metres, [m, 2].
    """

    def __init__(self, robot: Robot, activity_range: float = ACTIVITY_RANGE, ends_on_fall: bool = False):
        """Compiles the arena.

        Args:
          robot: who lives in it.
          activity_range, ends_on_fall: see the attributes.

        Raises:
          ValueError: a range outside 5 to 38, or falls of a robot that cannot fall.
        """
        _check(robot, activity_range, ends_on_fall)
        self.activity_range = float(activity_range)
        self.ends_on_fall = ends_on_fall
        self.sites = _sites(self.activity_range)
        robot = copy.copy(robot)
        robot.cell_size = (2 * self.activity_range + 1) / _CELLS
        super().__init__(_room(), robot)
        nothing = np.zeros(0, np.float32)
        self.task = Task((), nothing, nothing, nothing.reshape(0, 0))
        self.object_ids = np.flatnonzero(self.model.body_mocapid >= 0)
        self.observation_size += 2 * BINS

    @property
    def wall_height(self) -> float:
        return _WALL_HALF_HEIGHT

    @property
    def parameters(self):
        return {"activity_range": self.activity_range, "ends_on_fall": self.ends_on_fall}

    def _spec(self):
        spec = super()._spec()
        for kind, count, colour in _KINDS:
            for number in range(count):
                body = spec.worldbody.add_body(name=f"{kind}_{number}", pos=_AWAY, mocap=True)
                body.add_geom(
                    name=f"{kind}_{number}_geom",
                    type=mujoco.mjtGeom.mjGEOM_SPHERE,
                    size=(_RADIUS, 0, 0),
                    rgba=colour,
                    contype=0,
                    conaffinity=0,
                )
        return spec

    def _add_cells(self, world):
        """Four walls; the cells of the layout are for maps alone."""
        distance = self.activity_range + 1
        length = distance + _WALL_HALF_THICKNESS
        for number, (x, y) in enumerate(((0, -1), (0, 1), (-1, 0), (1, 0)), start=1):
            half_x, half_y = (_WALL_HALF_THICKNESS, length) if x else (length, _WALL_HALF_THICKNESS)
            centre = (x * distance, y * distance, 0.0)
            self._add_box(world, f"wall_{number}", centre, (half_x, half_y, _WALL_HALF_HEIGHT))

    def draw_objects(self, rng: np.random.Generator) -> np.ndarray:
        """Draws where objects are as an episode begins, apples first, metres, float64 [n, 3]."""
        chosen = rng.choice(len(self.sites), APPLES + BOMBS, replace=False)
        return np.pad(self.sites[chosen], ((0, 0), (0, 1)), constant_values=_RADIUS)

    def outcome(self, qpos: np.ndarray, xpos: np.ndarray) -> GatherResult:
        """Takes the objects that the robot has come near to.

        Args:
          qpos: positions after a step, [..., nq].
          xpos: positions of bodies, of which the objects' are looked at, [..., bodies, 3].
        """
        objects = xpos[..., self.object_ids, :]  # [..., n, 3]
        distances = np.sqrt(np.sum(np.square(objects[..., :2] - qpos[..., None, :2]), axis=-1))
        fallen = self._has_fallen(qpos)
        taken = _is_there(objects) & (distances < _TAKEN_WITHIN) & ~fallen[..., None]
        objects = np.where(taken[..., None], _AWAY, objects)
        reward = np.where(fallen, FALL_REWARD, taken @ _WORTH)
        return GatherResult(reward, fallen | ~_is_there(objects).any(axis=-1), objects, taken)

    def _has_fallen(self, qpos):
        """Whether an episode ends because of the torso's height, bool [...]."""
        if not self.ends_on_fall:
            return np.zeros(qpos.shape[:-1], bool)
        low, high = _UPRIGHT
        return ~((qpos[..., 2] >= low) & (qpos[..., 2] <= high))

    def observe(self, qpos, qvel, xpos, steps):
        """As `Maze.observe`: robot q and v, 10 apple and 10 bomb readings, 0.001 t."""
        own = super().observe(qpos, qvel, xpos, steps)
        objects = xpos[..., self.object_ids, :]
        heading, is_there = self.robot.heading(qpos), _is_there(objects)
        sensed = [
            readings(qpos[..., :2], heading, objects[..., kind, :2], is_there[..., kind]).astype(np.float32)
            for kind in (slice(APPLES), slice(APPLES, None))
        ]
        return np.concatenate([own[..., :-1], *sensed, own[..., -1:]], axis=-1)

    def objects_xy(self, xpos):
        objects = xpos[..., self.object_ids, :]
        shown = np.where(_is_there(objects)[..., None], objects[..., :2], np.nan)
        return {"apple": shown[..., :APPLES, :], "bomb": shown[..., APPLES:, :]}


def _is_there(objects):
    """Which objects, [..., 3], are not away, bool [...]."""
    return objects[..., 2] > 0


def _sites(activity_range):
    """2 (i, j), -activity_range / 2 <= i, j < activity_range / 2 whole, off the start, metres, [m, 2]."""
    half = activity_range / 2
    along = _SPACING * np.arange(np.ceil(-half), np.ceil(half))
    sites = np.stack(np.meshgrid(along, along, indexing="ij"), axis=-1).reshape(-1, 2)
    return sites[np.hypot(*sites.T) >= _SPACING]


def _room():
    """The grid that maps are drawn on."""
    inside = [WALL, *[FLOOR] * _CELLS, WALL]
    rows = [[WALL] * (_CELLS + 2), *([*inside] for _ in range(_CELLS)), [WALL] * (_CELLS + 2)]
    rows[_CELLS // 2 + 1][_CELLS // 2 + 1] = START
    return Layout("Gather", tuple(map(tuple, rows)))


def _check(robot, activity_range, ends_on_fall):
    is_number = isinstance(activity_range, (int, float)) and not isinstance(activity_range, bool)
    if not (is_number and SMALLEST_RANGE <= activity_range <= LARGEST_RANGE):
        raise ValueError(
            f"activity_range = {activity_range!r}; allowed: {SMALLEST_RANGE} to {LARGEST_RANGE}, metres"
        )
    if not isinstance(ends_on_fall, bool):
        raise ValueError(f"ends_on_fall = {ends_on_fall!r}; allowed: True, False")
    if ends_on_fall and not robot.has_height:
        raise ValueError(f"ends_on_fall = True; a {robot.name.lower()} cannot fall, allowed: False")
