"""When a simulation has gone wrong, and when numbers have.

A simulation can become unstable: contacts that are too stiff for the time step throw
bodies about ever faster.  MuJoCo then puts the default state in place of what it
cannot use and warns.  Such an episode is abandoned; it says nothing about the task.
A number that is NaN or infinite beyond that is a mistake in the program or in the
environment, and nothing may be learned from it.
"""

import mujoco
import numpy as np

# m/s or rad/s.  In 16,000 steps of hard random actions in each of the mazes no
# coordinate, small blocks included, was faster than 30.
MAX_SPEED = 1000.0

_W = mujoco.mjtWarning
_RESETS = slice(int(_W.mjWARN_BADQPOS), int(_W.mjWARN_BADQACC) + 1)  # after which the state is another one


class NonFiniteError(ArithmeticError):
    """A number is NaN or infinite where none may be; says which."""


def unstable(qvel: np.ndarray, warnings: np.ndarray) -> np.ndarray:
    """Which simulations became unstable in their last step, bool [N].

    Args:
      qvel: velocities after it, [N, nv].
      warnings: MuJoCo's, of `Batch.warning`, [N, kinds, (last, number)], counted since
        the simulations were last reset.

    Raises:
      NonFiniteError: a velocity is NaN or infinite and MuJoCo has not noticed.
    """
    was_reset = warnings[:, _RESETS, 1].any(axis=1)
    check_finite("MuJoCo's qvel", np.where(was_reset[:, None], 0.0, qvel))
    return was_reset | (np.abs(qvel).max(axis=1) >= MAX_SPEED)


def is_calm(qvel: np.ndarray, warnings: np.ndarray) -> bool:
    """Whether certainly none is unstable: what costs little to ask after every step."""
    # A comparison with NaN is false.
    return np.abs(qvel).max() < MAX_SPEED and not warnings[:, _RESETS, 1].any()


def check_finite(name: str, values: np.ndarray) -> None:
    """Raises a NonFiniteError that names the first entry of [N, ...] which is NaN or infinite."""
    if np.isfinite(values).all():
        return
    index = np.argwhere(~np.isfinite(values))[0]
    entry = f"[{', '.join(map(str, index[1:]))}]" if len(index) > 1 else ""
    raise NonFiniteError(f"{name}{entry} of environment {index[0]} is {values[tuple(index)]}")


def count_instead_of_warning() -> None:
    """Keeps MuJoCo from writing warnings to a file in the folder one happens to be in.

    For the whole process, unless it has a handler of its own.
    """
    if mujoco.get_mju_user_warning() is None:
        mujoco.set_mju_user_warning(lambda text: None)
