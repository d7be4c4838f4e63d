import gin
import numpy as np
import pytest
import tensorflow as tf
from tf_agents.specs import tensor_spec

from efficient_hrl.agents.ddpg_networks import ActorNetwork, CriticNetwork
from efficient_hrl.agents.layers import zero_entries
from efficient_hrl.representations.representation import ActionEmbedNetwork, StatePreprocessNetwork
from tests import golden_data

ARRAYS = golden_data.load("nets")
FLAGS = [(zero_obs, images) for zero_obs in (False, True) for images in (False, True)]
STATES, ACTIONS = tf.TensorSpec([45], tf.float32), golden_data.ACTION_SPEC


def action_spec(minimum, maximum):
    return tensor_spec.BoundedTensorSpec([len(minimum)], tf.float32, np.float32(minimum), np.float32(maximum))


def filled(net, case):
    net.create_variables()
    golden_data.load_weights(net, ARRAYS, f"{case}/w")
    return net


@pytest.mark.parametrize("zero_obs, images", FLAGS)
def test_actor_agrees_with_the_recording(zero_obs, images):
    case = f"actor_zero_obs{zero_obs:d}_images{images:d}"
    net = filled(ActorNetwork(STATES, ACTIONS, (24, 20), zero_obs=zero_obs, images=images), case)
    actions, _ = net(ARRAYS[f"{case}/in/states"])
    np.testing.assert_allclose(actions, ARRAYS[f"{case}/out"], rtol=1e-5, atol=1e-6)


