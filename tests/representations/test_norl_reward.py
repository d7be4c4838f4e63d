"""NORL's low-level reward against its formula written slowly, and the batches that it needs."""

import functools

import numpy as np
import pytest
import tensorflow as tf
from tf_agents.environments import tf_py_environment

from efficient_hrl.collect import Collector
from efficient_hrl.hierarchical_policy import DrawnTargets, HierarchicalPolicy, HighLevelGoals
from efficient_hrl.replay import CircularBuffer, SegmentTransition, Transition, segment_transition_spec
from efficient_hrl.representations.distances import L2Distance
from efficient_hrl.representations.norl_reward import NorlReward
from tests import golden_data, tiny_hierarchy
from tests.test_collect import BREAKS, EPISODE, STEP, TIME_OUT, WHO, ShakyEnvironment

C, B = 10, 12


def filled_representation():
    """f and phi with a FIFO of random embeddings, of which some are near."""
    tf.keras.utils.set_random_seed(3)
    representation = golden_data.representation()
    for variable in representation.trained_variables:
        variable.assign(0.3 * tf.random.stateless_normal(variable.shape, [len(variable.shape), 1]))
    representation.prior.assign(tf.random.stateless_normal(representation.prior.shape, [7, 7]))
    return representation


def random_batch(goal_size=2):
    draw = lambda seed, *shape: tf.random.stateless_normal([B, *shape], [seed, 5])
    return SegmentTransition(
        state=draw(0, 30),
        action=draw(1, 8),
        reward=draw(2),
        discount=tf.ones([B]),
        next_state=draw(3, 30),
        goal=draw(4, goal_size),
        next_goal=draw(5, goal_size),
        bootstrap=tf.ones([B]),
        start=draw(6, 30),
        low_actions=draw(7, C, 8),
        step=tf.constant([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10, 10]),
    )


def slow_net(variables, x):
    """A network of ReLU layers, in float64."""
    layers = list(zip(variables[::2], variables[1::2]))
    for i, (kernel, bias) in enumerate(layers):
        x = x @ kernel.numpy().astype(float) + bias.numpy().astype(float)
        x = np.maximum(x, 0) if i < len(layers) - 1 else x
    return x


def slow_reward(representation, batch, i, distance, gamma=0.99, without=None):
    """Equation (18) of NORL for one transition, or all of it but one term."""
    batch = {name: np.asarray(getattr(batch, name)[i], float) for name in batch._fields}

    def f(state):
        seen = state.copy()
        seen[-1] = 0  # time is hidden
        return slow_net(representation.state_net.variables, seen)

    start = batch["start"].copy()
    start[-1] = 0
    correction = slow_net(
        representation.embed_net.variables, np.concatenate([batch["low_actions"].ravel(), start])
    )
    phi = f(batch["start"]) + correction
    goal = f(batch["state"]) + batch["goal"]
    expectation = 0.0
    for embedding in representation.prior.numpy().astype(float):
        expectation += np.exp(-distance(embedding, phi)) / 1024
    weight = 1 / (1 - gamma) if batch["step"] == C else 1.0
    reached = f(batch["next_state"])
    terms = {"goal": -distance(reached, goal), "phi": distance(reached, phi), "rho": np.log(expectation)}
    return weight * sum(term for name, term in terms.items() if name != without)


def slow_huber(a, b):
    x = np.abs(a - b)
    return 2 * np.sum(np.where(x <= 0.1, x * x / 2, 0.1 * (x - 0.05)) / 0.1)


@pytest.mark.parametrize("scale", [1.0, 0.01])
def test_reward_is_its_formula_written_slowly(scale):
    representation, batch = filled_representation(), random_batch()
    rewards, discounts = NorlReward(scale)(representation, batch)
    expected = [scale * slow_reward(representation, batch, i, slow_huber) for i in range(B)]
    np.testing.assert_allclose(rewards, expected, rtol=2e-4)
    np.testing.assert_array_equal(discounts, 1.0)
    # Each term matters: without any of them the numbers would be others.
    for term in ("goal", "phi", "rho"):
        other = [scale * slow_reward(representation, batch, i, slow_huber, without=term) for i in range(B)]
        assert not np.any(np.isclose(rewards, other, rtol=1e-2))


def test_reward_follows_the_chosen_distance():
    representation, batch = filled_representation(), random_batch()
    representation.distance = L2Distance()
    rewards, _ = NorlReward()(representation, batch)
    slow = lambda a, b: np.linalg.norm(a - b)
    expected = [slow_reward(representation, batch, i, slow) for i in range(B)]
    np.testing.assert_allclose(rewards, expected, rtol=2e-4)


def test_reward_follows_the_representation_of_now():
    representation, batch = filled_representation(), random_batch()
    before, _ = NorlReward()(representation, batch)
    representation.trained_variables[0].assign_add(0.1 * tf.ones_like(representation.trained_variables[0]))
    after, _ = NorlReward()(representation, batch)
    assert not np.any(np.isclose(before, after))


def test_absolute_goals_are_compared_as_they_are():
    representation, batch = filled_representation(), random_batch()
    relative, _ = NorlReward()(representation, batch)
    absolute = batch._replace(goal=representation(batch.state) + batch.goal)
    rewards, _ = NorlReward(relative_context=False)(representation, absolute)
    np.testing.assert_allclose(rewards, relative, rtol=1e-5)


def test_returns_end_with_the_segment_if_asked():
    _, discounts = NorlReward(crosses_segments=False)(filled_representation(), random_batch())
    np.testing.assert_array_equal(discounts, [1] * 9 + [0] * 3)


