"""What is observed when robot or blocks are put somewhere else."""

from typing import NamedTuple

import mujoco
import numpy as np

from environments.maze import Maze


class Simulation(NamedTuple):
    """What an observation is made of, of any batch of simulations.

    Attributes:
      qpos, qvel: float64 [..., nq], [..., nv].
      xpos: positions of bodies, metres, [..., bodies, 3].
      steps: environment steps since the episode began, int [...].
    """

    qpos: np.ndarray
    qvel: np.ndarray
    xpos: np.ndarray
    steps: np.ndarray


def observe(maze: Maze, simulation: Simulation) -> np.ndarray:
    """`Maze.observe` of a simulation, float32 [..., S]."""
    return maze.observe(*simulation)


def at_rest(maze: Maze, xy: np.ndarray) -> Simulation:
    """The robot at rest in its reset posture at each position, blocks where they begin.

    Args:
      maze: the definition.
      xy: positions of the robot, metres, [n, 2].
    """
    data = mujoco.MjData(maze.model)
    qpos = np.tile(maze.model.qpos0, [len(xy), 1])
    qpos[:, :2] = xy
    xpos = np.empty([len(xy), maze.model.nbody, 3])
    for i, positions in enumerate(qpos):
        data.qpos[:] = positions
        mujoco.mj_kinematics(maze.model, data)
        xpos[i] = data.xpos
    return Simulation(qpos, np.zeros([len(xy), maze.model.nv]), xpos, np.zeros(len(xy), np.int64))


def moved_robot(maze: Maze, simulation: Simulation, shift: np.ndarray) -> Simulation:
    """The robot shifted with everything that belongs to it; velocities and posture stay.

    Args:
      maze: the definition.
      simulation: where everything is.
      shift: metres, [..., 3]; a robot without height stays on the floor.
    """
    dims = 3 if maze.robot.has_height else 2
    shift = np.where(np.arange(3) < dims, shift, 0.0)
    qpos, xpos = simulation.qpos.copy(), simulation.xpos.copy()
    qpos[..., :dims] += shift[..., :dims]
    own = maze.model.body_rootid == maze.torso_id
    xpos[..., own, :] += shift[..., None, :]
    return simulation._replace(qpos=qpos, xpos=xpos)


def moved_block(simulation: Simulation, block_id: int, shift: np.ndarray) -> Simulation:
    """A movable block shifted as it is observed: by the position of its body.

    Args:
      simulation: where everything is.
      block_id: the block's body, one of `Maze.block_ids`.
      shift: metres, [..., 3].
    """
    xpos = simulation.xpos.copy()
    xpos[..., block_id, :] += shift
    return simulation._replace(xpos=xpos)