def test_actor_with_an_asymmetric_range_agrees_with_the_recording():
    spec = action_spec([-10.0, -10.0, -0.5, -1.0, -1.0], [10.0, 20.0, 0.5, 1.0, 3.0])
    net = filled(ActorNetwork(tf.TensorSpec([7], tf.float32), spec, (64, 32)), "actor_asym")
    actions, _ = net(ARRAYS["actor_asym/in/states"])
    np.testing.assert_allclose(actions, ARRAYS["actor_asym/out"], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("zero_obs, images", FLAGS)
def test_critic_agrees_with_the_recording(zero_obs, images):
    case = f"critic_zero_obs{zero_obs:d}_images{images:d}"
    net = CriticNetwork(
        (STATES, ACTIONS),
        states_hidden_layers=(24,),
        joint_hidden_layers=(20,),
        zero_obs=zero_obs,
        images=images,
    )
    values, _ = filled(net, case)((ARRAYS[f"{case}/in/states"], ARRAYS[f"{case}/in/actions"]))
    np.testing.assert_allclose(values, ARRAYS[f"{case}/out"], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "case, arguments",
    [
        ("critic_default_layers", {"states_hidden_layers": (24,), "actions_hidden_layers": (8,)}),
        ("critic_multi_reward", {"states_hidden_layers": (20,), "num_reward_dims": 3}),
        ("critic_multi_reward_loss", {"states_hidden_layers": (20,), "num_reward_dims": 3}),
    ],
)
def test_critic_variants_agree_with_the_recording(case, arguments):
    specs = (tf.TensorSpec([7], tf.float32), action_spec([-1.0] * 5, [1.0] * 5))
    net = filled(CriticNetwork(specs, joint_hidden_layers=(20,), **arguments), case)
    inputs = (ARRAYS[f"{case}/in/states"], ARRAYS[f"{case}/in/actions"])
    values, _ = net(inputs, for_critic_loss=case.endswith("loss"))
    np.testing.assert_allclose(values, ARRAYS[f"{case}/out"], rtol=1e-5, atol=1e-6)


def test_first_weights_have_the_stated_ranges_and_nets_differ():
    nets = [CriticNetwork((STATES, ACTIONS), states_hidden_layers=(300,)) for _ in range(2)]
    for net in nets:
        net.create_variables()
        for kernel, bias in zip(net.variables[::2], net.variables[1::2]):
            np.testing.assert_array_equal(bias, 0)
            limit = 0.003 if kernel.shape[1] == 1 else np.sqrt(1 / kernel.shape[0])
            assert 0.9 * limit < np.max(np.abs(kernel)) <= np.float32(limit)
    assert not np.array_equal(nets[0].variables[0], nets[1].variables[0])


@pytest.mark.parametrize("dims", [0, 46])
def test_reward_dimensions_that_no_inputs_can_weight_are_refused(dims):
    with pytest.raises(ValueError, match=f"num_reward_dims = {dims}; allowed: 1 to 45"):
        CriticNetwork((STATES, ACTIONS), num_reward_dims=dims)


def test_zero_entries_counts_from_both_ends():
    values = zero_entries(tf.constant([[1.0, 2.0, 3.0, 4.0]]), (0, -1))
    np.testing.assert_array_equal(values, [[0, 2, 3, 0]])


def normalized_networks(normalizer_fn):
    """All four networks, with what feeds them."""
    states, actions = tf.random.stateless_normal([5, 45], [0, 0]), tf.random.stateless_normal([5, 8], [0, 1])
    pair = (STATES, ACTIONS)
    hidden = {"normalizer_fn": normalizer_fn}
    sizes = {"states_hidden_layers": (6,), "actions_hidden_layers": (4,), "joint_hidden_layers": (3,)}
    return {
        "actor": (ActorNetwork(STATES, ACTIONS, (6, 4), **hidden), states),
        "critic": (CriticNetwork(pair, **sizes, **hidden), (states, actions)),
        "f": (StatePreprocessNetwork(STATES, states_hidden_layers=(6, 4), **hidden), states),
        "phi": (ActionEmbedNetwork((ACTIONS, STATES), hidden_layers=(6, 4), **hidden), (actions, states)),
    }


def halved(x):
    return 0.5 * x - 1.0


@pytest.mark.parametrize("name", ["actor", "critic", "f", "phi"])
def test_normalizers_are_for_hidden_layers_which_then_have_no_bias(name):
    plain, inputs = normalized_networks(None)[name]
    plain.create_variables()
    dense = lambda net: [v for v in net.variables if v.name.split("/")[-1].startswith(("kernel", "bias"))]
    is_bias = lambda net: [v.name.split("/")[-1].startswith("bias") for v in dense(net)]
    layers = 4 if name == "critic" else 3
    assert is_bias(plain) == [False, True] * layers
    for normalizer_fn, extra in ((halved, 0), (tf.keras.layers.LayerNormalization, 2)):
        net, _ = normalized_networks(normalizer_fn)[name]
        net.create_variables()
        assert is_bias(net) == [False] * layers + [True]
        assert len(net.variables) - len(dense(net)) == extra * (layers - 1)
        # Its output has the plain network's shape, and a gradient reaches every variable.
        with tf.GradientTape() as tape:
            outputs = net(inputs)[0]
            total = tf.reduce_sum(outputs**2)
        assert outputs.shape == plain(inputs)[0].shape
        assert all(g is not None for g in tape.gradient(total, net.trainable_variables))


def test_a_normalizing_function_comes_between_the_linear_map_and_the_activation():
    net, inputs = normalized_networks(halved)["actor"]
    net.create_variables()
    first, second, kernel, bias = (v.numpy() for v in net.variables)
    hidden = np.maximum(halved(inputs.numpy() @ first), 0)
    hidden = np.maximum(halved(hidden @ second), 0)
    expected = 30 * np.tanh(hidden @ kernel + bias)
    np.testing.assert_allclose(net(inputs)[0], expected, rtol=1e-4, atol=1e-5)


def test_gin_binds_layer_normalization_and_each_layer_has_its_own():
    gin.parse_config(
        """
        ddpg_actor_net.normalizer_fn = @tf.keras.layers.LayerNormalization
        LayerNormalization.epsilon = 0.5
        """
    )
    net = ActorNetwork(STATES, ACTIONS, (6, 4))
    net.create_variables()
    kernel1, scale1, shift1, kernel2, scale2, shift2, kernel, bias = (v.numpy() for v in net.variables)
    assert scale1.shape == (6,) and scale2.shape == (4,)
    inputs = tf.random.stateless_normal([5, 45], [0, 0]).numpy()
    hidden = inputs
    for linear, scale, shift in ((kernel1, scale1, shift1), (kernel2, scale2, shift2)):
        hidden = hidden @ linear
        mean, variance = hidden.mean(axis=1, keepdims=True), hidden.var(axis=1, keepdims=True)
        hidden = np.maximum((hidden - mean) / np.sqrt(variance + 0.5) * scale + shift, 0)
    expected = 30 * np.tanh(hidden @ kernel + bias)
    np.testing.assert_allclose(net(inputs)[0], expected, rtol=1e-4, atol=1e-5)
