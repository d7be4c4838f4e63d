"""The definition of a maze: layout x robot, compiled, and what is observed of it.

A `Maze` holds no state.  `maze_env.MazeEnv` is one running simulation of it;
`batched.py` runs many.
"""

import reprlib
from collections.abc import Sequence
from typing import Any

import mujoco
import numpy as np

from environments.instability import count_instead_of_warning
from environments.layouts import CHASM, WALL, Block, Layout
from environments.robots import Robot
from environments.sensors import RAY_CHANNELS, VIEW_SIZE, range_sensors, top_down_view
from environments.tasks import SUCCESS_DISTANCE, Task, task_for

__all__ = ["TIME_SCALE", "Maze"]

TIME_SCALE = 0.001  # the last observation entry is TIME_SCALE * environment steps so far

_FLOOR_SIZE = 40.0  # metres, half the width
_TARGET_DRAWS = 1000  # after which a target that is already reached is good enough
_MOST_DRAWS = 100_000  # of a target, after which a task has none inside its maze
_GEOM = mujoco.mjtGeom
_SOLID = {"contype": 1, "conaffinity": 1, "condim": 3}
_FALLING_MASS, _SLIDING_MASS = 0.001, 0.0002  # kg
_FALLING_SCALE, _SPINNING_SCALE = 0.99, 0.1  # of a full cell's block


