"""Training on an environment that this project does not contain."""

import pathlib

import gin
import numpy as np
import pytest

from efficient_hrl.configuration.config import bindings, load_config, usage_errors
from efficient_hrl.errors import UsageError
from efficient_hrl.run.training_run import TrainingRun
from efficient_hrl.storage.run_folder import RunFolder
from efficient_hrl.train import train_uvf
from tests.environments import walk  # noqa: F401  (registers Walk-v0)

GIN = pathlib.Path(__file__).parent.parent / "gin"
SMALL = (
    "agent/CircularBuffer.buffer_size = 300",
    "meta/CircularBuffer.buffer_size = 100",
    "evaluate.num_episodes_eval = 2",
    "train_uvf.batch_size = 8",
)
WALK = """
include 'base.gin'
include 'methods/hiro_xy.gin'
include 'tasks/three_targets.gin'

train_uvf.environment = @create_gymnasium_env()
evaluate.environment = @create_gymnasium_env()
create_gymnasium_env.env_id = "Walk-v0"
CONTEXT_RANGE_MIN = -1
CONTEXT_RANGE_MAX = 1
META_EXPLORE_NOISE = 0.3
uvf_add_noise_fn.stddev = 0.2
meta_context_range = ((-1, -1), (2, 1))
eval1/ConstantSampler.value = [2, 0]
eval2/ConstantSampler.value = [-1, -1]
eval3/ConstantSampler.value = [0, 1]
evaluate.success_distance = 0.5
RESET_EPISODE_PERIOD = 40
train_uvf.num_episodes_train = 10
train_uvf.initial_episodes = 4
"""


@pytest.fixture
def gin_file(tmp_path):
    path = tmp_path / f"{tmp_path.name}.gin"
    path.write_text(WALK)
    return str(path)


def build(files, *more):
    gin.clear_config()
    load_config(files, [*SMALL, *more])
    with usage_errors():
        return train_uvf(0)


@pytest.mark.parametrize("num_envs", [1, 3])
def test_terminations_cut_the_bootstrap_and_time_outs_do_not(gin_file, num_envs):
    sizes = [f"{level}/CircularBuffer.buffer_size = 1000" for level in ("agent", "meta")]
    trainer = build([gin_file], f"train_uvf.num_envs = {num_envs}", *sizes)
    trainer.collector.start()
    while int(trainer.collector.env_steps) < 900:
        trainer.collector.collect()
    low = trainer.low_replay.gather_all()
    terminated = low.next_state.numpy()[:, 0] > walk.EDGE
    np.testing.assert_array_equal(low.bootstrap, 1.0 - terminated)
    batch = trainer.hierarchy.low.learning_batch(low)
    np.testing.assert_allclose(batch.discount, 0.99 * (1.0 - terminated), rtol=1e-6)
    steps = np.round(1000 * low.next_state.numpy()[:, -1])
    timed_out = steps == walk.TIME_LIMIT
    assert terminated.sum() > 2 and timed_out.sum() > 2
    # No transition joins two episodes.
    np.testing.assert_array_equal(steps, np.round(1000 * low.state.numpy()[:, -1]) + 1)

    high = trainer.high_replay.gather_all()
    terminated = high.next_state.numpy()[:, 0] > walk.EDGE
    np.testing.assert_array_equal(high.bootstrap, 1.0 - terminated)
    batch = trainer.hierarchy.high.learning_batch(high)
    np.testing.assert_allclose(batch.discount, 0.99 * (1.0 - terminated), rtol=1e-6)
    length = high.length.numpy()
    moved = np.round(1000 * (high.next_state - high.state).numpy()[:, -1])
    np.testing.assert_array_equal(moved, length)
    assert set(length[~terminated]) <= {10, walk.TIME_LIMIT % 10}
    assert terminated.sum() > 2


