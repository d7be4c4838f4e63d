"""Two agents and their goal space, built from gin's choices."""

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf
from tf_agents.environments import tf_py_environment

from efficient_hrl.agent import DdpgMetaAgent, MetaAgent, UvfAgent
from efficient_hrl.episodes import has_conditions
from efficient_hrl.relabeling import InverseDynamics
from efficient_hrl.representations.goal_space import GoalSpace


class Hierarchy(NamedTuple):
    """What learns.

    Attributes:
      low: pursues goals.
      high: gives goals.
      inverse_dynamics: proposes goals for relabelling.
    """

    low: UvfAgent
    high: MetaAgent
    inverse_dynamics: InverseDynamics

    @property
    def representation(self) -> GoalSpace:
        """f, which defines the goal space, and where there is one phi."""
        return self.low.state_preprocess

    @property
    def acting_variables(self) -> list[tf.Variable]:
        """What acting depends on: both actors and f; where conditions end episodes, critics too."""
        nets = [self.low.actor_net, self.high.actor_net, self.representation.state_net]
        if has_conditions(self.low):
            nets += self.low.critic_nets
        return [variable for net in nets if net is not None for variable in net.variables]

    def learned_variables(self) -> list[tf.Variable]:
        """All that updates change and that are no counters: networks, targets, optimisers, the FIFO."""
        owners = [
            owner
            for agent in (self.low, self.high)
            for owner in agent.checkpointed().values()
            if owner is not None
        ]
        variables = []
        for owner in [*owners, self.representation]:
            known = getattr(owner, "variables", [owner])
            variables += known() if callable(known) else known  # optimisers have a method
        return [variable for variable in variables if variable.dtype.is_floating]

    def weights(self) -> dict[str, Any]:
        """Both levels' actors and critics, and the representation, by name, for a checkpoint."""
        weights = {"representation": self.representation}
        for name, agent in (("low", self.low), ("high", self.high)):
            if agent.actor_net is not None:
                weights[name] = agent.actor_net
            weights |= {f"{name}_{critic.name}": critic for critic in agent.critic_nets}
        return weights


def build_hierarchy(
    tf_env: tf_py_environment.TFPyEnvironment,
    agent_class: Callable | None,
    meta_agent_class: Callable | None,
    state_preprocess_class: Callable | None,
    inverse_dynamics_class: Callable = InverseDynamics,
    seed: int = 0,
    low_arguments: dict[str, Any] | None = None,
    high_arguments: dict[str, Any] | None = None,
    repr_optimizer: tf.keras.optimizers.legacy.Optimizer | None = None,
    clip_gradient_norm: float = 0.0,
) -> Hierarchy:
    """Builds and initialises both levels.

    Args:
      tf_env: gives the specifications of states and actions.
      agent_class: makes the low level.
      meta_agent_class: makes the high level.
      state_preprocess_class: makes the representation.
      inverse_dynamics_class: makes the proposer of goals from the goal's spec.
      seed: the run's seed.
      low_arguments, high_arguments: optimisers, discounts and so on, for each level.
      repr_optimizer: for the representation.
      clip_gradient_norm: for all of them, see `DdpgAgent`.

    Raises:
      ValueError: a part is missing, or goal range and representation differ in size.
    """
    for name, part in (
        ("agent_class", agent_class),
        ("meta_agent_class", meta_agent_class),
        ("state_preprocess_class", state_preprocess_class),
        ("inverse_dynamics_class", inverse_dynamics_class),
    ):
        if part is None:
            raise ValueError(f"{name} is not set; the gin files must bind it, e.g. by including gin/base.gin")
        if not callable(part):
            raise ValueError(f"{name} = {part!r}; allowed: a class, as in gin/base.gin")
    observation_spec, action_spec = tf_env.observation_spec(), tf_env.action_spec()
    shared = {"seed": seed, "clip_gradient_norm": clip_gradient_norm}
    low = agent_class(
        observation_spec,
        action_spec,
        tf_env,
        state_preprocess_class=lambda *specs: state_preprocess_class(
            *specs, optimizer=repr_optimizer, clip_gradient_norm=clip_gradient_norm
        ),
        **shared,
        **(low_arguments or {}),
    )
    high = meta_agent_class(
        observation_spec,
        action_spec,
        tf_env,
        representation=low.state_preprocess,
        **shared,
        **(high_arguments or {}),
    )
    if low.state_preprocess.trained_by_high_level and not isinstance(high, (MetaAgent, DdpgMetaAgent)):
        raise ValueError(
            f"meta_agent_class = {type(high).__name__} does not train a representation; allowed with"
            " STATE_PREPROCESS_CLASS = @EndToEnd: @MetaAgent, @DdpgMetaAgent"
        )
    goal_spec = low.context.specs[0]
    size = low.state_preprocess(tf.zeros([1, *observation_spec.shape])).shape[-1]
    if size < goal_spec.shape[0]:
        raise ValueError(
            f"agent/Context.context_shapes = [{goal_spec.shape[0]}]; the representation has {size}"
            " dimensions, and goals cannot have more"
        )
    low.initialize()
    high.initialize()
    hierarchy = Hierarchy(low, high, inverse_dynamics_class(goal_spec))
    _try_out(hierarchy)
    return hierarchy


def _try_out(hierarchy):
    """Calls what training will call, on zeros, so that a wrong configuration fails now."""
    low, high = hierarchy.low, hierarchy.high
    zeros = lambda spec: tf.nest.map_structure(lambda s: tf.zeros([2, *s.shape], s.dtype), spec)
    transition, segment = zeros(low.training_data_spec), zeros(high.training_data_spec)
    for agent, experience in ((low, transition), (high, segment)):
        if not agent.learns:
            continue
        batch = agent.learning_batch(experience)
        noise = tf.zeros_like(batch.action)
        agent.actor_critic.critic_loss(batch, noise)
        agent.actor_critic.policy_loss(batch, noise)
    f = hierarchy.representation
    states = (f(transition.state), f(transition.next_state))
    clock = tf.zeros([2], tf.int32)
    low.context.transition([transition.context], *states, clock)
    low.context.multi_transition([transition.context], f(segment.low_states))
    targets = high.context.split(segment.meta_context)
    high.context.transition(targets, segment.state, segment.next_state, clock, lambda: targets)
    _check_steps(low, transition)


def _check_steps(low, transition):
    """Asks the condition functions once."""
    counts = tf.zeros([2], tf.int64)
    ended = tf.zeros([2], tf.bool)
    for condition in (low.step_cond_fn, low.reset_episode_cond_fn, low.reset_env_cond_fn):
        condition(low, transition.state, transition.action, ended, counts, counts)
