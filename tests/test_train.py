"""Whole runs, small: determinism, stopping and continuing, evaluation."""

import contextlib
import itertools
import json
import pathlib
import random
import shutil
import signal
import time

import gin
import numpy as np
import pytest
import tensorflow as tf

from efficient_hrl.configuration.config import load_config, usage_errors
from efficient_hrl.errors import RunError, UsageError
from efficient_hrl.eval import evaluate
from efficient_hrl.evaluation.evaluator import judge
from efficient_hrl.evaluation.rollout import RolloutResult
from efficient_hrl.exploration_maps import read_maps
from efficient_hrl.graph.random_streams import GlobalGenerators, seed_globals
from efficient_hrl.run.training_run import TrainingRun
from efficient_hrl.storage.checkpoints import Checkpoints, newest_whole, weights_in
from efficient_hrl.storage.rows import read_rows
from efficient_hrl.storage.run_folder import RunFolder
from efficient_hrl.storage.weights import env_steps_of, restore_weights, saved_weights
from efficient_hrl.terminal.progress import Progress
from efficient_hrl.train import train_uvf
from environments import instability
from tests.faults import Fault, FullDisk
from tests.golden_data import network_of

GIN_FILE = pathlib.Path(__file__).parent.parent / "gin" / "norl_point_maze.gin"
EPISODE = 45  # not a multiple of c: segments are cut
TOTAL = 12 * EPISODE
SMALL = (
    f"RESET_EPISODE_PERIOD = {EPISODE}",
    "train_uvf.num_episodes_train = 12",
    "train_uvf.initial_episodes = 3",
    "train_uvf.batch_size = 8",
    "train_uvf.log_every_n_steps = 90",
    "train_uvf.eval_every_n_steps = 200",
    "train_uvf.checkpoint_every_n_steps = 100",
    "evaluate.num_episodes_eval = 3",
    "agent/CircularBuffer.buffer_size = 300",  # smaller than the run: it wraps around
    "meta/CircularBuffer.buffer_size = 40",
    "ACTOR_HIDDEN_SIZE_1 = 16",
    "ACTOR_HIDDEN_SIZE_2 = 16",
    "CRITIC_HIDDEN_SIZE_1 = 16",
    "CRITIC_HIDDEN_SIZE_2 = 16",
    "action_embed_net.hidden_layers = (16, 16)",
)
QUICK = ("evaluate.generate_summaries = False",)  # nothing is evaluated
CLOCKS = ("wall_s", "steps_per_s")


def run(root, seed=0, stop_after=()):
    """Trains in `root`; SIGTERM comes after the given numbers of blocks, then a fresh start follows."""
    lines = []
    for blocks in (*stop_after, None):
        trainer = train_uvf(seed)
        folder = RunFolder(root)
        if not folder.is_run:
            folder.create(seed, {})
        block, count = trainer.train_block, iter(range(1, 10**6))

        def block_and_stop(block=block, count=count, blocks=blocks):
            block()
            if next(count) == blocks:
                signal.raise_signal(signal.SIGTERM)

        trainer.train_block = block_and_stop
        TrainingRun(trainer, folder, lines.append).run()
    return trainer, lines


def contents(trainer):
    hierarchy = trainer.hierarchy
    nets = [
        network_of(agent, name)
        for agent in (hierarchy.low, hierarchy.high)
        for name in ("actor_net", "critic_net", "target_critic_net2")
    ]
    variables = [v for net in nets for v in net.variables] + [
        *hierarchy.representation.trained_variables,
        hierarchy.representation.prior,
    ]
    return {
        "low replay": trainer.low_replay.gather_all(),
        "high replay": trainer.high_replay.gather_all(),
        "added": [trainer.low_replay.num_added, trainer.high_replay.num_added],
        "counters": [
            trainer.collector.env_steps,
            trainer.collector.episodes,
            hierarchy.low.train_step_counter,
            hierarchy.high.train_step_counter,
            hierarchy.representation.updates,
        ],
        "weights": [tf.identity(v) for v in variables],
    }


