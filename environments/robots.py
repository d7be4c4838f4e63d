"""The robots that live in the mazes: model parts, control, reset noise.

A robot adds its own body to a MuJoCo specification whose world it does not
know.  All methods on states work on any leading batch shape, so that one
environment and a batch of them share one definition.
"""

import abc

import mujoco
import numpy as np

_FROM_ORIGIN = (0.0, 0.0, 0.0)
_GEOM = mujoco.mjtGeom
_JOINT = mujoco.mjtJoint
_BODY_COLOUR = (0.8, 0.6, 0.4, 1.0)


class Robot(abc.ABC):
    """What a maze needs to know about the robot that it holds.

    Its body is called "torso"; its first two position coordinates are x and y in metres, its third one its
    height where `has_height`; its actuators' control ranges are the action range.

    Attributes:
      name: the robot's part of an environment name.
      cell_size: side of a maze cell in metres.
      least_cell_size: of the smallest cell in which it can turn, metres.
      frame_skip: physics steps per environment step.
      nq, nv: how many position and velocity coordinates are the robot's own.
        They are the first ones of the model's.
      has_height: whether its third coordinate is its height.
    """

    name: str
    cell_size: float
    least_cell_size: float
    frame_skip: int
    nq: int
    nv: int
    has_height: bool

    def __init__(self, cell_size: float | None = None):
        """A robot for mazes with cells of `cell_size` metres; None is its own size."""
        if cell_size is not None:
            self.cell_size = float(cell_size)

    @abc.abstractmethod
    def set_defaults(self, spec: mujoco.MjSpec) -> None:
        """Sets the physics options and the default geom of the whole model."""

    @abc.abstractmethod
    def add_to(self, spec: mujoco.MjSpec, height: float) -> None:
        """Adds the robot's body and motors; its base is raised by `height` metres."""

    @abc.abstractmethod
    def begin_step(self, qpos: np.ndarray, action: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What an action does before physics runs.

        Args:
          qpos: positions, float64 [..., nq of the model].
          action: float32 [..., A] inside the action range.  Never modified.

        Returns:
          New positions like `qpos`, and motor controls, float64 [..., A].
        """

    @abc.abstractmethod
    def reward(
        self, torso_x_before: np.ndarray, torso_x_after: np.ndarray, action: np.ndarray, dt: float
    ) -> np.ndarray:
        """The robot's own reward, which knows nothing of targets.

        A hierarchy learns from it where `meta/Context.reward_fn = @plain_rewards`, and so does who steps
        `MazeEnv`.

        Args:
          torso_x_before, torso_x_after: x of the torso before and after the step, metres, [...].
          action: [..., A], inside the action range.
          dt: seconds of a step.

        Returns:
          float64 [...].
        """

    @abc.abstractmethod
    def heading(self, qpos: np.ndarray) -> np.ndarray:
        """Direction in which the robot looks, rad [...], from positions [..., nq of the model]."""

    @property
    def is_stopped_by_walls(self) -> bool:
        """Whether a move that ends in a wall cell is undone, contact aside."""
        return False

    def reset_noise(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Perturbation of an episode's first state: U(-0.1, 0.1) [nq], 0.1 N(0, 1) [nv]."""
        return rng.uniform(-0.1, 0.1, self.nq), 0.1 * rng.standard_normal(self.nv)


class Ant(Robot):
    """The classic ant: a free torso on four two-joint legs, eight motors."""

    name = "Ant"
    cell_size = 8.0
    least_cell_size = 3.0
    frame_skip = 5
    nq = 15
    nv = 14
    has_height = True

    _TORSO_HEIGHT = 0.75
    _CONTROL_LIMIT = 30.0
    # Per leg: direction of the leg in the plane, ankle axis, ankle range in
    # degrees, and the names that the classic model gives to its parts.
    _LEGS = (
        ((1, 1), (-1, 1, 0), (30, 70), "front_left_leg", "left_leg_geom", "left_ankle_geom"),
        ((-1, 1), (1, 1, 0), (-70, -30), "front_right_leg", "right_leg_geom", "right_ankle_geom"),
        ((-1, -1), (-1, 1, 0), (-70, -30), "back_leg", "back_leg_geom", "third_ankle_geom"),
        ((1, -1), (1, 1, 0), (30, 70), "right_back_leg", "rightback_leg_geom", "fourth_ankle_geom"),
    )
    # The classic model lists the motors of its fourth leg first.
    _MOTOR_ORDER = ("hip_4", "ankle_4", "hip_1", "ankle_1", "hip_2", "ankle_2", "hip_3", "ankle_3")

    def set_defaults(self, spec):
        spec.option.timestep = 0.02
        spec.option.integrator = mujoco.mjtIntegrator.mjINT_RK4
        geom = spec.default.geom
        geom.density = 5.0
        geom.margin = 0.01
        geom.friction = (1.0, 0.5, 0.5)
        geom.solref = (0.02, 1.0)
        geom.solimp[:3] = (0.8, 0.8, 0.01)

    def add_to(self, spec, height):
        torso = spec.worldbody.add_body(name="torso", pos=(0, 0, height + self._TORSO_HEIGHT))
        self._add_geom(torso, "torso_geom", type=_GEOM.mjGEOM_SPHERE, size=(0.25, 0, 0))
        torso.add_joint(name="root", type=_JOINT.mjJNT_FREE, margin=0.01)
        for number, (direction, ankle_axis, ankle_range, *names) in enumerate(self._LEGS, start=1):
            self._add_leg(torso, number, np.array(direction), ankle_axis, ankle_range, *names)
        limits = (-self._CONTROL_LIMIT, self._CONTROL_LIMIT)
        for joint in self._MOTOR_ORDER:
            motor = spec.add_actuator(trntype=mujoco.mjtTrn.mjTRN_JOINT, target=joint)
            motor.ctrllimited = True
            motor.ctrlrange = limits

    def _add_leg(self, torso, number, direction, ankle_axis, ankle_range, leg, leg_geom, ankle_geom):
        joint = {"type": _JOINT.mjJNT_HINGE, "limited": True, "armature": 1.0, "damping": 1.0}
        short = (*(0.2 * direction), 0.0)
        long = (*(0.4 * direction), 0.0)
        upper = torso.add_body(name=leg)
        self._add_capsule(upper, f"aux_{number}_geom", short)
        middle = upper.add_body(name=f"aux_{number}", pos=short)
        middle.add_joint(name=f"hip_{number}", axis=(0, 0, 1), range=(-30, 30), **joint)
        self._add_capsule(middle, leg_geom, short)
        lower = middle.add_body(pos=short)
        lower.add_joint(name=f"ankle_{number}", axis=ankle_axis, range=ankle_range, **joint)
        self._add_capsule(lower, ankle_geom, long)

    def _add_capsule(self, body, name, end):
        self._add_geom(body, name, type=_GEOM.mjGEOM_CAPSULE, fromto=(*_FROM_ORIGIN, *end), size=(0.08, 0, 0))

    def _add_geom(self, body, name, **shape):
        body.add_geom(name=name, contype=1, conaffinity=0, condim=3, rgba=_BODY_COLOUR, **shape)

    def begin_step(self, qpos, action):
        return qpos, np.asarray(action, np.float64)

    def reward(self, torso_x_before, torso_x_after, action, dt):
        """Forward speed, minus a control cost, plus 1 for being alive."""
        control_cost = 0.5 * np.sum(np.square(action), axis=-1)
        return (torso_x_after - torso_x_before) / dt - control_cost + 1.0

    def heading(self, qpos):
        """That of the body's x axis, projected on the floor."""
        w, x, y, z = (qpos[..., i] for i in range(3, 7))
        return np.arctan2(2 * (x * y + w * z), w * w + x * x - y * y - z * z)


class Point(Robot):
    """A point that drives forward and turns; action = (forward, turn)."""

    name = "Point"
    cell_size = 4.0
    least_cell_size = 2.0
    frame_skip = 1
    nq = 3
    nv = 3
    has_height = False

    _SPEED = 0.2  # metres per unit of the forward action
    _WORLD_LIMIT = 100.0  # metres

    def set_defaults(self, spec):
        spec.option.timestep = 0.02
        spec.option.integrator = mujoco.mjtIntegrator.mjINT_RK4
        geom = spec.default.geom
        geom.density = 100.0
        geom.friction = (1.0, 0.5, 0.5)

    def add_to(self, spec, height):
        torso = spec.worldbody.add_body(name="torso", pos=(0, 0, height))
        geom = {"contype": 1, "conaffinity": 0, "condim": 3, "rgba": _BODY_COLOUR}
        torso.add_geom(name="pointbody", type=_GEOM.mjGEOM_SPHERE, pos=(0, 0, 0.5), size=(0.5, 0, 0), **geom)
        torso.add_geom(
            name="pointarrow", type=_GEOM.mjGEOM_BOX, pos=(0.6, 0, 0.5), size=(0.5, 0.1, 0.1), **geom
        )
        torso.add_joint(name="ballx", type=_JOINT.mjJNT_SLIDE, axis=(1, 0, 0))
        torso.add_joint(name="bally", type=_JOINT.mjJNT_SLIDE, axis=(0, 1, 0))
        torso.add_joint(name="rot", type=_JOINT.mjJNT_HINGE, axis=(0, 0, 1))
        # The motors only declare the action range: moving is done on positions.
        for joint, limit in (("ballx", 1.0), ("rot", 0.25)):
            motor = spec.add_actuator(trntype=mujoco.mjtTrn.mjTRN_JOINT, target=joint)
            motor.ctrllimited = True
            motor.ctrlrange = (-limit, limit)

    @property
    def is_stopped_by_walls(self):
        return True

    def begin_step(self, qpos, action):
        qpos = np.array(qpos, np.float64)
        # The distance is rounded to single precision, as the recorded rollouts have it.
        forward = (self._SPEED * action[..., 0].astype(np.float64)).astype(np.float32)
        turn = action[..., 1]
        qpos[..., 2] += turn
        heading = qpos[..., 2]
        limit = self._WORLD_LIMIT
        qpos[..., 0] = np.clip(qpos[..., 0] + np.cos(heading) * forward, -limit, limit)
        qpos[..., 1] = np.clip(qpos[..., 1] + np.sin(heading) * forward, -limit, limit)
        return qpos, np.zeros(np.shape(action), np.float64)

    def reward(self, torso_x_before, torso_x_after, action, dt):
        """The point has no reward of its own: zeros."""
        del torso_x_after, action, dt
        return np.zeros_like(torso_x_before)

    def heading(self, qpos):
        return qpos[..., 2]


ROBOTS = {robot.name: robot for robot in (Ant, Point)}