def test_no_gradient_flows_into_the_representation():
    representation, batch = filled_representation(), random_batch()
    with tf.GradientTape() as tape:
        rewards, _ = NorlReward()(representation, batch)
        total = tf.reduce_sum(rewards)
    gradients = tape.gradient(total, representation.trained_variables)
    assert gradients == [None] * len(representation.trained_variables)


def test_the_agents_batch_has_these_rewards_and_other_discounts():
    representation, batch = filled_representation(), random_batch()
    hierarchies = {
        crosses: tiny_hierarchy.hierarchy(
            state_size=30,
            action_size=8,
            low={
                "state_preprocess_class": lambda *specs: representation,
                "segment_reward": NorlReward(0.5, crosses),
            },
        )
        for crosses in (True, False)
    }
    ended = batch._replace(bootstrap=tf.constant([0.0] + [1.0] * 11))
    for crosses, of in hierarchies.items():
        assert of.low.learns_from_segments
        assert isinstance(of.low.training_data_spec, SegmentTransition)
        found = of.low.learning_batch(ended)
        np.testing.assert_array_equal(found.reward, NorlReward(0.5)(representation, batch)[0])
        expected = np.full(B, 0.99, np.float32)
        expected[0] = 0
        expected[9:] *= crosses
        np.testing.assert_allclose(found.discount, expected)


@pytest.mark.parametrize(
    "low, message",
    [
        ({"segment_reward": "norl"}, "segment_reward = 'norl'; allowed: None, @NorlReward"),
        ({"segment_reward": NorlReward()}, "needs phi; allowed with a learned representation"),
    ],
)
def test_wrong_choices_are_refused(low, message):
    with pytest.raises(ValueError, match=message):
        tiny_hierarchy.hierarchy(low=low)


def stored(num_envs, episode_steps, steps, knows_segment, c=10, env=None, state_size=7):
    """What a collector stores in both buffers, with and without segments in the low level's."""
    of = tiny_hierarchy.hierarchy(state_size, c=c)
    env = env or tiny_hierarchy.point_mazes(num_envs, episode_steps=episode_steps)
    tf_env = tf_py_environment.TFPyEnvironment(env)
    policy = HierarchicalPolicy(
        tf_env.time_step_spec(),
        of.low,
        of.high,
        DrawnTargets("explore"),
        HighLevelGoals(explores=True),
        explores=True,
        seed=2,
    )
    spec = segment_transition_spec(state_size, 2, 2, c) if knows_segment else of.low.training_data_spec
    low_replay = CircularBuffer(5000, "agent").build(spec)
    high_replay = CircularBuffer(1000, "meta").build(of.high.training_data_spec)
    driver = Collector(tf_env, policy, low_replay, high_replay, num_envs * steps // 4)
    driver.start()
    for _ in range(4):  # what is under way outlives a call
        driver.collect()
    to_numpy = functools.partial(tf.nest.map_structure, lambda x: x.numpy())
    return to_numpy(low_replay.gather_all()), to_numpy(high_replay.gather_all())


@pytest.mark.parametrize(
    "num_envs, episode_steps, c", [(1, 20, 10), (1, 17, 10), (3, 19, 10), (2, 14, 5), (1, 9, 10)]
)
def test_transitions_that_know_their_segment_are_the_same_transitions(num_envs, episode_steps, c):
    steps = 4 * episode_steps + 4
    plain, segments = stored(num_envs, episode_steps, steps, False, c)
    rich, _ = stored(num_envs, episode_steps, steps, True, c)
    key = lambda state: state.tobytes()
    # The last segments are not complete yet, so that some transitions are still to come.
    rows = {key(state): i for i, state in enumerate(plain.state)}
    assert len(rows) == len(plain.state)
    found = [rows[key(state)] for state in rich.state]
    assert len(set(found)) == len(found) >= len(plain.state) - num_envs * (c + 1)
    for name in Transition._fields:
        np.testing.assert_array_equal(getattr(rich, name), getattr(plain, name)[found], err_msg=name)
    by_start = {key(state): i for i, state in enumerate(segments.state)}
    assert set(rich.step) == set(range(1, min(c, episode_steps) + 1))
    for i, step in enumerate(rich.step):
        segment = by_start[key(rich.start[i])]
        np.testing.assert_array_equal(rich.low_actions[i], segments.low_actions[segment])
        np.testing.assert_array_equal(rich.state[i], segments.low_states[segment, step - 1])
        np.testing.assert_array_equal(rich.action[i], segments.low_actions[segment, step - 1])
        assert step <= segments.length[segment]
        if step == 1:
            np.testing.assert_array_equal(rich.goal[i], segments.goal[segment])
        if step == segments.length[segment]:
            np.testing.assert_array_equal(rich.next_state[i], segments.next_state[segment])


def test_a_segment_that_an_unstable_step_breaks_off_is_never_stored():
    env = ShakyEnvironment(range(4), [1000] * 4, TIME_OUT)
    state_size = env.observation_spec().shape[0]
    rich, _ = stored(4, None, 56, True, env=env, state_size=state_size)
    assert np.all(rich.next_state[:, STEP] == rich.state[:, STEP] + 1)
    assert np.all(rich.state[:, STEP] - rich.start[:, STEP] == rich.step - 1)
    for name in (WHO, EPISODE):
        np.testing.assert_array_equal(rich.state[:, name], rich.start[:, name])
    for i, broken in enumerate(BREAKS):
        first = np.all(rich.state[:, [WHO, EPISODE]] == [i, 0], axis=1)
        whole_until = TIME_OUT if broken > TIME_OUT else (broken - 1) // 10 * 10
        np.testing.assert_array_equal(rich.next_state[first, STEP], range(1, whole_until + 1))