def rows(root, name):
    return [{k: v for k, v in row.items() if k not in CLOCKS} for row in read_rows(root / name)]


def maps(root):
    return {path.name: path.read_bytes() for path in (root / "maps").iterdir()}


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs") / "whole"
    load_config([str(GIN_FILE)], SMALL)
    trainer, lines = run(root)
    return root, contents(trainer), lines


@pytest.fixture(autouse=True)
def small_config(clean_gin):
    load_config([str(GIN_FILE)], SMALL)


def configure(*more):
    """The small configuration with some more bindings."""
    gin.clear_config()
    load_config([str(GIN_FILE)], [*SMALL, *more])


def test_a_run_has_the_promised_updates_rows_and_files(uninterrupted):
    root, state, lines = uninterrupted
    learned = TOTAL - 3 * EPISODE
    steps, episodes, low, high, representation = (int(x) for x in state["counters"])
    assert (steps, episodes) == (TOTAL, 12)
    # Learning begins with the first block that ends at or after the initial episodes.
    assert low == representation == learned // 10 * 10 + 10 * (learned % 10 > 0)
    assert high == low // 10
    metrics = rows(root, "metrics.csv")
    assert [int(row["env_steps"]) for row in metrics] == [90, 180, 270, 360, 450, 540]
    assert metrics[0]["low_critic_loss"] == "nan" and float(metrics[-1]["low_critic_loss"]) > 0
    assert float(metrics[-1]["high_episode_return"]) < 0 and float(metrics[-1]["low_episode_return"]) < 0
    evaluations = rows(root, "eval.csv")
    assert [(int(r["env_steps"]), r["target"]) for r in evaluations] == [
        (step, target) for step in (200, 400, 540) for target in ("eval1", "eval2", "eval3")
    ]
    assert metrics[0]["relabel_stored"] == "nan"
    kinds = ("relabel_sampled", "relabel_reached", "relabel_stored")
    assert all(sum(float(row[kind]) for kind in kinds) == pytest.approx(1.0, abs=1e-5) for row in metrics[2:])
    for name in ("operative_config.gin", "run.json", "plots/learning_curve.png", "plots/success_curve.png"):
        assert (root / name).stat().st_size > 0
    assert "finished at 540" in lines[-1]


def test_maps_hold_what_happened_between_evaluations(uninterrupted):
    root, state, _ = uninterrupted
    found = read_maps(root)
    assert [(each.from_steps, each.env_steps) for each in found] == [(0, 200), (200, 400), (400, 540)]
    # One row of the low level's buffer comes a step late.
    assert [each.transitions for each in found] == [199, 200, 140]
    assert all(each.visits.sum() + each.outside == each.transitions for each in found)
    last = state["low replay"].next_state.numpy()[-140:, :2]
    edges = (found[-1].x_edges, found[-1].y_edges)
    np.testing.assert_array_equal(found[-1].visits.T, np.histogram2d(*last.T, bins=edges)[0])
    segments = state["high replay"]
    count = found[-1].segments
    assert count == len(found[-1].goal) == 16
    np.testing.assert_array_equal(found[-1].goal, segments.goal[-count:])
    np.testing.assert_array_equal(found[-1].end, segments.next_state[-count:, :2])


def test_cut_segments_are_kept_with_their_length(uninterrupted):
    _, state, _ = uninterrupted
    lengths = state["high replay"].length.numpy()
    assert set(lengths) == {5, 10}
    np.testing.assert_array_equal(state["high replay"].discount == 0, lengths == 5)


@pytest.mark.ci
def test_the_same_seed_gives_the_same_run_and_another_seed_another(uninterrupted, tmp_path):
    root, state, _ = uninterrupted
    trainer, _ = run(tmp_path / "again")
    tf.nest.map_structure(np.testing.assert_array_equal, contents(trainer), state)
    assert rows(tmp_path / "again", "metrics.csv") == rows(root, "metrics.csv")
    assert rows(tmp_path / "again", "eval.csv") == rows(root, "eval.csv")
    run(tmp_path / "other", seed=1)
    assert rows(tmp_path / "other", "metrics.csv") != rows(root, "metrics.csv")