class Maze:
    """A layout and a robot, compiled; shared by every simulation of it.

    Attributes:
      name: e.g. "AntMaze".
      layout, robot, task: what it is made of.
      num_rays: range sensors in an observation.
      has_view: whether observations hold the top-down view.
      model: the compiled `mujoco.MjModel`.
      action_low, action_high: float32 [A].
      observation_size: length of an observation.
      dt: seconds per environment step.
      torso_id: body id of the robot's torso.
      block_ids: body ids of the movable blocks, int [b].
      observed_block_ids: those whose positions are part of observations.
      object_ids: body ids of what is placed anew for every episode, int [n]; none in mazes.
    """

    def __init__(
        self,
        layout: Layout,
        robot: Robot,
        num_rays: int = 0,
        has_view: bool = False,
        task: Task | None = None,
    ):
        """Compiles a maze.

        Args:
          layout, robot, num_rays, has_view: see the attributes.
          task: None is that of the layout, see `task_for`.
        """
        self.name = "Ego" * bool(num_rays) + robot.name + layout.name
        self.layout = layout
        self.robot = robot
        self.num_rays = num_rays
        self.has_view = has_view
        self.task: Task = task or task_for(layout, robot)
        count_instead_of_warning()
        self.model = self._spec().compile()
        self.action_low = self.model.actuator_ctrlrange[:, 0].astype(np.float32)
        self.action_high = self.model.actuator_ctrlrange[:, 1].astype(np.float32)
        self.dt = self.model.opt.timestep * robot.frame_skip
        self.torso_id = self._body_id("torso")
        self.block_ids = np.array([self._body_id(_name("movable", b.cell)) for b in layout.blocks], np.int64)
        self.object_ids = np.zeros(0, np.int64)
        self._walls = layout.centres_of(WALL, robot.cell_size)
        self._chasms = layout.centres_of(CHASM, robot.cell_size)
        self.observed_block_ids = self.block_ids if layout.observes_blocks else self.block_ids[:0]
        self.observation_size = (
            robot.nq
            + robot.nv
            + 3 * len(self.observed_block_ids)
            + RAY_CHANNELS * num_rays
            + VIEW_SIZE * has_view
            + 1
        )

    def _body_id(self, name):
        found = mujoco.mj_name2id(self.model, mujoco.mjtObj.mjOBJ_BODY, name)
        if found < 0:
            raise ValueError(f"the model of {self.name} has no body {name!r}, see `Robot`")
        return found

    def _spec(self) -> mujoco.MjSpec:
        spec = mujoco.MjSpec()
        self.robot.set_defaults(spec)
        if any(not block.spins for block in self.layout.blocks):
            # Contacts as stiff as the original has them where a block is to be pushed.
            spec.default.geom.solimp[:3] = (0.995, 0.995, 0.01)
        world = spec.worldbody
        world.add_geom(
            name="floor",
            type=_GEOM.mjGEOM_PLANE,
            size=(self._floor_size(), self._floor_size(), 40),
            rgba=(0.8, 0.9, 0.8, 1),
            **_SOLID,
        )
        _add_light_and_sky(spec)
        self._add_cells(world)
        self.robot.add_to(spec, self.floor_height)
        for block in self.layout.blocks:
            self._add_block(world, block)
        return spec

    def _add_cells(self, world):
        for row, tokens in enumerate(self.layout.cells):
            for column, token in enumerate(tokens):
                if self.layout.is_elevated and token != CHASM:
                    self._add_cell(world, "elevated", (row, column), 0.0, 0.9)
                if token == WALL:
                    self._add_cell(world, "block", (row, column), self.floor_height, 0.4)

    @property
    def wall_height(self) -> float:
        """Height of walls above the ground that the robot starts on, in metres."""
        return self.robot.cell_size / 2

    def _floor_size(self):
        """Half the width of the floor that is drawn, metres; what collides has no end."""
        last = np.array((len(self.layout.cells), len(self.layout.cells[0]))) - 1
        corners = [self.layout.centre(cell, self.robot.cell_size) for cell in ((0, 0), tuple(last))]
        return max(_FLOOR_SIZE, np.abs(corners).max() + self.robot.cell_size / 2)

    @property
    def floor_height(self) -> float:
        """Height of the ground that the robot starts on, in metres."""
        return self.robot.cell_size / 2 if self.layout.is_elevated else 0.0

    def _add_cell(self, world, kind, cell, height, grey):
        side = self.robot.cell_size
        x, y = self.layout.centre(cell, side)
        self._add_box(
            world, _name(kind, cell), (x, y, height + side / 4), (side / 2, side / 2, side / 4), grey
        )

    def _add_box(self, world, name, centre, half_sizes, grey=0.4):
        world.add_geom(
            name=name,
            type=_GEOM.mjGEOM_BOX,
            pos=centre,
            size=half_sizes,
            rgba=(grey, grey, grey, 1),
            **_SOLID,
        )

    def _add_block(self, world, block: Block):
        side = self.robot.cell_size
        x, y = self.layout.centre(block.cell, side)
        half_width, half_height = side / 2, side / 4
        if block.spins:
            half_width, half_height = _SPINNING_SCALE * half_width, _SPINNING_SCALE * half_height
            x += side / 4
        elif block.falls:
            half_width *= _FALLING_SCALE
        body = world.add_body(name=_name("movable", block.cell), pos=(x, y, self.floor_height + half_height))
        body.add_geom(
            name=_name("block", block.cell),
            type=_GEOM.mjGEOM_BOX,
            size=(half_width, half_width, half_height),
            mass=_FALLING_MASS if block.falls else _SLIDING_MASS,
            rgba=(0.9, 0.1, 0.1, 1),
            **_SOLID,
        )
        free = {"armature": 0.0, "damping": 0.0, "limited": False}
        for number, axis in enumerate("XYZ"):
            if axis in block.axes:
                body.add_joint(
                    name=_name(f"movable_{axis.lower()}", block.cell),
                    type=mujoco.mjtJoint.mjJNT_SLIDE,
                    axis=np.eye(3)[number],
                    margin=0.01,
                    range=(-side / 2, 0) if axis == "Z" else (-side, side),
                    **(free | {"limited": block.falls}),
                )
        if block.spins:
            ball = mujoco.mjtJoint.mjJNT_BALL
            body.add_joint(
                name=_name("spinable", block.cell), type=ball, axis=(0, 0, 1), range=(0, 0), **free
            )

    def first_state(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Draws an episode's first positions and velocities, float64 [nq], [nv].

        The robot's own coordinates are perturbed; everything else has the
        model's default position and no velocity.
        """
        qpos = self.model.qpos0.copy()
        qvel = np.zeros(self.model.nv)
        starts = self.layout.start_cells
        if len(starts) > 1:
            qpos[:2] += self.layout.centre(starts[rng.integers(len(starts))], self.robot.cell_size)
        noise_q, noise_v = self.robot.reset_noise(rng)
        qpos[: self.robot.nq] += noise_q
        qvel[: self.robot.nv] += noise_v
        return qpos, qvel

    def checked_target(self, target: Sequence[float] | np.ndarray) -> np.ndarray:
        """A target as float32 [d].

        Raises:
          ValueError: not d numbers, or a position outside the maze, in a wall or behind walls.
        """
        task, side = self.task, self.robot.cell_size
        try:
            position = np.array(target, np.float32)
        except (TypeError, ValueError):
            position = np.array(np.nan)
        if position.shape != task.low.shape or not np.all(np.isfinite(position)):
            shown = " ".join(reprlib.repr(target).split())
            raise ValueError(f"target {shown}; allowed: {len(task.low)} numbers, metres from the start")
        height = position[2:]
        is_level = np.all((height >= task.low[2:]) & (height <= task.high[2:]))
        if not (is_level and self.layout.is_inside(position[:2], side)):
            raise ValueError(
                f"target {position.tolist()} is outside {self.name} or in a wall; targets lie within"
                f" {task.low.tolist()} to {task.high.tolist()}, off the walls"
            )
        row, column = self.layout.cell_at(position[:2], side)
        if (int(row), int(column)) not in self.layout.reachable_cells:
            raise ValueError(
                f"target {position.tolist()} cannot be reached from the start of {self.name}; allowed: places"
                " to which a way leads"
            )
        return position

    def draw_target(self, rng: np.random.Generator, observation: np.ndarray) -> np.ndarray:
        """Draws a target uniformly among those in the maze that are not reached yet, float32 [d].

        In a layout so small that all of it is reached already, so is the target.

        Args:
          rng: the generator.
          observation: of an episode's first state, [S].

        Raises:
          ValueError: the task's range holds no place inside the maze.
        """
        task = self.task
        achieved = task.achieved(observation)
        draws_left, inside = _TARGET_DRAWS, None
        for _ in range(_MOST_DRAWS):
            target = task.draw(rng, 1)[0].astype(np.float32)
            if not self.layout.is_inside(target[:2], self.robot.cell_size):
                continue
            draws_left, inside = draws_left - 1, target
            if not draws_left or np.linalg.norm(target - achieved) >= SUCCESS_DISTANCE:
                return target
        if inside is not None:
            return inside
        raise ValueError(
            f"{self.name}: none of {_MOST_DRAWS:,} targets drawn within {task.low.tolist()} to"
            f" {task.high.tolist()} lies inside the maze; allowed: a Task with places off the walls"
        )

    def undo_moves_into_walls(self, qpos: np.ndarray, xpos: np.ndarray, xy_before: np.ndarray) -> np.ndarray:
        """Restores x, y of robots that a step has put into a wall cell.

        Args:
          qpos: positions after the step, float64 [..., nq]; changed in place.
          xpos: positions of bodies after it, [..., bodies, 3]; changed in place.
          xy_before: robot positions before it, [..., 2].

        Returns:
          Which robots were put back, bool [...].
        """
        if not self.robot.is_stopped_by_walls:
            return np.zeros(qpos.shape[:-1], bool)
        hit = self.layout.is_wall(qpos[..., :2], self.robot.cell_size)
        qpos[..., :2] = np.where(hit[..., None], xy_before, qpos[..., :2])
        torso_xy = xpos[..., self.torso_id, :2]
        xpos[..., self.torso_id, :2] = np.where(hit[..., None], xy_before, torso_xy)
        return hit

    def observe(
        self, qpos: np.ndarray, qvel: np.ndarray, xpos: np.ndarray, steps: np.ndarray | int
    ) -> np.ndarray:
        """What the robot perceives, float32 [..., observation_size].

        Robot q (in Block tasks with each block's x, y, z after the first three
        entries), robot v, range readings, view, 0.001 t; absent parts take no
        room.

        Args:
          qpos, qvel: [..., nq], [..., nv].
          xpos: positions of bodies as the last step has left them, [..., bodies, 3].
          steps: environment steps since the episode began, [...] or a number.
        """
        robot = self.robot
        parts = [qpos[..., : robot.nq], qvel[..., : robot.nv]]
        batch = qpos.shape[:-1]
        if len(self.observed_block_ids):
            blocks = xpos[..., self.observed_block_ids, :].reshape(*batch, -1)
            parts[:1] = [qpos[..., :3], blocks, qpos[..., 3 : robot.nq]]
        if self.num_rays:
            parts.append(self.range_readings(qpos, xpos).reshape(*batch, -1))
        if self.has_view:
            parts.append(self.view(xpos).reshape(*batch, -1))
        parts.append(np.broadcast_to(np.asarray(TIME_SCALE * steps)[..., None], (*batch, 1)))
        return np.concatenate(parts, axis=-1).astype(np.float32)

    @property
    def parameters(self) -> dict[str, Any]:
        """What `gymnasium.make` must be told beside the id; {} in mazes."""
        return {}

    def objects_xy(self, xpos: np.ndarray) -> dict[str, np.ndarray]:
        """Kind of object -> x, y in metres, [..., n, 2], NaN for those that are gone; {} in mazes.

        Args:
          xpos: positions of bodies, [..., bodies, 3].
        """
        del xpos
        return {}

    def range_readings(self, qpos: np.ndarray, xpos: np.ndarray) -> np.ndarray:
        """Range sensors, [..., rays, 3]; see `sensors.range_sensors`."""
        return range_sensors(
            xpos[..., self.torso_id, :],
            self.robot.heading(qpos),
            self.num_rays,
            self.layout,
            xpos[..., self.block_ids, :],
            self.robot.cell_size,
        )

    def view(self, xpos: np.ndarray) -> np.ndarray:
        """Top-down view, [..., 5, 5, 3]; see `sensors.top_down_view`."""
        return top_down_view(
            xpos[..., self.torso_id, :2],
            self._walls,
            self._chasms,
            xpos[..., self.block_ids, :2],
            self.robot.cell_size,
        )


def _add_light_and_sky(spec):
    """What only pictures need: a slanting light, so that the sides of boxes differ, and a background."""
    spec.worldbody.add_light(
        type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL,
        pos=(0, 0, 30),
        dir=(0.3, 0.5, -1),
        diffuse=(0.4, 0.4, 0.4),
        specular=(0, 0, 0),
        castshadow=False,
    )
    spec.visual.headlight.ambient = (0.3, 0.3, 0.3)
    spec.visual.headlight.diffuse = (0.3, 0.3, 0.3)
    spec.visual.headlight.specular = (0, 0, 0)
    spec.add_texture(
        name="sky",
        type=mujoco.mjtTexture.mjTEXTURE_SKYBOX,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_FLAT,
        rgb1=(0.75, 0.84, 0.75),
        rgb2=(0.75, 0.84, 0.75),
        width=8,
        height=8,
    )


def _name(kind, cell):
    return f"{kind}_{cell[0]}_{cell[1]}"
