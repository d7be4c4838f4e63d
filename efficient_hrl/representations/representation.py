"""The goal space: representation f, inverse goal model phi, and their objective.

NORL (arXiv 1810.01257, equation 13): with E(s', s, pi) = exp(-D(f(s'), phi(s, pi))) and
pi the next c low-level actions, f and phi minimise

    -log E(s_{t+k}, s_t, pi) + log E_{s ~ replay}[E(s, s_t, pi)]

on average over k.  How the second term is estimated is the choice of an
`estimators.Estimator`, and D that of a `distances.Distance`.  A FIFO of recent
embeddings stands for the replay where a whole distribution is wanted at little cost.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import gin
import numpy as np
import tensorflow as tf
from tf_agents.networks import network

from efficient_hrl.agents.layers import apply_layers, dense_stack, output_layer, zero_entries
from efficient_hrl.agents.sized_network import SizedNetwork, Stack
from efficient_hrl.checks import check_function, check_truth, check_whole, is_whole
from efficient_hrl.graph.xla import begin_xla
from efficient_hrl.replay import Segment
from efficient_hrl.representations.distances import CosineDistance, Distance, HuberDistance, check_distance
from efficient_hrl.representations.estimators import Embeddings, Estimator, FifoEstimator, check_estimator
from efficient_hrl.representations.goal_space import GoalSpace
from efficient_hrl.representations.gradient_step import gradient_step

PRIOR_SIZE = 1024  # embeddings in the FIFO
STEP_DISCOUNT = 0.99  # weights of the steps k inside a segment


def hidden_inputs(network_name: str, zero_time: bool, images: bool) -> tuple[int, ...]:
    """Entries of a state that f and phi must not see: time, and x, y beside an image.

    Args:
      network_name: whose parameters these are, as gin knows it.
      zero_time: whether time, the last entry, is hidden.
      images: whether x and y, the first two, are.

    Raises:
      ValueError: neither True nor False.
    """
    check_truth(f"{network_name}.zero_time", zero_time)
    check_truth(f"{network_name}.images", images)
    return (-1,) * zero_time + (0, 1) * images


@gin.configurable("state_preprocess_net")
class StatePreprocessNetwork(SizedNetwork):
    """f: state -> representation, [..., S] -> [..., G]."""

    sized_by = "state_preprocess_net.states_hidden_layers or num_output_dims"

    def __init__(
        self,
        input_tensor_spec: tf.TensorSpec,
        num_output_dims: int = 2,
        states_hidden_layers: Sequence[int] = (100,),
        normalizer_fn: Callable | None = None,
        activation_fn: Callable = tf.nn.relu,
        zero_time: bool = True,
        images: bool = False,
        name: str = "state_process_net",
    ):
        """Describes the layers.

        Args:
          input_tensor_spec: shape [S].
          num_output_dims: G, dimensions of a goal.
          states_hidden_layers: sizes of the hidden layers.
          normalizer_fn: applied before the activation of hidden layers, which then have no bias, e.g.
            @tf.keras.layers.LayerNormalization; None for none.
          activation_fn: their activation.
          zero_time: hide the last input, the time.
          images: hide x and y, the first two inputs.
          name: name of the network.
        """
        check_whole("state_preprocess_net.num_output_dims", num_output_dims)
        super().__init__(input_tensor_spec, state_spec=(), name=name)
        self._hidden = hidden_inputs("state_preprocess_net", zero_time, images)
        self._states = dense_stack(states_hidden_layers, activation_fn, "states", normalizer_fn)
        self._value = output_layer(num_output_dims, None, "value")

    def stacks(self):
        return [Stack(self.input_tensor_spec.shape[0], [*self._states, self._value])]

    def call(self, observation, step_type=(), network_state=(), training=False):
        del step_type, training
        states = zero_entries(observation, self._hidden)
        return self._value(apply_layers(self._states, states)), network_state


@gin.configurable("action_embed_net")
class ActionEmbedNetwork(SizedNetwork):
    """phi's correction to f: ([..., c A], [..., S]) -> [..., G], [...] when G is 1."""

    sized_by = "action_embed_net.hidden_layers or num_output_dims"

    def __init__(
        self,
        input_tensor_spec,
        num_output_dims: int = 2,
        hidden_layers: Sequence[int] = (400, 300),
        normalizer_fn: Callable | None = None,
        activation_fn: Callable = tf.nn.relu,
        zero_time: bool = True,
        images: bool = False,
        name: str = "action_embed_net",
    ):
        """Describes the layers.

        Args:
          input_tensor_spec: (spec of the c flattened actions, spec of the state);
            a state spec of None makes a network of actions alone.
          num_output_dims: G, dimensions of a goal.
          hidden_layers: sizes of the hidden layers.
          normalizer_fn: applied before the activation of hidden layers, which then have no bias, e.g.
            @tf.keras.layers.LayerNormalization; None for none.
          activation_fn: their activation.
          zero_time: hide the state's last entry, the time.
          images: hide the state's x and y.
          name: name of the network.
        """
        check_whole("action_embed_net.num_output_dims", num_output_dims)
        actions_spec, states_spec = input_tensor_spec
        self._sees_states = states_spec is not None
        spec = input_tensor_spec if self._sees_states else (actions_spec,)
        super().__init__(spec, state_spec=(), name=name)
        self._num_output_dims = num_output_dims
        self._hidden = hidden_inputs("action_embed_net", zero_time, images)
        self._layers = dense_stack(hidden_layers, activation_fn, "hidden", normalizer_fn)
        self._value = output_layer(num_output_dims, None, "value")

    def stacks(self):
        inputs = sum(spec.shape[0] for spec in self.input_tensor_spec)
        return [Stack(inputs, [*self._layers, self._value])]

    def call(self, inputs, step_type=(), network_state=(), training=False):
        del step_type, training
        if self._sees_states:
            actions, states = inputs
            merged = tf.concat([actions, zero_entries(states, self._hidden)], axis=-1)
        else:
            (merged,) = inputs
        embedding = self._value(apply_layers(self._layers, merged))
        if self._num_output_dims == 1:
            embedding = embedding[..., 0]
        return embedding, network_state


