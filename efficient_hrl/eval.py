"""Evaluation: how well a hierarchy reaches the task's targets, without noise.

All episodes for a target run side by side in an environment of their own.  An
episode succeeds when the last task reward says that the target is nearer than
`success_distance` (HIRO's and NORL's protocol: 5, at the last of 500 steps).
"""

import pathlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TextIO

import gin
import numpy as np
import tensorflow as tf
from tf_agents.environments import tf_py_environment

from efficient_hrl.checks import (
    check_above_0,
    check_function,
    check_number,
    check_truth,
    check_whole,
    is_number,
)
from efficient_hrl.collect import is_broken_off, total_reward
from efficient_hrl.context.samplers import ConstantSampler
from efficient_hrl.evaluation.trajectories import Trajectory, record
from efficient_hrl.graph.compiled import compiled
from efficient_hrl.graph.machine import available_cpus
from efficient_hrl.hierarchical_policy import HierarchicalPolicy
from efficient_hrl.hierarchy import Hierarchy, build_hierarchy
from efficient_hrl.storage.weights import env_steps_of, saved_weights
from efficient_hrl.terminal.console import coloured, success_colour
from environments.gymnasium_task import GymnasiumTask
from environments.make_batched import check_environment, check_tells, episode_limit, make_batched
from environments.maze_env import MazeEnv

# Keeps evaluation's first states apart from those of training.
_SEED_OFFSET = 1_000_000


class EvalResult(NamedTuple):
    """Outcome for one target; rewards are means over episodes.

    Attributes:
      target: name of the evaluation mode, with "_nohrl" for the low level alone.
      episodes: how many.
      success_rate: share of successful episodes, 0 to 1: those near the target at the last step.
      reached_rate: share of episodes that were near the target at any step, 0 to 1, also where
        they left it or became unstable later.
      low_return, high_return: sums of rewards over an episode, of each level;
        the high level's are task rewards per environment step, not scaled.
      low_last_reward, high_last_reward: at the last step.
      unstable_episodes: how many were abandoned because their simulation became unstable;
        they are failures, and no part of the means.
    """

    target: str
    episodes: int
    success_rate: float
    reached_rate: float
    low_return: float
    high_return: float
    low_last_reward: float
    high_last_reward: float
    unstable_episodes: int


