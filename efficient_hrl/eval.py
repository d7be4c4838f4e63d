"""`evaluate`: what gin binds of evaluation -> an evaluator, built."""

import functools
from collections.abc import Callable, Sequence

import gin
from tf_agents.environments import tf_py_environment

from efficient_hrl.builder import parameters
from efficient_hrl.context.context import target_mode
from efficient_hrl.evaluation.evaluator import Evaluator
from efficient_hrl.evaluation.kept_weights import Following, KeptWeights
from efficient_hrl.graph.machine import available_cpus
from efficient_hrl.graph.memory import check_copies
from efficient_hrl.hierarchy import Hierarchy, build_hierarchy
from efficient_hrl.inert_parameters import accepts_inert
from efficient_hrl.relabeling import InverseDynamics
from efficient_hrl.specifications.hierarchy import HierarchySpec
from efficient_hrl.specifications.run import EvaluationSpec
from environments.gymnasium_task import GymnasiumTask
from environments.make_batched import episode_limit, make_batched
from environments.maze_env import MazeEnv


@gin.configurable
@accepts_inert("evaluate")
def evaluate(
    checkpoint_dir: str | None = None,
    eval_dir: str | None = None,
    environment: MazeEnv | GymnasiumTask | None = None,
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
    eval_modes: Sequence[str] = ("eval",),
    eval_model_rollout: bool = False,
    policy_save_dir: str = "policy",
    checkpoint_range: tuple[int, int] | None = None,
    checkpoint_path: str | None = None,
    max_steps_per_episode: int | None = None,
    evaluate_nohrl: bool = False,
    success_distance: float | None = 5.0,
    success_fn: Callable | None = None,
    targets: Sequence[Sequence[float]] | None = None,
    hierarchy: Hierarchy | None = None,
    default_environment: MazeEnv | GymnasiumTask | None = None,
    seed: int = 0,
) -> Evaluator:
    """Builds the evaluation environment and, if none is given, a hierarchy to load into.

    The last six parameters are this port's own.  Those of the original that have no effect are in
    `inert_parameters`.

    Args:
      checkpoint_dir, eval_dir: not to be set; the folder is that of --root_dir.
      environment: the task.
      agent_class: the low level, @UvfAgent or @DdpgUvfAgent.
      meta_agent_class: the high level, @MetaAgent, @DdpgMetaAgent, @TransitionMetaAgent or @TargetAgent.
      state_preprocess_class: the representation f, @StatePreprocess, @VariationalAutoencoder,
        @EmbedToControl or @EndToEnd.
      gamma: discount of the returns that are reported, per environment step.
      num_episodes_eval: episodes per target.
      eval_interval_secs, max_number_of_evaluations, checkpoint_timeout, timeout_fn: see `Following`.
      tuner_hook: called after every target with the highest low-level return so far
        and the environment steps.
      generate_videos: may only be False; `--mode=video` films a run.
      generate_summaries: whether to run episodes at all.
      eval_modes: modes of the high level's samplers, one per target; the default
        stands for all whose names begin with "eval".
      eval_model_rollout: may only be False; the original's rollouts of a learned model are not here.
      policy_save_dir: where `checkpoint_range` and `checkpoint_path` look.
      checkpoint_range: (first, last) environment steps of kept weights to evaluate.
      checkpoint_path: name of kept weights to evaluate, e.g. "policy-100000".
      max_steps_per_episode: length of an episode; None is the environment's own
        limit, or 500 where it has none.
      evaluate_nohrl: whether the low level is evaluated alone as well, with goals
        from its own samplers of the same modes.
      success_distance: success is a last reward of `success_fn` above minus this; None for tasks
        without a target, whose evaluation reports returns and no success.
      success_fn: the reward function that decides about success; None is the task's
        own reward.
      targets: places at which to evaluate instead of `eval_modes`; each is a mode "target_X_Y".
      hierarchy: what to evaluate; None builds one from the classes.
      default_environment: the task, if `environment` is None.
      seed: the run's seed.

    Raises:
      ValueError: no environment, no episodes, a mode without sampler, or a target
        that cannot be reached because it is outside the maze or in a wall.
      MemoryError: more episodes than there is memory for.
    """
    environment = environment or default_environment
    parameters.check_evaluate(locals())
    spec = EvaluationSpec(
        environment,
        num_episodes_eval,
        episode_limit(environment, max_steps_per_episode),
        tuple(eval_modes if targets is None else map(target_mode, targets)),
        evaluate_nohrl,
        gamma,
        success_distance,
        success_fn,
        generate_summaries,
    )
    py_env = make_batched(
        environment,
        spec.num_episodes,
        seed,
        spec.episode_steps,
        num_threads=available_cpus(),
        check_fits=functools.partial(check_copies, "evaluate.num_episodes_eval", "environments side by side"),
    )
    if hierarchy is None:
        tf_env = tf_py_environment.TFPyEnvironment(py_env)
        makers = HierarchySpec(agent_class, meta_agent_class, state_preprocess_class, InverseDynamics)
        hierarchy = build_hierarchy(tf_env, makers, seed)
    hierarchy.high.context.add_targets(targets or ())
    return Evaluator(
        spec,
        hierarchy,
        py_env,
        seed,
        KeptWeights(policy_save_dir, checkpoint_path, checkpoint_range),
        Following(max_number_of_evaluations, eval_interval_secs, checkpoint_timeout, timeout_fn),
        tuner_hook,
    )