@tf.function(jit_compile=True)
def log_mean_similarity(phi: tf.Tensor, prior: tf.Tensor, distance: Distance) -> tf.Tensor:
    """log mean_j exp(-D(phi_i, e_j)); [B, G], [M, G] -> [B].

    Fused by XLA: as separate operations each of its [B, M] results would travel
    through memory.
    """
    begin_xla()
    similarities = -distance.pairwise(phi, prior)
    return tf.reduce_logsumexp(similarities, axis=-1) - np.log(prior.shape[0])


def step_probabilities(c: int) -> np.ndarray:
    """P(k) for k = 1..c, float64 [c]: proportional to 0.99^(k-1), the last one divided by 1 - 0.99.

    The weights gamma^(k-1) w_k of NORL's objective (arXiv 1810.01257),
    w_c = 1 / (1 - gamma), turned into a distribution.
    """
    weights = STEP_DISCOUNT ** np.arange(c)
    weights[-1] /= 1.0 - STEP_DISCOUNT
    return weights / weights.sum()


class RepresentationInfo(NamedTuple):
    """Parts of a representation's objective.

    Attributes:
      loss: what is minimised, a scalar.
      close: its part that draws phi and f(s_{t+k}) together, a scalar.
      far: its part that drives phi and other states apart, a scalar.
      bound: the estimator's bound in nats, a scalar.
      kl: estimate of the weighted KL divergence of the sub-optimality bound, in nats, a
        scalar; see `StatePreprocess.loss`.
      prior_log_probs: log of the mean similarity to the FIFO, [B].
      log_ratios: (-D(phi, f(s_{t+k})) - prior) / 2, [B].
      embeddings: f(s_{t+k}) of the drawn k, [B, G]; they enter the FIFO.
      state: values for the estimator's variables.
    """

    loss: tf.Tensor
    close: tf.Tensor
    far: tf.Tensor
    bound: tf.Tensor
    kl: tf.Tensor
    prior_log_probs: tf.Tensor
    log_ratios: tf.Tensor
    embeddings: tf.Tensor
    state: tuple[tf.Tensor, ...] = ()