@gin.configurable("evaluate")
class Evaluator:
    """Runs noise-free episodes for every evaluation target.

    Attributes:
      hierarchy: what is evaluated.
      environment: the task.
      eval_modes: modes of the high level's samplers, one per target.
      success_distance: a success ends nearer to the target than this.
      policy_save_dir: sub-folder of a run with the weights that were kept for good.
      max_number_of_evaluations, eval_interval_secs, checkpoint_timeout, timeout_fn: for
        following a run, see `eval_repeatedly`.
    """

    def __init__(
        self,
        checkpoint_dir: str | None = None,
        eval_dir: str | None = None,
        environment: MazeEnv | GymnasiumTask | None = None,
        num_bin_actions: int = 3,
        agent_class: Callable | None = None,
        meta_agent_class: Callable | None = None,
        state_preprocess_class: Callable | None = None,
        gamma: float = 1.0,
        num_episodes_eval: int = 10,
        eval_interval_secs: float = 60,
        max_number_of_evaluations: int | None = None,
        checkpoint_timeout: float | None = None,
        timeout_fn: Callable | None = None,
        tuner_hook: Callable | None = None,
        generate_videos: bool = False,
        generate_summaries: bool = True,
        num_episodes_videos: int = 5,
        video_settings: Any = None,
        eval_modes: Sequence[str] = ("eval",),
        eval_model_rollout: bool = False,
        policy_save_dir: str = "policy",
        checkpoint_range: tuple[int, int] | None = None,
        checkpoint_path: str | None = None,
        max_steps_per_episode: int | None = None,
        evaluate_nohrl: bool = False,
        success_distance: float = 5.0,
        success_fn: Callable | None = None,
        hierarchy: Hierarchy | None = None,
        default_environment: MazeEnv | GymnasiumTask | None = None,
        seed: int = 0,
    ):
        """Builds the evaluation environment and, if none is given, a hierarchy to load into.

        The last five parameters are this port's own.  num_bin_actions is accepted as
        in the original, which does not use it either; num_episodes_videos and
        video_settings have no effect: `--mode=video` makes videos of a run.

        Args:
          checkpoint_dir, eval_dir: not to be set; the folder is that of --root_dir.
          environment: the task.
          agent_class, meta_agent_class, state_preprocess_class: see `build_hierarchy`.
          gamma: discount of the returns that are reported, per environment step.
          num_episodes_eval: episodes per target.
          eval_interval_secs, max_number_of_evaluations, checkpoint_timeout, timeout_fn:
            see the attributes; max_number_of_evaluations None evaluates once.
          tuner_hook: called after every target with the highest low-level return so far
            and the environment steps.
          generate_videos: False; see `--mode=video`.
          generate_summaries: whether to run episodes at all.
          eval_modes: modes of the high level's samplers, one per target; the default
            stands for all whose names begin with "eval".
          eval_model_rollout: False.
          policy_save_dir: where `checkpoint_range` and `checkpoint_path` look.
          checkpoint_range: (first, last) environment steps of kept weights to evaluate.
          checkpoint_path: name of kept weights to evaluate, e.g. "policy-100000".
          max_steps_per_episode: length of an episode; None is the environment's own
            limit, or 500 where it has none.
          evaluate_nohrl: whether the low level is evaluated alone as well, with goals
            from its own samplers of the same modes.
          success_distance: success is a last reward of `success_fn` above minus this.
          success_fn: the reward function that decides about success; None is the task's
            own reward.
          hierarchy: what to evaluate; None builds one from the classes.
          default_environment: the task, if `environment` is None.
          seed: the run's seed.

        Raises:
          ValueError: no environment, no episodes, a mode without sampler, or a target
            that cannot be reached because it is outside the maze or in a wall.
        """
        for name, value in (("checkpoint_dir", checkpoint_dir), ("eval_dir", eval_dir)):
            if value is not None:
                raise ValueError(f"evaluate.{name} = {value!r}; the run's folder is given by --root_dir")
        for name, value in (("generate_videos", generate_videos), ("eval_model_rollout", eval_model_rollout)):
            if value:
                raise ValueError(f"evaluate.{name} = {value!r} is not available; allowed: False")
        environment = environment or default_environment
        check_environment("evaluate.environment", environment)
        check_whole("evaluate.num_episodes_eval", num_episodes_eval)
        check_above_0("evaluate.success_distance", success_distance)
        is_list = isinstance(eval_modes, (list, tuple)) and all(isinstance(mode, str) for mode in eval_modes)
        if not is_list or not eval_modes or len({*eval_modes}) < len(eval_modes):
            raise ValueError(
                f"evaluate.eval_modes = {eval_modes!r}; allowed: a list of at least one mode, each once"
            )
        check_number("evaluate.gamma", gamma, 0, 1)
        for name, function in (
            ("tuner_hook", tuner_hook),
            ("success_fn", success_fn),
            ("timeout_fn", timeout_fn),
        ):
            check_function(f"evaluate.{name}", function)
        check_truth("evaluate.generate_summaries", generate_summaries)
        check_truth("evaluate.evaluate_nohrl", evaluate_nohrl)
        check_number("evaluate.eval_interval_secs", eval_interval_secs, 0)
        if checkpoint_timeout is not None:
            check_number("evaluate.checkpoint_timeout", checkpoint_timeout, 0)
        for name, path in (
            ("policy_save_dir", policy_save_dir),
            ("checkpoint_path", "" if checkpoint_path is None else checkpoint_path),
        ):
            if not isinstance(path, str):
                raise ValueError(f"evaluate.{name} = {path!r}; allowed: a path")
        is_range = (
            isinstance(checkpoint_range, (list, tuple))
            and len(checkpoint_range) == 2
            and all(map(is_number, checkpoint_range))
            and checkpoint_range[0] <= checkpoint_range[1]
        )
        if checkpoint_range is not None and not is_range:
            raise ValueError(f"evaluate.checkpoint_range = {checkpoint_range!r}; allowed: (first, last)")
        self._py_env = make_batched(
            environment,
            num_episodes_eval,
            seed,
            episode_limit(environment, max_steps_per_episode),
            num_threads=available_cpus(),
        )
        self._env = tf_py_environment.TFPyEnvironment(self._py_env)
        if hierarchy is None:
            hierarchy = build_hierarchy(
                self._env, agent_class, meta_agent_class, state_preprocess_class, seed=seed
            )
        self.hierarchy = hierarchy
        self.environment = environment
        _check_fits(self._env, hierarchy, environment)
        self.eval_modes = tuple(eval_modes)
        if self.eval_modes == ("eval",):
            self.eval_modes = hierarchy.high.context.modes_like("eval")
        self.policy_save_dir = policy_save_dir
        self.max_number_of_evaluations = max_number_of_evaluations
        self.eval_interval_secs = eval_interval_secs
        self.checkpoint_timeout = checkpoint_timeout
        self.timeout_fn = timeout_fn
        self._checkpoint_path = checkpoint_path
        self._checkpoint_range = checkpoint_range
        self._gamma = gamma
        self._tuner_hook = tuner_hook
        self._runs_episodes = generate_summaries
        self.success_distance = success_distance
        self._success_fn = success_fn
        self._seed = seed
        low, high = hierarchy.low, hierarchy.high
        self._check_success_fn()
        check_tells(high.context.settable_context, self._py_env)
        if isinstance(environment, MazeEnv):
            _check_targets(high, self.eval_modes, environment.maze)
        # Name of what is evaluated -> sampler mode, policy, compiled rollout.
        self._subjects = {}
        for mode in self.eval_modes:
            high.context.samplers(mode)
            self._subjects[mode] = mode, self._policy(mode, None)
        for mode in self.eval_modes if evaluate_nohrl else ():
            low.context.samplers(mode)
            self._subjects[f"{mode}_nohrl"] = mode, self._policy(mode, mode)
        self._rollouts = {
            name: self._compiled_rollout(policy) for name, (_, policy) in self._subjects.items()
        }

    def _check_success_fn(self):
        """Asks `success_fn` once, on zeros, compiled as evaluation will be."""
        if self._success_fn is None:
            return
        state = tf.zeros([1, *self._env.observation_spec().shape])
        action = tf.zeros([1, *self._env.action_spec().shape])
        targets = [tf.zeros([1, *spec.shape]) for spec in self.hierarchy.high.context.specs]
        try:
            # In a function of its own: TensorFlow would look behind gin's wrapper.
            ask = compiled(lambda *arguments: self._success_fn(*arguments))
            ask(state, action, tf.zeros([1]), state, targets)
        except (TypeError, ValueError, tf.errors.InvalidArgumentError) as error:
            sizes = [target.shape[-1] for target in targets]
            raise ValueError(
                f"evaluate.success_fn does not fit states of {state.shape[-1]} and targets of {sizes} numbers"
                f" ({getattr(error, 'message', error)})"
            ) from None

    @property
    def fault(self) -> str | None:
        """What was wrong with the numbers of an environment, or None."""
        return self._py_env.fault

    def paths(self, root: pathlib.Path) -> list[pathlib.Path]:
        """Weights of a run in `root` that `checkpoint_path` or `checkpoint_range` ask for, [] for none.

        Raises:
          ValueError: they ask for weights that are not there.
        """
        folder = root / self.policy_save_dir
        known = saved_weights(folder)
        names = ", ".join(path.name for path in known) or "none"
        if self._checkpoint_path is not None:
            path = folder / self._checkpoint_path
            if path not in known:
                raise ValueError(
                    f"evaluate.checkpoint_path = {self._checkpoint_path!r}; {folder} holds {names}"
                )
            return [path]
        if self._checkpoint_range is None:
            return []
        first, last = self._checkpoint_range
        chosen = [path for path in known if first <= env_steps_of(path) <= last]
        if not chosen:
            raise ValueError(
                f"evaluate.checkpoint_range = {self._checkpoint_range!r}; {folder} holds {names}"
            )
        return chosen

    def evaluate(self, env_steps: int, stop: Callable[[], bool] = lambda: False) -> list[EvalResult] | None:
        """Results for every target, or None when `stop` says so in between."""
        results = []
        for name in self._subjects if self._runs_episodes else ():
            if stop():
                return None
            results.append(self.evaluate_target(name, env_steps))
            if self._tuner_hook is not None:
                self._tuner_hook(max(result.low_return for result in results), env_steps)
        return results

    def evaluate_target(self, name: str, env_steps: int) -> EvalResult:
        """Runs all episodes for one target.

        First states depend on the run's seed and on `env_steps` only, not on
        what was evaluated before.

        Args:
          name: one of `eval_modes`, or one with "_nohrl" behind it.
          env_steps: how long the hierarchy has been trained.
        """
        num_episodes = self._env.batch_size
        results = (x.numpy() for x in self._rollouts[name](self._targets(name, env_steps)))
        low_return, low_last, high_return, high_last, success_last, success_best = results
        stable = ~np.isneginf(success_last)
        mean = lambda values: float(values[stable].mean()) if stable.any() else float("nan")
        return EvalResult(
            target=name,
            episodes=num_episodes,
            success_rate=float(np.mean(success_last > -self.success_distance)),
            reached_rate=float(np.mean(success_best > -self.success_distance)),
            low_return=mean(low_return),
            high_return=mean(high_return),
            low_last_reward=mean(low_last),
            high_last_reward=mean(high_last),
            unstable_episodes=int(np.sum(~stable)),
        )

    def _targets(self, name, env_steps):
        """Seeds the environments and draws the episodes' targets, joined, [N, T]."""
        mode, _ = self._subjects[name]
        first = np.random.SeedSequence([self._seed + _SEED_OFFSET, env_steps, self.eval_modes.index(mode)])
        self._py_env.seed(int(first.generate_state(1)[0]))
        context = self.hierarchy.high.context
        seed = tf.constant([self._seed, env_steps], tf.int64)
        drawn, _ = context.sample(mode, self._env.batch_size, seed)
        if context.settable_context:
            self._told = [target.numpy() for target in context.unnormalized(drawn)]
        return context.merge(drawn)

    def trajectories(self, name: str, env_steps: int) -> list[Trajectory]:
        """The episodes that `evaluate_target` would run with the same arguments, step by step."""
        targets = self._targets(name, env_steps)
        _, policy = self._subjects[name]
        settable = self.hierarchy.high.context.settable_context
        tell = self._tell if settable else None
        return record(self._env, self._py_env, policy, name, targets, self._rewards, tell)

    def _rewards(self, time_step, action_step, next_time_step):
        """Rewards of a step, of the low level and of the high level, [N] each."""
        info = action_step.info
        states = (time_step.observation, next_time_step.observation)
        done = (action_step.action, next_time_step.reward)
        low_reward, _ = self.hierarchy.low.rewards(*states, [info.goal], *done)
        targets = self.hierarchy.high.context.split(info.target)
        high_reward, _ = self.hierarchy.high.rewards(*states, targets, *done)
        return total_reward(low_reward), high_reward

    def _policy(self, mode, goal_mode):
        return HierarchicalPolicy(
            self._env.time_step_spec(),
            self.hierarchy.low,
            self.hierarchy.high,
            target_mode=None,
            explore=False,
            seed=self._seed,
            fresh_mode=mode,
            goal_mode=goal_mode,
        )

    def _tell(self):
        """Tells the environments, which have just been reset, of their targets."""
        self._py_env.set_context(np.ones(self._env.batch_size, bool), *self._told)
        return True

    def _compiled_rollout(self, policy):
        return compiled(lambda targets: self._rollout(policy, targets))

    def _rollout(self, policy, targets):
        """One episode in every environment.

        Returns:
          Returns and last rewards of the low level, of the high level, the last reward that
          decides about success, and the highest one of any step, [N] each.
        """
        high_context = self.hierarchy.high.context
        time_step = self._env.reset()
        if high_context.settable_context:
            tf.numpy_function(self._tell, [], tf.bool)
        policy_state = policy.get_initial_state(self._env.batch_size)._replace(target=targets)
        zeros = tf.zeros([self._env.batch_size])

        def step(time_step, policy_state, runs, discount, returns, lasts, best):
            action_step = policy.action(time_step, policy_state)
            next_time_step = self._env.step(action_step.action)
            low_reward, high_reward = self._rewards(time_step, action_step, next_time_step)
            success_reward = high_reward
            if self._success_fn is not None:
                success_reward, _ = self._success_fn(
                    time_step.observation,
                    action_step.action,
                    next_time_step.reward,
                    next_time_step.observation,
                    high_context.split(action_step.info.target),
                )
            rewards = (low_reward, high_reward, success_reward)
            # An episode that becomes unstable is over, and marked by its last reward.
            fails = runs & is_broken_off(time_step, next_time_step)
            runs &= ~fails
            counts = tf.where(runs, discount, 0.0)
            returns = [total + counts * reward for total, reward in zip(returns, rewards)]
            lasts = [tf.where(runs, reward, last) for last, reward in zip(lasts, rewards)]
            lasts[2] = tf.where(fails, -np.inf, lasts[2])
            best = tf.where(runs, tf.maximum(best, success_reward), best)
            runs &= ~next_time_step.is_last()
            return next_time_step, action_step.state, runs, discount * self._gamma, returns, lasts, best

        start = (
            time_step,
            policy_state,
            tf.ones_like(zeros, tf.bool),
            tf.constant(1.0),
            [zeros] * 3,
            [zeros] * 3,
            zeros - np.inf,
        )
        goes_on = lambda time_step, policy_state, runs, *_: tf.reduce_any(runs)
        *_, (low_return, high_return, _), lasts, best = tf.while_loop(goes_on, step, start)
        return low_return, lasts[0], high_return, *lasts[1:], best


