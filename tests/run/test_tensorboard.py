"""What is in the event files: tags, values, pictures; and that writing them changes nothing."""

import random

import gin
import numpy as np
import pytest
import tensorflow as tf

from efficient_hrl.evaluation.result import EvalResult
from efficient_hrl.exploration_maps import ExplorationMaps
from efficient_hrl.figures.curves import draw_run
from efficient_hrl.run.metrics import METRICS_COLUMNS, RunLog
from efficient_hrl.run.tensorboard import TensorBoard, tag_of
from efficient_hrl.storage.checkpoints import ScalarState
from tests import tiny_hierarchy

RESULTS = [EvalResult(f"eval{n}", 50, n / 4, n / 3, -10.0, -20.0, -1.0, -2.5, 0) for n in (1, 2)]


def values_of(folder):
    """tag -> (step, value) of everything in a folder of event files."""
    found = {}
    for path in sorted(folder.iterdir()):
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            for value in event.summary.value:
                found.setdefault(value.tag, []).append((event.step, tf.make_ndarray(value.tensor)))
    return found


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A hierarchy with a learned f, what it has collected, and the events of one evaluation."""
    root = tmp_path_factory.mktemp("run")
    of = tiny_hierarchy.hierarchy()
    of.low.state_preprocess.trainable_representation = True
    driver, low, high = tiny_hierarchy.collector(tiny_hierarchy.point_mazes(2), of, 120)
    driver.collect()
    maps = ExplorationMaps(root, tiny_hierarchy.maze(), of, low, high, ScalarState(evaluated_steps=0))
    board = TensorBoard(root, of, low, high, tiny_hierarchy.maze())
    row = {name: float("nan") for name in METRICS_COLUMNS}
    row |= {"env_steps": 90, "episodes": 3, "high_critic_loss": 0.5, "relabel_stored": 0.25}
    log = RunLog(root, 0, 0)
    log.log_evaluation(120, RESULTS)
    draw_run(root)
    weights = [v.numpy() for v in of.learned_variables()]
    tf.random.set_seed(4)
    generators = (random.getstate(), np.random.get_state()[1], tf.random.get_global_generator().state)
    before = [np.array(state, object) for state in generators[:1]] + [np.array(s) for s in generators[1:]]
    board.log_training(row)
    board.log_evaluation(120, RESULTS, maps.write(120))
    with gin.unlock_config():
        gin.parse_config("evaluate.num_episodes_eval = 7")
    board.log_config(120)
    board.log_config(150)
    after = (random.getstate(), np.random.get_state()[1], tf.random.get_global_generator().state)
    assert all(np.array_equal(np.array(a, b.dtype), b) for a, b in zip(after, before))
    drawn = tf.random.normal([3])
    tf.random.set_seed(4)
    np.testing.assert_array_equal(drawn, tf.random.normal([3]))
    for left, right in zip(weights, of.learned_variables()):
        np.testing.assert_array_equal(left, right)
    gin.clear_config()
    return of, low, high, values_of(root / "train"), values_of(root / "eval")


def test_columns_are_grouped_by_level():
    assert {tag_of(name) for name in METRICS_COLUMNS[1:]} == {
        "run/episodes",
        "run/wall_s",
        "run/steps_per_s",
        "run/unstable_episodes",
        "low/critic_loss",
        "low/actor_loss",
        "low/episode_return",
        "high/critic_loss",
        "high/actor_loss",
        "high/episode_return",
        "relabelling/sampled",
        "relabelling/reached",
        "relabelling/stored",
        "representation/loss",
        "representation/close_loss",
        "representation/far_loss",
        "representation/bound",
        "representation/kl",
    }


def test_scalars_are_what_was_measured_and_nothing_else(written):
    *_, train, evaluation = written
    scalars = {tag: found for tag, found in train.items() if found[0][1].ndim == 0 and tag[:3] != "ope"}
    assert scalars == {
        "run/episodes": [(90, 3.0)],
        "high/critic_loss": [(90, 0.5)],
        "relabelling/stored": [(90, 0.25)],
    }
    assert evaluation["evaluation/eval1/success_rate"] == [(120, 0.25)]
    assert evaluation["evaluation/eval2/high_last_reward"] == [(120, -2.5)]
    assert not {"evaluation/eval1/target", "evaluation/eval1/episodes"} & set(evaluation)


def histogram(found):
    """Count, least and greatest of a histogram that was written once."""
    ((step, buckets),) = found
    assert step == 120
    return buckets[:, 2].sum(), buckets[0, 0], buckets[-1, 1]


def test_histograms_hold_the_newest_experience(written):
    of, low, high, train, _ = written
    transitions, segments = low.gather_all(), high.gather_all()
    for tag, values in {
        "low/actions/0": transitions.action[:, 0],
        "low/actions/1": transitions.action[:, 1],
        "representation/f/1": transitions.state[:, 1],
        "low/reward": of.low.learning_batch(transitions).reward,
        "high/goals/0": segments.goal[:, 0],
        "high/goals/1": segments.goal[:, 1],
        "high/reward": segments.reward,
        "low/q": of.low.critic_nets[0](
            (tf.concat([transitions.state, transitions.goal], 1), transitions.action)
        )[0],
        "high/q": of.high.critic_nets[0]((tf.concat([segments.state, segments.target], 1), segments.goal))[0],
    }.items():
        count, least, greatest = histogram(train[tag])
        assert count == len(values), tag
        np.testing.assert_allclose(
            (least, greatest), (np.min(values), np.max(values)), rtol=1e-4, err_msg=tag
        )


def test_every_layer_of_every_network_has_a_histogram(written):
    of, *_, train, _ = written
    tags = [tag for tag in train if "/weights/" in tag]
    nets = [net for agent in (of.low, of.high) for net in (agent.actor_net, *agent.critic_nets)]
    variables = [variable for net in nets for variable in net.trainable_variables]
    assert len(tags) == len(variables)
    assert {tag.split("/", 3)[0] + "/" + tag.split("/", 3)[2] for tag in tags} == {
        f"{level}/{net}" for level in ("low", "high") for net in ("actor_net", "critic_net", "critic_net2")
    }
    total = sum(histogram(train[tag])[0] for tag in tags)
    assert total == sum(int(tf.size(variable)) for variable in variables)


def test_the_configuration_is_text_once(written):
    *_, train, _ = written
    ((step, text),) = train["operative_config"]
    text = text.item().decode()
    assert step == 120 and text.startswith("```\n") and text.endswith("\n```")


def test_pictures_can_be_decoded(written):
    *_, evaluation = written
    for tag in ("evaluation/success_curve", "exploration/visits", "representation/grid"):
        ((step, (width, height, png)),) = evaluation[tag]
        pixels = tf.io.decode_png(png).numpy()
        assert step == 120 and pixels.shape == (int(height), int(width), 3)
        assert min(pixels.shape[:2]) > 200 and len(np.unique(pixels.reshape(-1, 3), axis=0)) > 10


def test_without_results_and_without_a_maze_there_is_less(tmp_path):
    of = tiny_hierarchy.hierarchy()
    low, high = tiny_hierarchy.buffers(of)
    board = TensorBoard(tmp_path, of, low, high, None)
    board.log_evaluation(10, [], None)
    assert values_of(tmp_path / "train") == values_of(tmp_path / "eval") == {}
    board.log_evaluation(20, RESULTS, None)
    assert all(tag.startswith("evaluation/") for tag in values_of(tmp_path / "eval"))
    assert all("/weights/" in tag for tag in values_of(tmp_path / "train"))