def test_stopped_and_continued_equals_uninterrupted(uninterrupted, tmp_path, monkeypatch):
    root, state, _ = uninterrupted
    clock = itertools.count(2_000_000_000, -3600)  # set back by an hour whenever it is asked
    monkeypatch.setattr(time, "time", lambda: float(next(clock)))
    told = []
    monkeypatch.setattr(Progress, "stopped", lambda self, name: told.append(name))
    trainer, lines = run(tmp_path / "pieces", stop_after=(2, 13))
    assert told == ["SIGTERM", "SIGTERM"]
    walls = [float(row["wall_s"]) for row in read_rows(tmp_path / "pieces" / "metrics.csv")]
    assert walls == sorted(walls) and 0 < walls[0] < walls[-1] < 600
    assert "stopped by SIGTERM" in lines[0] and "continuing" in lines[1]
    tf.nest.map_structure(np.testing.assert_array_equal, contents(trainer), state)
    assert rows(tmp_path / "pieces", "metrics.csv") == rows(root, "metrics.csv")
    assert rows(tmp_path / "pieces", "eval.csv") == rows(root, "eval.csv")
    assert maps(tmp_path / "pieces") == maps(root)


@pytest.mark.ci
def test_a_killed_run_loses_only_what_came_after_its_last_checkpoint(uninterrupted, tmp_path):
    root, state, _ = uninterrupted

    class Killed(BaseException):
        pass

    trainer = train_uvf(0)
    learn, count = trainer.learn, iter(range(1, 10**6))

    def learn_and_die():
        learn()
        if next(count) == 28:  # at 270 + 10: after the rows of 270, 80 steps after a checkpoint
            (tmp_path / "killed" / "maps" / "map-270.npz").write_bytes(b"of another evaluation")
            raise Killed

    trainer.learn = learn_and_die
    folder = RunFolder(tmp_path / "killed")
    folder.create(0, {})
    with pytest.raises(Killed):
        TrainingRun(trainer, folder, lambda line: None).run()
    trainer, lines = run(tmp_path / "killed")
    assert "continuing" in lines[0] and "200" in lines[0]
    tf.nest.map_structure(np.testing.assert_array_equal, contents(trainer), state)
    assert rows(tmp_path / "killed", "metrics.csv") == rows(root, "metrics.csv")
    assert rows(tmp_path / "killed", "eval.csv") == rows(root, "eval.csv")
    assert maps(tmp_path / "killed") == maps(root)


def broken_off(root, disturb, block):
    """Trains until `disturb(trainer)`, called after a block, ends the run; returns what it says."""
    trainer, folder = train_uvf(0), RunFolder(root)
    if not folder.is_run:
        folder.create(0, {})
    train_block, count = trainer.train_block, iter(range(1, 10**6))

    def disturbed():
        train_block()
        if next(count) == block:
            disturb(trainer)

    trainer.train_block = disturbed
    with pytest.raises(RunError) as caught:
        TrainingRun(trainer, folder, lambda line: None).run()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def poison(variable):
    variable.assign(np.full(variable.shape, np.nan))


@pytest.mark.ci
def test_numbers_that_go_wrong_stop_the_run_before_they_are_saved(tmp_path):
    configure(*QUICK)
    root = tmp_path / "wrong"
    checkpoint = root / "checkpoints" / "ckpt-200"
    said = broken_off(root, lambda t: poison(t.hierarchy.low.critic_nets[0].trainable_variables[-1]), 25)
    assert "uvf_agent critic loss holds NaN after 260 environment steps and 1" in said
    assert f"the last good checkpoint is {checkpoint}, and nothing was saved since" in said
    said = broken_off(root, lambda t: poison(t.hierarchy.representation.trained_variables[-1]), 2)
    assert "representation loss holds NaN after 2" in said and str(checkpoint) in said

    def wrong_observation(trainer):
        env = trainer.simulations
        observe = env._observe
        env._observe = lambda: observe() + np.float32([0, 0, np.inf, 0, 0, 0, 0])

    said = broken_off(root, wrong_observation, 3)
    assert "observation[2] of environment 0 is inf after 2" in said and str(checkpoint) in said

    def hidden(trainer):  # behind a ReLU NaN can become zero
        poison(trainer.hierarchy.high.actor_net.trainable_variables[0])
        trainer.learner.learn = lambda low_updates: None

    said = broken_off(root, hidden, 10)
    assert "/kernel:0 is not finite after 300 environment steps" in said
    assert {p.name for p in (root / "checkpoints").glob("ckpt-*")} == {"ckpt-100", "ckpt-200"}


