import re

import gin
import numpy as np
import pytest

from efficient_hrl.configuration.config import load_config
from efficient_hrl.evaluation.random_policy import RandomPolicyRun
from environments.create_gather_env import create_gather_env
from environments.create_maze_env import create_maze_env
from environments.gymnasium_task import create_gymnasium_env
from tests.environments import walk  # noqa: F401  (registers Walk-v0)


def table(environment, **arguments):
    lines = []
    RandomPolicyRun(environment, **arguments).run(lines.append)
    text, speed = lines
    return [re.split(r"\s{2,}", line.strip()) for line in text.splitlines()], speed


def test_returns_and_successes_of_a_maze_are_those_of_its_episodes():
    rows, speed = table(create_maze_env("PointMaze"), num_episodes=3, max_steps_per_episode=40, seed=4)
    assert re.fullmatch(r"120 environment steps, \d+ steps/s", speed)
    assert [row[0] for row in rows[1:]] == [
        "environment's own",
        "robot to training targets",
        "robot to (8, 0)",
        "robot to (8, 8)",
        "robot to (0, 8)",
    ]
    # The same episodes one by one.
    env = create_maze_env("PointMaze")
    rng = np.random.default_rng([4, 2])
    training = rng.uniform(-2, 10, size=(3, 2))  # a target for each episode
    actions = rng.uniform(size=(40, 3, 2))
    actions = env.action_space.low + actions * (env.action_space.high - env.action_space.low)
    for row, targets in ((2, training), (3, [(8, 0)] * 3)):
        returns, last = np.zeros(3), np.zeros(3)
        for i in range(3):
            env.reset(seed=4 + i)
            for action in actions[:, i].astype(np.float32):
                observation = env.step(action)[0]
                last[i] = -np.linalg.norm(observation[:2] - targets[i])
                returns[i] += last[i]
        success = f"{np.mean(last > -5):.2f}"
        assert rows[row][1:] == ["3", success, f"{returns.mean():.1f}", f"{last.mean():.2f}"]


@pytest.mark.parametrize("at", [1, 20])
def test_an_episode_that_becomes_unstable_is_a_failure_and_no_part_of_the_means(at):
    job = {"environment": create_maze_env("PointMaze"), "max_steps_per_episode": 40, "seed": 4}
    lines = []
    policy = RandomPolicyRun(num_episodes=2, **job)
    advance, calls = policy._env._advance, iter(range(1, 1000))

    def shaky(action, ids):
        results = advance(action, ids)
        policy._env._unstable[:] = (False, next(calls) == at)
        return results

    policy._env._advance = shaky
    policy.run(lines.append)
    assert lines[1] == "1 episodes were abandoned because their simulation became unstable"
    assert lines[2].startswith(f"{40 + at - 1} environment steps")
    first = [re.split(r"\s{2,}", line.strip()) for line in lines[0].splitlines()][3]
    # The first episode alone: its first state has the same seed, and its actions are every other pair.
    env = job["environment"]
    rng = np.random.default_rng([4, 2])
    rng.uniform(size=(2, 2))
    actions = rng.uniform(size=(40, 2, 2))[:, 0]
    env.reset(seed=4)
    low, high = env.action_space.low, env.action_space.high
    observations = [env.step((low + a * (high - low)).astype(np.float32))[0] for a in actions]
    rewards = [-np.linalg.norm(observation[:2] - (8, 0)) for observation in observations]
    success = 0.5 * (rewards[-1] > -5)
    assert first[1:] == ["2", f"{success:.2f}", f"{np.sum(rewards):.1f}", f"{rewards[-1]:.2f}"]


@pytest.mark.parametrize("name", ["AntBlock", "AntBlockMaze"])
def test_in_block_tasks_the_block_is_judged(name):
    rows, _ = table(create_maze_env(name), num_episodes=2, max_steps_per_episode=1)
    env = create_maze_env(name)
    observation, _ = env.reset(seed=0)
    np.testing.assert_allclose(observation[3:5], (2, 0), atol=1e-6)  # where the block begins
    target = env.maze.task.evaluation_targets[0]
    row = next(row for row in rows if row[0] == f"block to ({target[0]:g}, {target[1]:g})")
    np.testing.assert_allclose(float(row[-1]), -np.hypot(*(target - (2, 0))), atol=0.3)