@gin.configurable
class StatePreprocess(GoalSpace):
    """f and phi with their FIFO; calling it is f.

    Without training f keeps the first `ndims` entries of a state, or those of `state_indices`.
    """

    def __init__(
        self,
        observation_spec: tf.TensorSpec,
        action_spec,
        segment_length: int,
        optimizer: tf.keras.optimizers.legacy.Optimizer | None = None,
        clip_gradient_norm: float = 0.0,
        trainable: bool = False,
        state_preprocess_net: Callable | None = None,
        action_embed_net: Callable | None = None,
        ndims: int | None = None,
        distance: Distance | None = None,
        estimator: Estimator | None = None,
        all_steps: bool = False,
        state_indices: Sequence[int] | None = None,
    ):
        """Builds the networks of a learned representation, or none.

        Args:
          observation_spec: shape [S].
          action_spec: low-level actions, shape [A].
          segment_length: c, actions that phi sees.
          optimizer: of f and phi; None for a representation that is only used.
          clip_gradient_norm: limit for the norm of each variable's gradient; 0 is none.
          trainable: whether the representation is learned.
          state_preprocess_net: makes f from the observation spec; None is the identity.
          action_embed_net: makes phi's correction from (actions spec, observation spec).
          ndims: entries of a state that the identity keeps, filled up with zeros if it has
            fewer; None keeps all.  With a network None or as many as it gives.
          distance: D; None is `HuberDistance`.
          estimator: of the objective; None is `FifoEstimator`, that of the released code.
          all_steps: whether every step k of a segment counts in every update, with its
            weight, instead of one that is drawn.
          state_indices: which entries of a state the identity keeps, in this order, before
            `ndims` counts; None is all.

        Raises:
          ValueError: a learned representation without networks, networks of different
            outputs, or a number outside its range.
        """
        super().__init__(name="state_preprocess")
        check_truth("StatePreprocess.trainable", trainable)
        check_function("StatePreprocess.state_preprocess_net", state_preprocess_net, "@state_preprocess_net")
        check_function("StatePreprocess.action_embed_net", action_embed_net, "@action_embed_net")
        check_truth("StatePreprocess.all_steps", all_steps)
        self.distance = HuberDistance() if distance is None else distance
        check_distance("StatePreprocess.distance", self.distance)
        estimator = FifoEstimator() if estimator is None else estimator
        check_estimator("StatePreprocess.estimator", estimator)
        if ndims is not None:
            check_whole("StatePreprocess.ndims", ndims)
        self.trainable_representation = trainable
        self._ndims = ndims
        self._state_indices = None
        if state_indices is not None:
            self._state_indices = _entries(state_indices, observation_spec.shape[0])
        self._clip_gradient_norm = clip_gradient_norm
        self._c = segment_length
        self._net = self._embed_net = self._optimizer = None
        if trainable and (state_preprocess_net is None or action_embed_net is None):
            raise ValueError(
                "StatePreprocess.trainable = True needs StatePreprocess.state_preprocess_net and"
                " StatePreprocess.action_embed_net"
            )
        if state_preprocess_net is not None:
            self._net = state_preprocess_net(observation_spec, name="state_process_net")
            self._net.create_variables()
            self._check_ndims(observation_spec)
        if trainable:
            self._estimator = estimator
            self._build_phi(action_embed_net, observation_spec, action_spec)
            self._optimizer = optimizer
            if optimizer is not None:
                # Slots exist before the first update, so that a checkpoint can fill them.
                optimizer._create_all_weights(self.trained_variables)
            size = self._checked_size(observation_spec)
            self._prior = tf.Variable(tf.zeros([PRIOR_SIZE, size]), trainable=False, name="all_embed")
            self.updates = tf.Variable(0, dtype=tf.int64, trainable=False, name="representation_updates")
        probabilities = step_probabilities(segment_length)
        self._step_log_probabilities = tf.constant(np.log(probabilities)[None], tf.float32)
        self._step_weights = tf.constant(probabilities, tf.float32) if all_steps else None

    def _check_ndims(self, observation_spec):
        """A network has its own number of dimensions, which `ndims` may only repeat."""
        size = self(tf.zeros([1, *observation_spec.shape])).shape[-1]
        if self._ndims not in (None, size):
            raise ValueError(
                f"StatePreprocess.ndims = {self._ndims} with a state_preprocess_net that gives {size}"
                f" dimensions; allowed: None, {size}"
            )

    def _build_phi(self, action_embed_net, observation_spec, action_spec):
        """The network of phi's correction."""
        size = self._c * action_spec.shape.num_elements()
        self._flat_actions = tf.TensorSpec([size], tf.float32, "actions")
        self._embed_net = action_embed_net((self._flat_actions, observation_spec), name="action_embed_net")
        self._embed_net.create_variables()

    def _checked_size(self, observation_spec):
        """G, which f and phi must have in common."""
        states = tf.zeros([1, *observation_spec.shape])  # [1, S]
        size = self(states).shape[-1]
        embedding, _ = self._embed_net((tf.zeros([1, *self._flat_actions.shape]), states))
        if tf.size(embedding) != size:
            raise ValueError(
                f"action_embed_net.num_output_dims = {int(tf.size(embedding))}; allowed: {size}, the"
                " dimensions of the representation"
            )
        if size == 1 and isinstance(self.distance, CosineDistance):
            raise ValueError(
                "state_preprocess_net.num_output_dims = 1; allowed with CosineDistance, which sees"
                " directions only: 2 or more"
            )
        return size

    @property
    def state_net(self) -> network.Network | None:
        """f's network, or None."""
        return self._net

    @property
    def embed_net(self) -> network.Network | None:
        """The network of phi's correction, or None."""
        return self._embed_net

    @property
    def num_replay_states(self) -> int:
        """States of the replay buffer that an update compares the batch with."""
        if not self.trainable_representation:
            return 0
        return self._estimator.num_replay_batches * self._estimator.num_replay_states

    def check_batch(self, name, size):
        if size < self._estimator.least_batch:
            raise ValueError(
                f"{name} = {size}; allowed with {type(self._estimator).__name__}, which compares the"
                f" samples of a batch: {self._estimator.least_batch} or more"
            )

    @property
    def prior(self) -> tf.Variable:
        """FIFO of embeddings, [1024, G], newest last."""
        return self._prior

    @property
    def trained_variables(self) -> list[tf.Variable]:
        """Weights of f and phi, and what the estimator learns."""
        owners = (self._net, self._embed_net, self._estimator)
        return [variable for owner in owners for variable in owner.trainable_variables]

    def __call__(self, states: tf.Tensor) -> tf.Tensor:
        """f(s), [..., S] -> [..., G]."""
        if self._net is not None:
            return self._net(states)[0]
        if self._state_indices is not None:
            states = tf.gather(states, self._state_indices, axis=-1)
        if self._ndims is None:
            return states
        missing = max(0, self._ndims - states.shape[-1])
        padding = [[0, 0]] * (len(states.shape) - 1) + [[0, missing]]
        return tf.pad(states[..., : self._ndims], padding) if missing else states[..., : self._ndims]

    def inverse_goal(self, states: tf.Tensor, low_actions: tf.Tensor) -> tf.Tensor:
        """phi(s, pi) = f(s) + net(a, s); [B, S], [B, c, A] -> [B, G]."""
        flat_actions = tf.reshape(low_actions, [-1, self._c * low_actions.shape[-1]])
        correction, _ = self._embed_net((flat_actions, states))
        return self(states) + tf.reshape(correction, [tf.shape(states)[0], -1])

    def draw_steps(self, batch_size: int, seed: tf.Tensor) -> tf.Tensor:
        """Draws k from `step_probabilities` for every sample; k - 1, its place in a segment, int64 [B]."""
        return tf.random.stateless_categorical(self._step_log_probabilities, batch_size, seed)[0]

    def log_normalizer(self, phi: tf.Tensor) -> tf.Tensor:
        """log E_{s ~ rho}[exp(-D(f(s), phi))] with the FIFO in place of rho, [B, G] -> [B]."""
        return log_mean_similarity(phi, tf.convert_to_tensor(self._prior), self.distance)

    def loss(
        self,
        states: tf.Tensor,
        next_states: tf.Tensor,
        low_states: tf.Tensor,
        low_actions: tf.Tensor,
        steps: tf.Tensor,
        replay_states: Sequence[tf.Tensor] = (),
        prior: tf.Tensor | None = None,
    ) -> tuple[RepresentationInfo, tf.Tensor]:
        """The objective on one batch of high-level transitions.

        The estimated KL divergence is that of NORL's bound of sub-optimality: between what
        follows s_t under pi and K(s' | s_t, pi), which is proportional to
        rho(s') E(s', s_t, pi).  With rho the states of the FIFO, to which the drawn future
        belongs, it is -log K(s_{t+k}) = log M + D + log prior >= 0.

        Args:
          states: s_t, [B, S].
          next_states: s_{t+c}, [B, S].
          low_states: s_t .. s_{t+c-1}, [B, c, S].
          low_actions: a_t .. a_{t+c-1}, [B, c, A].
          steps: k - 1 for the drawn k in 1..c; the target is s_{t+k}, int [B].
          replay_states: independent sets of states, as the estimator asks for, [N, S] each.
          prior: the FIFO before this batch enters it, default `self.prior`.

        Returns:
          The objective and the FIFO after this batch has entered it, [M, G].
        """
        after = tf.concat([low_states[:, 1:], next_states[:, None]], axis=1)  # [B, c, S]
        drawn, futures, weights = self._futures(after, steps)  # [B, G], [B, c or 1, G], [c or 1]
        phi = self.inverse_goal(states, low_actions)  # [B, G]

        # The FIFO and log E_rho[exp(-D(f(s), phi))] over it, without a gradient.
        prior = self._entered(self._prior if prior is None else prior, drawn)  # [M, G]
        log_prior = log_mean_similarity(tf.stop_gradient(phi), prior, self.distance)
        log_prior = tf.stop_gradient(log_prior)  # [B]

        # The objective.
        others = tuple(self(states) for states in replay_states)  # [N, G] each
        estimate = self._estimator(Embeddings(phi, futures, weights, drawn, others, log_prior), self.distance)
        log_ratios = -self.distance(phi, drawn) - log_prior  # [B]
        return (
            RepresentationInfo(
                estimate.loss,
                estimate.close,
                estimate.far,
                estimate.bound,
                np.log(PRIOR_SIZE) - tf.reduce_mean(log_ratios),
                log_prior,
                0.5 * log_ratios,
                drawn,
                estimate.state,
            ),
            prior,
        )

    def _futures(self, after, steps):
        """f of what follows s_t, of which `after` is [B, c, S] and `steps` [B] the drawn place.

        Returns:
          f(s_{t+k}) of the drawn k, [B, G]; those that the objective looks at, the drawn one or all,
          [B, 1 or c, G]; and their weights, [1 or c].
        """
        if self._step_weights is None:
            drawn = self(tf.gather(after, steps, axis=1, batch_dims=1))  # [B, G]
            return drawn, drawn[:, None], tf.ones([1])
        futures = self(after)  # [B, c, G]
        return tf.gather(futures, steps, axis=1, batch_dims=1), futures, self._step_weights

    def _entered(self, prior, drawn):
        """The FIFO [M, G] after a batch [B, G]; where that is larger, its newest entries stay."""
        prior = tf.concat([prior, tf.stop_gradient(drawn)], axis=0)[-PRIOR_SIZE:]
        return tf.ensure_shape(prior, self._prior.shape)

    def learn(self, segments: Segment, seed: tf.Tensor, draw_states: Callable) -> RepresentationInfo:
        """One update from segments.

        Args:
          segments: of the high level's replay, [B].
          seed: of this update, int64 [2].
          draw_states: (how many sets, states in each) -> independent sets of replay states,
            each [N, S].
        """
        steps = self.draw_steps(segments.state.shape[0], seed)
        replay_states = draw_states(self._estimator.num_replay_batches, self._estimator.num_replay_states)
        return self.update(
            segments.state,
            segments.next_state,
            segments.low_states,
            segments.low_actions,
            steps,
            replay_states,
        )

    def update(
        self,
        states: tf.Tensor,
        next_states: tf.Tensor,
        low_states: tf.Tensor,
        low_actions: tf.Tensor,
        steps: tf.Tensor,
        replay_states: Sequence[tf.Tensor] = (),
    ) -> RepresentationInfo:
        """One optimiser step on f and phi; arguments as for `loss`."""

        def objective():
            found = self.loss(states, next_states, low_states, low_actions, steps, replay_states)
            return found[0].loss, found

        info, prior = gradient_step(
            objective, self.trained_variables, self._optimizer, self._clip_gradient_norm
        )
        self._prior.assign(prior)
        for variable, value in zip(self._estimator.state, info.state):
            variable.assign(value)
        self.updates.assign_add(1)
        return info


def _entries(indices, size):
    """Indices of a state's entries, checked."""
    is_list = isinstance(indices, (list, tuple)) and indices
    if not is_list or not all(is_whole(index, 0) and index < size for index in indices):
        raise ValueError(
            f"StatePreprocess.state_indices = {indices!r}; allowed: a list of whole numbers from 0 to"
            f" {size - 1}"
        )
    return tf.constant(indices, tf.int32)