@pytest.mark.ci
def test_a_full_disk_is_one_line_and_the_run_goes_on_when_there_is_room(uninterrupted, tmp_path):
    whole, state, _ = uninterrupted
    root = tmp_path / "full"
    for acts in (0, 3):  # at the next row of metrics.csv, and in the midst of the next checkpoint
        with contextlib.ExitStack() as stack:
            said = broken_off(root, lambda _, s=stack, a=acts: s.enter_context(Fault(a, FullDisk)), 12)
        assert said.startswith("cannot write: ") and "No space left on device (the disk is full)" in said
        assert said.endswith("the same command continues from there")
    trainer, _ = run(root)
    tf.nest.map_structure(np.testing.assert_array_equal, contents(trainer), state)
    assert rows(root, "metrics.csv") == rows(whole, "metrics.csv")
    assert rows(root, "eval.csv") == rows(whole, "eval.csv")


@pytest.mark.ci
def test_a_folder_that_is_deleted_under_the_run_is_named_and_does_not_come_back(tmp_path):
    configure(*QUICK)
    root = tmp_path / "gone"
    said = broken_off(root, lambda _: shutil.rmtree(root), 12)
    assert said.startswith(f"the run's folder {root} is gone; there is no checkpoint")
    assert not root.exists()


@pytest.mark.ci
def test_harmless_changes_are_noted_when_a_run_is_continued(uninterrupted, tmp_path):
    root = tmp_path / "longer"
    shutil.copytree(uninterrupted[0], root)
    configure("train_uvf.num_episodes_train = 14", "train_uvf.log_every_n_steps = 45")
    record = root / "run.json"
    begun = json.loads(record.read_text()) | {"packages": {"tensorflow": "2.15.0"}}
    record.write_text(json.dumps(begun))
    lines = []
    changed = {"train_uvf.num_episodes_train": ("12", "14")}
    TrainingRun(train_uvf(0), RunFolder(root), lines.append).run(changed)
    assert "not as when the run began: train_uvf.num_episodes_train 12 -> 14" in lines
    assert any("tensorflow 2.15.0 -> " in line for line in lines)
    (note,) = json.loads(record.read_text())["continued"]
    assert note["env_steps"] == 540 and "train_uvf.num_episodes_train 12 -> 14" in note["changed"]
    assert note["command"] and note["started"] and note["machine"]
    assert [row["env_steps"] for row in rows(root, "metrics.csv")][-3:] == ["540", "590", "630"]
    assert "num_episodes_train = 14" in (root / "operative_config.gin").read_text()


@pytest.mark.ci
def test_checkpoints_by_the_clock_are_kept_for_good_as_asked(tmp_path):
    bindings = ("train_uvf.keep_every_nth_checkpoint = 2", "train_uvf.max_checkpoints_to_keep = 1")
    configure(*QUICK, *bindings)
    run(tmp_path / "run")
    names = {path.name for path in (tmp_path / "run" / "checkpoints").glob("ckpt-*")}
    assert names == {"ckpt-200", "ckpt-400", "ckpt-540"}


def test_what_the_program_did_not_expect_is_one_line_and_a_file(tmp_path):
    configure(*QUICK)
    root = tmp_path / "broken"

    def disturb(trainer):
        raise LookupError("the mistake\nand more")

    said = broken_off(root, disturb, 12)
    assert said.startswith(f"LookupError: the mistake (in full in {root / 'error.txt'}) after 120")
    assert said.endswith(f"is {root / 'checkpoints' / 'ckpt-100'}, and the same command continues from there")
    assert "raise LookupError" in (root / "error.txt").read_text()