def test_an_environment_from_elsewhere_has_only_its_own_reward():
    rows, speed = table(create_gymnasium_env("Walk-v0"), num_episodes=4, max_steps_per_episode=100)
    assert [row[0] for row in rows[1:]] == ["environment's own"]
    assert int(speed.split()[0].replace(",", "")) <= 4 * walk.TIME_LIMIT


def test_the_environment_is_that_of_the_configuration():
    load_config([], ["create_maze_env.env_name = 'AntPush'"])
    assert RandomPolicyRun(num_episodes=1)._environment.maze.name == "AntPush"
    gin.clear_config()
    load_config(["gin/hiro_ant_fall.gin"], [])
    assert RandomPolicyRun(num_episodes=1)._environment.maze.name == "AntFall"
    gin.clear_config()
    load_config(
        ["gin/examples/ant_v5.gin"],
        ["create_gymnasium_env.env_id = 'Walk-v0'"] + ["create_gymnasium_env.env_kwargs = {}"],
    )
    assert RandomPolicyRun(num_episodes=1)._environment.env_id == "Walk-v0"


def judged(*bindings):
    """Success rates at the targets of evaluation, and the number of steps, under a configuration."""
    gin.clear_config()
    load_config(["gin/hiro_point_maze.gin"], list(bindings))
    rows, speed = table(None, num_episodes=2)
    return [row[2] for row in rows[3:]], int(speed.split()[0].replace(",", ""))


def test_success_and_length_are_those_of_evaluation():
    assert judged("RESET_EPISODE_PERIOD = 6") == (["0.00", "0.00", "0.00"], 12)
    assert judged("evaluate.max_steps_per_episode = None", "RESET_EPISODE_PERIOD = 6")[1] == 1000
    everywhere = "evaluate.success_distance = 1000.0"
    assert judged(everywhere, "evaluate.max_steps_per_episode = 3") == (["1.00", "1.00", "1.00"], 6)


@pytest.mark.parametrize(
    "binding", ["evaluate.success_distance = None", "evaluate.success_fn = @task/negative_distance"]
)
def test_where_no_distance_tells_success_there_is_none(binding):
    load_config(["gin/hiro_point_maze.gin"], ["RESET_EPISODE_PERIOD = 3", binding])
    rows, _ = table(None, num_episodes=2)
    assert [len(row) for row in rows[2:]] == [4, 4, 4, 4]


def test_an_environment_that_cannot_be_made_is_told_of():
    load_config(["gin/hiro_point_maze.gin"], ["create_maze_env.env_name = 'PointMase'"])
    with pytest.raises(ValueError, match="unknown environment 'PointMase'"):
        RandomPolicyRun(num_episodes=1)


@pytest.mark.parametrize(
    "binding, message",
    [
        ("evaluate.success_distance = -1", "evaluate.success_distance = -1; allowed: a number above 0"),
        ("evaluate.success_fn = 3", "evaluate.success_fn = 3; allowed: a function"),
        ("evaluate.max_steps_per_episode = 0", "evaluate.max_steps_per_episode = 0; allowed: a whole number"),
        ("evaluate.environment = 0", "evaluate.environment = 0; allowed"),
    ],
)
def test_what_evaluation_could_not_judge_by_is_refused(binding, message):
    load_config(["gin/hiro_point_maze.gin"], [binding])
    with pytest.raises(ValueError, match=message):
        RandomPolicyRun(num_episodes=1)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"num_episodes": 0}, "num_episodes = 0; allowed: a whole number from 1"),
        (
            {"max_steps_per_episode": 0},
            "run_random.max_steps_per_episode = 0; allowed: a whole number from 1",
        ),
        ({"environment": "AntMaze"}, "'AntMaze'; allowed"),
    ],
)
def test_what_cannot_run_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        RandomPolicyRun(**({"environment": create_maze_env("PointMaze")} | arguments))


def test_without_a_target_there_is_only_the_environment_s_reward():
    rows, _ = table(
        create_gather_env("PointGather", activity_range=5), num_episodes=3, max_steps_per_episode=300
    )
    assert [row[0] for row in rows[1:]] == ["environment's own"]


def test_more_episodes_than_there_is_memory_for_are_refused():
    with pytest.raises(MemoryError, match="GiB .* are free; allowed: a smaller run_random.num_episodes"):
        RandomPolicyRun(create_maze_env("PointMaze"), num_episodes=10**12)
