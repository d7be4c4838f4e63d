"""Episodes that end by the low level's condition functions (`cond_fn`).

By default an episode is the environment's own.  An agent with other conditions
decides itself when an episode ends, and whether the environment begins the next
one in a new first state or goes on where it is.
"""

import tensorflow as tf
from tf_agents.environments import tf_py_environment
from tf_agents.trajectories import time_step as ts

from efficient_hrl.cond_fn import ends_episodes, has_conditions
from environments.batched import BatchedEnvironment


class ConditionedEnvironment(tf_py_environment.TFPyEnvironment):
    """An environment whose episodes an agent's conditions end.

    Attributes:
      counts: whether the last step counts (`step_cond_fn`), bool [N]; what does not
        count is not stored.
    """

    def __init__(self, py_env: BatchedEnvironment, agent):
        """Asks `agent` after every step of `py_env`."""
        super().__init__(py_env)
        self._py_env = py_env
        self._agent = agent
        zeros = lambda dtype: tf.Variable(tf.zeros([py_env.batch_size], dtype), trainable=False)
        observation_shape = [py_env.batch_size, *self.observation_spec().shape]
        self.counts = zeros(tf.bool)
        self._observation = tf.Variable(tf.zeros(observation_shape), trainable=False)
        self._steps = zeros(tf.int64)
        self._episodes = zeros(tf.int64)

    def variables(self) -> dict[str, tf.Variable]:
        """What a checkpoint must hold, by name."""
        return {
            "counts": self.counts,
            "observation": self._observation,
            "steps": self._steps,
            "episodes": self._episodes,
        }

    def _reset(self):
        time_step = super()._reset()
        self._observation.assign(time_step.observation)
        self._episodes.assign_add(tf.ones_like(self._episodes))
        return time_step

    def _step(self, actions):
        state = tf.identity(self._observation)
        time_step = super()._step(actions)
        began = time_step.is_first()
        self._observation.assign(time_step.observation)
        self._steps.assign_add(tf.cast(~began, tf.int64))
        self._episodes.assign_add(tf.cast(began, tf.int64))
        holds = lambda condition, transition_type: (
            condition(
                self._agent,
                state,
                actions,
                transition_type,
                tf.identity(self._steps),
                tf.identity(self._episodes),
            )
            & ~began
        )
        ended = time_step.is_last()
        # Every real step is a transition, also the one by which an episode ends: without
        # it nothing could be learned from a termination.
        self.counts.assign(holds(self._agent.step_cond_fn, began))
        restarts = holds(self._agent.reset_env_cond_fn, ended)
        # A reset in the middle of an episode is its end: nothing leads from state to state.
        ends = (holds(self._agent.reset_episode_cond_fn, ended) | restarts) & ~ended
        done = tf.numpy_function(self._end_episodes, [ends, ~restarts], tf.bool)
        with tf.control_dependencies([done]):
            step_type = tf.where(ends, ts.StepType.LAST, time_step.step_type)
        return time_step._replace(step_type=step_type)

    def _end_episodes(self, ends, goes_on):
        self._py_env.end_episodes(ends, goes_on)
        return True


def environment_for(py_env: BatchedEnvironment, agent) -> tf_py_environment.TFPyEnvironment:
    """The environment in which an agent collects."""
    if not has_conditions(agent):
        return tf_py_environment.TFPyEnvironment(py_env)
    if ends_episodes(agent):
        py_env.episode_steps = None
    return ConditionedEnvironment(py_env, agent)


def is_abandoned(time_step: ts.TimeStep, next_time_step: ts.TimeStep) -> tf.Tensor:
    """Whether an episode was abandoned with this step because its simulation became unstable, bool [B].

    The next time step then is the first one of another episode, although this one is
    not the last of the old one; see `BatchedEnvironment`.
    """
    return next_time_step.is_first() & ~time_step.is_last()


def total_reward(reward: tf.Tensor) -> tf.Tensor:
    """Rewards [B] or [B, R], summed over reward dimensions, [B]."""
    return reward if reward.shape.rank == 1 else tf.reduce_sum(reward, axis=-1)