def test_an_evaluation_that_is_broken_off_leaves_no_trace(tmp_path):
    """Samplers may count how often they draw, and what they draw must not depend on a signal."""
    configure("train_uvf.num_episodes_train = 6", "eval1/ConstantSampler.value = (8.0, 0.0)")
    trainer = train_uvf(0)
    count = tf.Variable(0, trainable=False)
    trainer.hierarchy.high.context.count = count

    def evaluate(steps, stop):
        count.assign_add(1)
        return None if stop() else []

    trainer.evaluator.evaluate = evaluate
    assert trainer.evaluate(10, lambda: True) is None and count == 0
    assert trainer.evaluate(10, lambda: False) == [] and count == 1


def test_deterministic_operations_are_asked_for(monkeypatch):
    asked = []
    monkeypatch.setattr(tf.config.experimental, "enable_op_determinism", lambda: asked.append(True))
    train_uvf(0)
    assert asked == []
    configure("train_uvf.deterministic_ops = True")
    train_uvf(0)
    assert asked == [True]


@pytest.mark.ci
def test_unstable_episodes_are_counted_and_continue_as_everything_else(tmp_path, monkeypatch):
    """With a limit so low that most first states are too fast, in three environments."""
    monkeypatch.setattr(instability, "MAX_SPEED", 0.1)
    configure(*QUICK, "train_uvf.num_envs = 3", "train_uvf.num_episodes_train = 7")
    whole, _ = run(tmp_path / "whole")
    pieces, _ = run(tmp_path / "pieces", stop_after=(9,))
    tf.nest.map_structure(np.testing.assert_array_equal, contents(pieces), contents(whole))
    metrics = rows(tmp_path / "whole", "metrics.csv")
    assert rows(tmp_path / "pieces", "metrics.csv") == metrics
    counts = [int(row["unstable_episodes"]) for row in metrics]
    assert counts == sorted(counts) and counts[-1] > 2


def test_global_random_generators_are_part_of_a_checkpoint(tmp_path):
    """For functions of the user's own, which may use them."""
    generator = seed_globals(3)
    checkpoints = Checkpoints(tmp_path / "c", {"tf": generator}, {"python": GlobalGenerators()})
    draw = lambda: (random.random(), np.random.normal(), np.random.random(), generator.normal([2]).numpy())
    np.random.normal()  # of a pair: the other one is kept for the next call
    draw()
    checkpoints.save(1)
    expected = draw()
    seed_globals(4)
    checkpoints.restore(pytest.fail)
    tf.nest.map_structure(np.testing.assert_array_equal, draw(), expected)


@pytest.mark.ci
def test_three_environments_stopped_and_continued_equal_uninterrupted(tmp_path):
    """Targets, segments, buffers and updates of N > 1, with blocks of 12 steps for periods of 10."""
    configure("train_uvf.num_envs = 3")
    whole, _ = run(tmp_path / "whole")
    assert whole.spec.steps_per_block == 12
    low, high = whole.hierarchy.low.train_step_counter, whole.hierarchy.high.train_step_counter
    learned = int(whole.collector.env_steps) - whole.spec.schedule.initial_steps
    assert int(high) == learned // 10 + 1 and int(low) == 10 * int(high)
    pieces, lines = run(tmp_path / "pieces", stop_after=(7, 15))
    assert "continuing" in lines[1]
    tf.nest.map_structure(np.testing.assert_array_equal, contents(pieces), contents(whole))
    assert rows(tmp_path / "pieces", "metrics.csv") == rows(tmp_path / "whole", "metrics.csv")


@pytest.mark.ci
def test_condition_functions_stopped_and_continued_equal_uninterrupted(tmp_path):
    conditions = (
        "UvfAgent.reset_episode_cond_fn = @every_n_steps",
        "every_n_steps.n = 45",
        "UvfAgent.reset_env_cond_fn = @every_n_episodes",
        "every_n_episodes.n = 2",
        "every_n_episodes.steps_per_episode = 45",
        "train_uvf.num_episodes_train = 8",
    )
    configure(*conditions)
    whole, _ = run(tmp_path / "whole")
    pieces, lines = run(tmp_path / "pieces", stop_after=(6, 14))
    assert "continuing" in lines[1]
    tf.nest.map_structure(np.testing.assert_array_equal, contents(pieces), contents(whole))