@pytest.mark.ci
def test_a_run_trains_evaluates_and_continues(gin_file, tmp_path):
    trainer = build([gin_file])
    folder = RunFolder(tmp_path / "run")
    folder.create(0, bindings())
    lines = []
    TrainingRun(trainer, folder, lines.append).run()
    assert f"finished at {10 * walk.TIME_LIMIT} environment steps" in lines[-1]
    longer = build([gin_file], "train_uvf.num_episodes_train = 16")
    TrainingRun(longer, folder, lines.append).run()
    assert f"finished at {16 * walk.TIME_LIMIT} environment steps" in lines[-1]
    low = longer.low_replay.gather_all()
    # Nor does one join the episodes before and after the stop.
    ages = np.round(1000 * (low.next_state - low.state).numpy()[:, -1])
    np.testing.assert_array_equal(ages, 1.0)


def test_the_environments_own_reward_can_be_the_task(gin_file):
    trainer = build([gin_file], "meta/Context.reward_fn = @plain_rewards")
    trainer.collector.start()
    trainer.collector.collect()
    trainer.collector.collect()
    low, high = trainer.low_replay.gather_all(), trainer.high_replay.gather_all()
    assert high.length[0] == 10
    np.testing.assert_allclose(high.reward[0], 0.1 * np.sum(low.reward[:10]), rtol=1e-5)


def test_targets_are_told_to_an_environment_that_wants_them(gin_file):
    trainer = build([gin_file], "meta/Context.settable_context = True")
    trainer.collector.start()
    for _ in range(6):
        trainer.collector.collect()
    (env,) = trainer.simulations._envs
    told = np.array(env.unwrapped.contexts)
    stored = trainer.high_replay.gather_all().target.numpy()
    assert len(told) > 1
    assert {tuple(target) for target in stored} <= {tuple(target) for target in told}


def test_targets_are_told_in_evaluation_too(gin_file):
    trainer = build([gin_file], "meta/Context.settable_context = True")
    trainer.evaluator.evaluate_target("eval2", 0)
    told = [env.unwrapped.contexts for env in trainer.evaluator._py_env._envs]
    np.testing.assert_array_equal(told, [[[-1, -1]]] * 2)


@pytest.mark.ci
def test_the_example_trains():
    pytest.importorskip("imageio")
    trainer = build([str(GIN / "examples" / "ant_v5.gin")], "train_uvf.initial_steps = 20")
    assert trainer.evaluator.eval_modes == ("eval1", "eval2")
    trainer.collector.start()
    for _ in range(4):
        trainer.collector.collect()
        trainer.learn()
    assert int(trainer.hierarchy.high.train_step_counter) == 3
    assert trainer.low_replay.gather_all().state.shape[1] == 30


@pytest.mark.parametrize(
    "binding, message",
    [
        ("create_gymnasium_env.env_id = 'Nowhere-v0'", "'Nowhere-v0'"),
        ("create_gymnasium_env.env_idd = 'Walk-v0'", "env_idd.*Allowed: env_id"),
        ("IMAGES = True", "Walk-v0 shows no view; allowed: False"),
        ("agent/Context.context_shapes = [3]", "context_ranges|context_shapes"),
    ],
)
def test_wrong_descriptions_are_one_line(gin_file, binding, message):
    with pytest.raises(UsageError, match=message) as caught:
        build([gin_file], binding)
    assert "\n" not in str(caught.value)


def test_set_context_without_a_method_is_refused():
    with pytest.raises(UsageError, match="settable_context = True.*no method set_context"):
        build([str(GIN / "hiro_ant_maze.gin")], "meta/Context.settable_context = True")


@pytest.mark.parametrize("period", ["500", "None", "25"])
def test_a_run_counts_episodes_of_the_environments_own_length(gin_file, period):
    more = ("train_uvf.num_episodes_train = 40", "evaluate.max_steps_per_episode = 500")
    spec = build([gin_file], f"RESET_EPISODE_PERIOD = {period}", *more).spec
    assert spec.total_steps == 40 * walk.TIME_LIMIT
    assert spec.schedule.initial_steps == 4 * walk.TIME_LIMIT
    assert spec.task.episode_steps == walk.TIME_LIMIT


def test_shorter_episodes_than_the_environments_own_are_counted_as_asked_for(gin_file):
    spec = build([gin_file], "RESET_EPISODE_PERIOD = 20").spec
    assert (spec.total_steps, spec.task.episode_steps) == (200, 20)