def _check_fits(env, hierarchy, environment):
    """Refuses an environment whose states or actions are not those that were learned with."""
    states = hierarchy.low.training_data_spec.state.shape, env.observation_spec().shape
    actions = hierarchy.low.action_spec.shape, env.action_spec().shape
    if states[0] != states[1] or actions[0] != actions[1]:
        name = environment.maze.name if isinstance(environment, MazeEnv) else environment.env_id
        raise ValueError(
            f"evaluate.environment: {name} has states of {states[1][0]} and actions of {actions[1][0]}"
            f" numbers; allowed: those of training, {states[0][0]} and {actions[0][0]}"
        )


def _check_targets(high_agent, modes, maze):
    """Refuses constant targets that are positions outside the maze or in a wall."""
    context = high_agent.context
    if len(context.specs) != 1 or context.size != len(maze.task.indices):
        return
    for mode in modes:
        (sampler, *_) = context.samplers(mode)
        if not isinstance(sampler, ConstantSampler):
            continue
        target = sampler.value.numpy()
        # A target is a position if a state there is rewarded as one that has arrived.
        nowhere = np.zeros([1, maze.observation_size], np.float32)
        there = nowhere.copy()
        there[0, list(maze.task.indices)] = target
        zeros = tf.zeros([1, len(maze.action_low)])
        try:
            reward, _ = high_agent.rewards(nowhere, there, [target[None]], zeros, tf.zeros([1]))
        except (ValueError, tf.errors.OpError):
            continue  # `build_hierarchy` has tried it on whole batches and reports what is wrong
        if abs(float(tf.reduce_sum(reward))) < 1e-3:
            try:
                maze.checked_target(target)
            except ValueError as error:
                raise ValueError(f"{mode}/ConstantSampler.value: {error}") from None


def results_table(results: Sequence[EvalResult], stream: TextIO | None = None) -> str:
    """Results as an aligned text table; success rates in colours where `stream` shows them."""
    header = (
        "target",
        "episodes",
        "success",
        "reached",
        "task return",
        "last task reward",
        "low return",
        "last low reward",
    )
    rows = [
        (
            r.target,
            str(r.episodes),
            f"{r.success_rate:.2f}",
            f"{r.reached_rate:.2f}",
            f"{r.high_return:.1f}",
            f"{r.high_last_reward:.2f}",
            f"{r.low_return:.1f}",
            f"{r.low_last_reward:.2f}",
        )
        for r in results
    ]
    first, *lines = text_table(header, rows).splitlines()
    end = first.index("success") + len("success")
    for i, result in enumerate(results):
        rate = coloured(rows[i][2], success_colour(result.success_rate), stream)
        lines[i] = lines[i][: end - len(rows[i][2])] + rate + lines[i][end:]
    return "\n".join([first, *lines])


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Cells aligned to the right in columns, a line for the header and for each row."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths)) for row in [header, *rows]]
    return "\n".join(lines)