@pytest.mark.ci
def test_the_low_level_begins_with_loaded_weights(uninterrupted, tmp_path):
    root, _, _ = uninterrupted
    path = str(saved_weights(root / "policy")[-1])
    configure(f"train_uvf.load_path = {path!r}", "train_uvf.num_episodes_train = 1")
    loaded, _ = run(tmp_path / "loaded")  # initial episodes only: nothing is learned yet
    trained = evaluate(seed=0)
    restore_weights(path, trained.hierarchy.weights())
    pairs = (("actor_net", "target_actor_net"), ("critic_net", "target_critic_net"))
    for online, target in pairs:
        for net in (online, target):
            networks = network_of(loaded.hierarchy.low, net), network_of(trained.hierarchy.low, online)
            for mine, theirs in zip(*(network.variables for network in networks)):
                np.testing.assert_array_equal(mine, theirs)
    high = zip(loaded.hierarchy.high.actor_net.variables, trained.hierarchy.high.actor_net.variables)
    assert not all(np.array_equal(mine, theirs) for mine, theirs in high)


@pytest.mark.ci
def test_kept_weights_are_limited_and_a_run_can_stop_itself(tmp_path):
    configure(
        "train_uvf.save_policy_every_n_steps = 50",
        "train_uvf.max_policies_to_save = 2",
        "train_uvf.policy_save_dir = 'kept'",
    )
    asked = iter(range(100))
    with gin.unlock_config():
        gin.bind_parameter("train_uvf.should_stop_early", lambda: next(asked) >= 21)
    _, lines = run(tmp_path / "run")
    assert "stopped by train_uvf.should_stop_early at 210" in lines[-1]
    names = [path.name for path in saved_weights(tmp_path / "run" / "kept")]
    assert names == ["policy-150", "policy-200"]
    assert len(list((tmp_path / "run" / "kept").iterdir())) == 4  # two files each


@pytest.mark.ci
def test_no_log_and_no_kept_weights(tmp_path):
    never = ("train_uvf.save_policy_every_n_steps = 0", "train_uvf.log_every_n_steps = 0")
    configure(*never, "train_uvf.num_episodes_train = 4")
    run(tmp_path / "run")
    assert not (tmp_path / "run" / "policy").exists()
    assert rows(tmp_path / "run", "metrics.csv") == []


