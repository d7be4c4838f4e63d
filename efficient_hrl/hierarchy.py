"""Two agents and their goal space, built from gin's choices."""

import functools
from typing import Any, NamedTuple

import tensorflow as tf
from tf_agents.environments import tf_py_environment

from efficient_hrl.agent import DdpgMetaAgent, MetaAgent, UvfAgent
from efficient_hrl.cond_fn import has_conditions
from efficient_hrl.relabeling import InverseDynamics
from efficient_hrl.representations.goal_space import GoalSpace
from efficient_hrl.specifications.hierarchy import HierarchySpec


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
    tf_env: tf_py_environment.TFPyEnvironment, spec: HierarchySpec, seed: int = 0
) -> Hierarchy:
    """Builds and initialises both levels.

    Args:
      tf_env: gives the specifications of states and actions.
      spec: of both levels and the goal space.
      seed: the run's seed.

    Raises:
      ValueError: a part is missing, or goal range and representation differ in size.
    """
    _check_makers(spec)
    specs = (tf_env.observation_spec(), tf_env.action_spec())
    make_representation = functools.partial(
        spec.state_preprocess_class,
        optimizer=spec.repr_optimizer,
        clip_gradient_norm=spec.low.clip_gradient_norm,
    )
    low = spec.agent_class(
        *specs, tf_env, state_preprocess_class=make_representation, learning=spec.low, seed=seed
    )
    representation = low.state_preprocess
    _check_representation(representation)
    high = spec.meta_agent_class(*specs, tf_env, representation=representation, learning=spec.high, seed=seed)
    _check_goes_together(low, high, specs[0])
    low.initialize()
    high.initialize()
    hierarchy = Hierarchy(low, high, spec.inverse_dynamics_class(low.context.specs[0]))
    _try_out(hierarchy)
    return hierarchy


def _check_makers(spec):
    for name in ("agent_class", "meta_agent_class", "state_preprocess_class", "inverse_dynamics_class"):
        part = getattr(spec, name)
        if part is None:
            raise ValueError(f"{name} is not set; the gin files must bind it, e.g. by including gin/base.gin")
        if not callable(part):
            raise ValueError(f"{name} = {part!r}; allowed: a class, as in gin/base.gin")


def _check_representation(representation):
    """Refuses what is none, and one that is trained where acting could not follow it."""
    name = type(representation).__name__
    if not isinstance(representation, GoalSpace):
        raise ValueError(f"state_preprocess_class makes a {name}; allowed: a GoalSpace")
    learns = representation.trainable_representation or representation.trained_by_high_level
    if learns and representation.state_net is None:
        # Where collecting is beside learning, acting follows the weights of this network.
        raise ValueError(f"{name}.state_net is None, though f is trained; allowed: the network that f is")


def _check_goes_together(low, high, observation_spec):
    """Refuses a representation that nobody trains, and goals that are larger than it."""
    representation, goal_spec = low.state_preprocess, low.context.specs[0]
    if representation.trained_by_high_level and not isinstance(high, (MetaAgent, DdpgMetaAgent)):
        raise ValueError(
            f"meta_agent_class = {type(high).__name__} does not train a representation; allowed with"
            " STATE_PREPROCESS_CLASS = @EndToEnd: @MetaAgent, @DdpgMetaAgent"
        )
    size = representation(tf.zeros([1, *observation_spec.shape])).shape[-1]
    if size < goal_spec.shape[0]:
        raise ValueError(
            f"agent/Context.context_shapes = [{goal_spec.shape[0]}]; the representation has {size}"
            " dimensions, and goals cannot have more"
        )


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
    low.context.transition([transition.goal], *states, clock)
    low.context.multi_transition([transition.goal], f(segment.low_states))
    targets = high.context.split(segment.target)
    high.context.transition(targets, segment.state, segment.next_state, clock, lambda: targets)
    _check_steps(low, transition)


def _check_steps(low, transition):
    """Asks the condition functions once."""
    counts = tf.zeros([2], tf.int64)
    ended = tf.zeros([2], tf.bool)
    for condition in (low.step_cond_fn, low.reset_episode_cond_fn, low.reset_env_cond_fn):
        condition(low, transition.state, transition.action, ended, counts, counts)
