import numpy as np
import pytest
import tensorflow as tf
from tf_agents.specs import tensor_spec

from efficient_hrl.agents.ddpg_networks import ActorNetwork, CriticNetwork, zero_entries
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


def test_zero_entries_counts_from_both_ends():
    values = zero_entries(tf.constant([[1.0, 2.0, 3.0, 4.0]]), (0, -1))
    np.testing.assert_array_equal(values, [[0, 2, 3, 0]])