def test_learning_waits_until_there_is_something_to_learn_from():
    """So many environments that none has had c steps when learning would begin."""
    configure("train_uvf.num_envs = 30")
    trainer = train_uvf(0)
    trainer.collector.start()
    updates = []
    for _ in range(12):
        trainer.collector.collect()
        trainer.learn()
        updates.append(int(trainer.hierarchy.high.train_step_counter))
    steps = 30 * np.arange(1, 13)
    assert trainer.spec.schedule.initial_steps == 135
    expected = [(s - 135) // 10 + 1 if s >= 300 else 0 for s in steps]
    assert updates == expected


def test_clipping_reaches_both_levels_and_the_representation():
    configure("train_uvf.clip_gradient_norm = 0.25")
    hierarchy = train_uvf(0).hierarchy
    for part in (hierarchy.low.actor_critic, hierarchy.high.actor_critic, hierarchy.representation):
        assert part._clip_gradient_norm == 0.25


OTHER_MAZE = ("evaluate.environment = @e/create_maze_env()", "e/create_maze_env.env_name = 'PointBlock'")
OTHER_SIZE = ("evaluate.success_fn = @e/negative_distance", "e/negative_distance.state_indices = [0, 1, 2]")


@pytest.mark.parametrize(
    "more, message",
    [
        (OTHER_MAZE, "PointBlock has states of 10.*allowed: those of training, 7"),
        (OTHER_SIZE, r"success_fn does not fit states of 7 and targets of \[2\] numbers"),
    ],
)
def test_an_evaluation_that_does_not_fit_is_refused_at_once(more, message):
    gin.clear_config()
    with pytest.raises(UsageError, match=message) as caught:
        load_config([str(GIN_FILE)], [*SMALL, *more])
        with usage_errors():
            train_uvf(0)
    assert "\n" not in str(caught.value)


def test_a_finished_run_says_so(uninterrupted):
    root, _, _ = uninterrupted
    before = (root / "metrics.csv").read_text()
    _, lines = run(root)
    assert lines[-1] == f"{root} is finished: 540 environment steps"
    assert (root / "metrics.csv").read_text() == before


def test_evaluation_of_a_checkpoint_repeats_the_runs_own(uninterrupted):
    root, _, _ = uninterrupted
    evaluator = evaluate(seed=0)
    path = newest_whole(root / "checkpoints", pytest.fail)
    restore_weights(weights_in(path), evaluator.hierarchy.weights())
    assert env_steps_of(path) == 540
    results = [evaluator.evaluate_target(mode, 540) for mode in evaluator.eval_modes]
    for result, row in zip(results, rows(root, "eval.csv")[-3:]):
        assert row["target"] == result.target
        np.testing.assert_allclose(float(row["high_return"]), result.high_return, rtol=1e-4)
        np.testing.assert_allclose(float(row["success_rate"]), result.success_rate)


def test_a_checkpoint_of_other_networks_is_refused(uninterrupted):
    root, _, _ = uninterrupted
    load_more = [*SMALL, "ACTOR_HIDDEN_SIZE_2 = 24"]
    gin.clear_config()
    load_config([str(GIN_FILE)], load_more)
    with pytest.raises(UsageError, match="does not fit this configuration") as caught:
        path = weights_in(newest_whole(root / "checkpoints", pytest.fail))
        restore_weights(path, evaluate(seed=0).hierarchy.weights())
    assert "\n" not in str(caught.value)


def test_success_is_a_last_distance_below_five():
    rewards = tf.constant([0.0, -4.99, -5.01, -9.0])
    outcome = RolloutResult(rewards - 100, rewards - 20, rewards - 50, rewards, rewards, rewards + 0.02)
    result = judge("eval1", outcome, success_distance=5.0)
    assert (result.success_rate, result.reached_rate) == (0.5, 0.75)
    means = (result.low_return, result.low_last_reward, result.high_return, result.high_last_reward)
    np.testing.assert_allclose(means, [-104.75, -54.75, -24.75, -4.75])


def test_without_a_distance_there_is_no_success():
    rewards = tf.constant([0.0, 1.0, -np.inf])
    result = judge("eval", RolloutResult(*[rewards] * 6), success_distance=None)
    assert np.isnan(result.success_rate) and np.isnan(result.reached_rate) and not result.has_success
    assert (result.high_return, result.unstable_episodes) == (0.5, 1)


@pytest.mark.ci
def test_rewards_of_segments_stopped_and_continued_equal_uninterrupted(tmp_path):
    """With open segments of three environments and a moving average, which checkpoints must hold."""
    several = (
        "UvfAgent.segment_reward = @NorlReward()",
        "StatePreprocess.estimator = @DonskerVaradhanEstimator()",
        "train_uvf.num_envs = 3",
        "train_uvf.num_episodes_train = 6",
        *QUICK,
    )
    configure(*several)
    whole, _ = run(tmp_path / "whole")
    configure(*several)
    parts, _ = run(tmp_path / "parts", stop_after=(13,))
    left, right = contents(whole), contents(parts)
    for name, values in left.items():
        for a, b in zip(tf.nest.flatten(values), tf.nest.flatten(right[name])):
            np.testing.assert_array_equal(a, b, err_msg=name)
    estimators = [t.hierarchy.representation._estimator for t in (whole, parts)]
    np.testing.assert_array_equal(*(estimator.state[0] for estimator in estimators))
    assert estimators[0].state[0] != 0
    assert rows(tmp_path / "whole", "metrics.csv") == rows(tmp_path / "parts", "metrics.csv")
