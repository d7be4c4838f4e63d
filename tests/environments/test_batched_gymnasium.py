import decimal
import fractions

import gymnasium
import numpy as np
import pytest

from environments import resident_memory
from environments.batched_gymnasium import BatchedGymnasiumEnvironment
from environments.create_gather_env import create_gather_env
from environments.create_maze_env import create_maze_env
from environments.foreign_errors import ForeignError
from environments.gather_env import GatherEnv
from environments.gymnasium_task import GymnasiumTask, create_gymnasium_env, outcome_of
from environments.make_batched import check_environment, episode_limit, make_batched, maze_of
from environments.maze_env import GoalMazeEnv, MazeEnv
from tests.environments import faulty, walk  # noqa: F401  (registers Wide-v0)

SEED = 5
NUM_ENVS = 3


def make(env_id="Walk-v0", num_envs=NUM_ENVS, episode_steps=None, **arguments):
    return BatchedGymnasiumEnvironment(
        create_gymnasium_env(env_id, **arguments), num_envs, SEED, episode_steps
    )


def actions(count, num_envs=NUM_ENVS):
    return np.random.default_rng(0).uniform(-0.1, 0.2, (count, num_envs, 2)).astype(np.float32)


def test_every_instance_does_what_it_would_do_alone():
    batch = make()
    time_step = batch.reset()
    singles = [gymnasium.make("Walk-v0") for _ in range(NUM_ENVS)]
    states = [env.reset(seed=SEED + i)[0] for i, env in enumerate(singles)]
    np.testing.assert_allclose(time_step.observation[:, :2], states, rtol=1e-6)
    steps, ended = np.zeros(NUM_ENVS), np.zeros(NUM_ENVS, bool)
    kinds = set()
    for action in actions(120):
        time_step = batch.step(action)
        for i, env in enumerate(singles):
            if ended[i]:
                state, reward, kind, discount, ended[i], steps[i] = env.reset()[0], 0.0, 0, 1.0, False, 0
            else:
                state, reward, terminated, truncated, _ = env.step(action[i].astype(np.float64))
                ended[i], discount, steps[i] = terminated or truncated, 1.0 - terminated, steps[i] + 1
                kind = 2 if ended[i] else 1
                kinds.add((bool(terminated), bool(truncated)))
            np.testing.assert_allclose(time_step.observation[i], [*state, 0.001 * steps[i]], rtol=1e-6)
            assert time_step.step_type[i] == kind
            assert time_step.discount[i] == discount
            np.testing.assert_allclose(time_step.reward[i], reward, rtol=1e-6)
    assert kinds >= {(False, False), (True, False), (False, True)}  # the walk met both ends


def test_a_shorter_episode_is_a_time_out():
    batch = make(episode_steps=4)
    batch.reset()
    for step in range(1, 5):
        time_step = batch.step(np.zeros((NUM_ENVS, 2), np.float32))
        assert time_step.is_last().all() == (step == 4)
    np.testing.assert_array_equal(time_step.discount, 1.0)


def test_seeds_decide_first_states():
    first, second = make(), make()
    np.testing.assert_array_equal(first.reset().observation, second.reset().observation)
    assert not np.array_equal(first.reset().observation, make().reset().observation)


def test_a_stop_begins_new_episodes_that_differ_from_those_before():
    batch = make()
    first = batch.reset().observation
    for action in actions(10):
        batch.step(action)
    assert not batch.keeps_state
    again, same = make(), make()
    for other in (again, same):
        other.set_state(batch.get_state())
    np.testing.assert_array_equal(again.reset().observation, same.reset().observation)
    assert not np.array_equal(make().reset().observation, again.reset().observation)
    assert not np.array_equal(first, again.reset().observation)


def test_parts_of_dictionary_observations():
    everything = make("DictWalk-v0").reset().observation
    assert everything.shape == (NUM_ENVS, 4)
    chosen = make("DictWalk-v0", observation_keys=["walker"], append_time=False).reset().observation
    np.testing.assert_array_equal(chosen, everything[:, 1:3])  # after "clock"
    swapped = make("DictWalk-v0", observation_keys=["walker", "clock"]).reset().observation
    np.testing.assert_array_equal(swapped, everything[:, [1, 2, 0, 3]])


def test_told_contexts_reach_the_instances_whose_episodes_begin():
    batch = make()
    assert batch.can_set_context
    batch.set_context(np.array([True, False, True]), np.arange(6).reshape(3, 2))
    told = [env.unwrapped.contexts for env in batch._envs]
    np.testing.assert_array_equal(told[0], [[0, 1]])
    np.testing.assert_array_equal(told[2], [[4, 5]])
    assert not told[1]


def wide(what):
    return {"env_id": "Wide-v0", "env_kwargs": {"what": what}}


def test_spaces_that_fit_are_taken():
    assert create_gymnasium_env(**wide("fits")).maze is None


class StepsItself(MazeEnv):
    def step(self, action):
        return super().step(-action)


class RewardsItself(MazeEnv):
    def _reward(self, observation, robot_reward, info):
        return -info["distance"]


class Mixin:
    def _observe(self):
        return super()._observe() * 2


class ObservesItself(Mixin, MazeEnv):
    pass


class GathersItself(GatherEnv):
    def _judged(self, x_before, action):
        return 0.0, True


class LooksItself(MazeEnv):
    metadata = MazeEnv.metadata | {"author": "me"}

    def __init__(self, maze):
        super().__init__(maze)
        self.pictures = 0

    def render(self):
        self.pictures += 1
        return super().render()

    def _show(self):
        self.pictures += 1

    def count(self):
        return self.pictures


@pytest.mark.parametrize(
    "own, name, member",
    [
        (StepsItself, "PointMaze", "step"),
        (RewardsItself, "PointMaze", "_reward"),
        (ObservesItself, "PointMaze", "_observe"),
        (GathersItself, "AntGather", "_judged"),
        (GoalMazeEnv, "PointMaze", "compute_reward|_reward|_result|compute_t"),
    ],
)
def test_a_maze_that_does_by_itself_what_batched_physics_would_not_is_refused(own, name, member):
    make = create_gather_env if "Gather" in name else create_maze_env
    message = (
        f"environment is a {own.__name__} with a ({member}) of its own, .*; allowed: a MazeEnv of a Maze"
    )
    with pytest.raises(ValueError, match=message):
        check_environment("train_uvf.environment", own(make(name).maze))


@pytest.mark.parametrize("own", [MazeEnv, LooksItself])
def test_a_maze_that_looks_otherwise_is_taken(own):
    check_environment("train_uvf.environment", own(create_maze_env("PointMaze").maze))


def test_spaces_beside_the_mazes_are_refused():
    environment = create_maze_env("PointMaze")
    low = environment.action_space.low
    environment.action_space = gymnasium.spaces.Box(low, -low / 2)
    with pytest.raises(
        ValueError, match="environment has spaces of its own beside those of its maze; allowed"
    ):
        check_environment("train_uvf.environment", environment)


def test_a_length_beside_the_tasks_is_refused():
    environment = create_maze_env("PointMaze")
    environment.episode_steps = 50
    message = "environment.episode_steps = 50 beside the task's 500; allowed: a Maze with a Task of so many"
    with pytest.raises(ValueError, match=message):
        check_environment("evaluate.environment", environment)


def test_a_maze_of_ones_own_with_an_id_is_known_to_be_one():
    task = create_gymnasium_env("PointPush-v0")
    assert maze_of(task).name == "PointPush" and maze_of(create_maze_env("AntMaze")).name == "AntMaze"
    assert maze_of(create_gymnasium_env("PointMazeGoal-v0")) is None
    assert maze_of(create_gymnasium_env("Walk-v0")) is None


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"env_id": None}, "env_id = None; allowed: a gymnasium id"),
        ({"env_id": "Nowhere-v0"}, "'Nowhere-v0'.*Nowhere"),
        ({"env_id": "no_such_module:Walk-v0"}, "no_such_module"),
        ({"env_id": "Walk-v0", "env_kwargs": {"wings": 2}}, "wings"),
        ({"env_id": "Discrete-v0"}, r"Discrete\(2\).*allowed: a bounded Box"),
        (
            {"env_id": "Discrete-v0"},
            r"a wrapper whose action is a number for each choice .*your_environment.md",
        ),
        (wide("choices"), r"MultiDiscrete\(\[2 3\]\); allowed: a bounded Box"),
        (wide("whole"), "int64.* are whole numbers; allowed: a Box of floats, rounded"),
        (wide("empty"), "allowed: at least one entry, each with its minimum below its maximum"),
        (wide("none"), "allowed: at least one entry"),
        (wide("reset"), "reset gives an observation of 3 numbers; its observation_space is of 2\n"),
        (wide("step"), "step gives an observation of 1 numbers; its observation_space is of 2\n"),
        (wide("breaks"), r"'Wide-v0': ArithmeticError: not today \(.*faulty.py, line \d+, in step\)\n"),
        (wide("unrewarded"), "'Wide-v0': step gives a reward of None; allowed: a number\n"),
        (wide("stays"), r"'Wide-v0': PermissionError: still needed \(.*faulty.py, line \d+, in close\)\n"),
        ({"env_id": "Walk-v0", "env_kwargs": 5}, "env_kwargs = 5; allowed: a dictionary"),
        ({"env_id": "Walk-v0", "append_time": 3}, "append_time = 3; allowed: True, False"),
        ({"env_id": "Walk-v0", "observation_keys": ["walker"]}, "'walker'.*has observations Box"),
        ({"env_id": "DictWalk-v0", "observation_keys": "walker"}, "observation_keys = 'walker'; allowed"),
        ({"env_id": "DictWalk-v0", "observation_keys": []}, r"observation_keys = \[\]; allowed"),
        ({"env_id": "DictWalk-v0", "observation_keys": ["wings"]}, "'wings'.*offers clock, walker"),
    ],
)
def test_what_cannot_be_used_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        create_gymnasium_env(**arguments)


@pytest.mark.parametrize(
    "outcome, message",
    [
        ((None, False, False), "a reward of None; allowed: a number"),
        (("1", False, False), "a reward of '1'; allowed: a number"),
        ((np.zeros(2), False, False), r"a reward of array\(\[0., 0.\]\); allowed: a number"),
        ((np.zeros((9, 9)), False, False), r"a reward of array\(\[\[0., 0., .*\.\.\.; allowed: a number"),
        (("x" * 99, False, False), "a reward of 'x{59}\\.\\.\\.; allowed: a number"),
        (([1, [2, 3]], False, False), r"a reward of \[1, \[2, 3\]\]; allowed: a number"),
        ((1j, False, False), "a reward of 1j; allowed: a number"),
        ((1.0, None, False), "terminated = None; allowed: True, False"),
        ((1.0, False, None), "truncated = None; allowed: True, False"),
        ((1.0, False, 0.5), "truncated = 0.5; allowed: True, False"),
        ((1.0, False, 2), "truncated = 2; allowed: True, False"),
        ((1.0, np.int8(-1), 2), ".*terminated = .*-1.*; allowed: True, False"),
        ((1.0, False), r"\(0, 1.0, False, {}\); allowed: observation, reward, terminated, truncated, info"),
        ((1.0, False, False, 1), r"\(0, .*\); allowed: observation, reward, terminated, truncated, info"),
    ],
)
def test_rewards_are_numbers_and_ends_true_or_false(outcome, message):
    with pytest.raises(ValueError, match=f"^step gives {message}$"):
        outcome_of((0, *outcome, {}))


class OnlyAnArray:
    def __array__(self, *arguments, **named):
        return np.ones(1)


@pytest.mark.parametrize(
    "one",
    [
        *(1, 1.0, True, np.float32(1), np.int8(1), np.ones(()), np.ones(1), np.ones((1, 1)), [1.0], (1.0,)),
        *(memoryview(np.ones(1)), OnlyAnArray(), decimal.Decimal(1), fractions.Fraction(1)),
    ],
)
def test_all_that_is_a_number_can_be_a_reward(one):
    assert outcome_of((0, one, np.bool_(True), 0, {})) == (0, 1.0, True, False)
    assert outcome_of((0, 10**30, [False], 1, {}))[1:] == (1e30, False, True)


@pytest.mark.parametrize("observation", [None, [1.0, None], ["1", "2"], np.array([1j, 2])])
def test_observations_are_numbers(observation):
    task = create_gymnasium_env("Walk-v0")
    with pytest.raises(ValueError, match=r"^an observation of .*; allowed: numbers$"):
        task.state(observation, 0)
    batch = make()
    batch._envs[1].unwrapped.step = lambda action: (observation, 0.0, False, False, {})
    batch.reset()
    with pytest.raises(ForeignError, match=r"^Walk-v0: an observation of .*; allowed: numbers$"):
        batch.step(actions(1)[0])


@pytest.fixture
def resident(monkeypatch):
    """What the process has in memory each time that it is asked: the numbers of this list, MiB."""
    sizes = []
    monkeypatch.setattr(resident_memory, "_resident_bytes", lambda: sizes.pop(0) * 2**20)
    return sizes


def test_instances_are_checked_by_what_those_before_have_taken(resident):
    asked = []
    # They take 1 and then 30 each: asked at 64, and when that has doubled.
    resident[:] = [500, 501, 531, 561, 591, 621, 651, 681, 711, 741, 771]
    task = create_gymnasium_env("Walk-v0")
    make_batched(task, 10, 0, None, check_fits=lambda *needs: asked.append(needs))
    assert asked == [(10, 4096), (6, 91 * 2**20 // 4), (2, 211 * 2**20 // 8)] and not resident


def test_there_are_no_more_instances_than_there_is_room_for(resident):
    made = []
    resident[:] = [100, 200]

    def room_for_one_gibibyte(count, each):
        made.append(count)
        if count * each > 2**30:
            raise MemoryError("too many")

    with pytest.raises(MemoryError, match="too many"):
        make_batched(create_gymnasium_env("Walk-v0"), 50, 0, None, check_fits=room_for_one_gibibyte)
    assert made == [50, 49] and not resident


def test_a_growing_process_is_seen():
    resident = resident_memory._resident_bytes()
    kept = np.ones(2**23)
    assert 0.9 * kept.nbytes < resident_memory._resident_bytes() - resident < 1.5 * kept.nbytes


def test_an_instance_that_cannot_be_closed_is_told(monkeypatch):
    batch = make("Faulty-v0")
    monkeypatch.setenv(faulty.FAULT, "close")
    with pytest.raises(ForeignError, match=r"^Faulty-v0: PermissionError: still needed \(.*, in close\)$"):
        batch.open_view()


def test_one_that_cannot_be_closed_leaves_none_open(monkeypatch):
    batch, closed = make("Faulty-v0"), []
    first = batch._envs[-1].unwrapped

    def close(env):
        closed.append(env)
        if env is first:
            raise PermissionError("still needed")

    monkeypatch.setattr(faulty.FaultyEnv, "close", close)
    with pytest.raises(ForeignError, match="still needed"):
        batch.close()
    assert len(closed) == NUM_ENVS


def test_those_made_before_one_that_fails_are_closed(monkeypatch):
    closed, made = [], []
    monkeypatch.setattr(faulty.FaultyEnv, "close", lambda env: closed.append(id(env)))

    def make_two(task, **kwargs):
        if len(made) == 2:
            raise RuntimeError("no third one")
        made.append(gymnasium.make("Faulty-v0").unwrapped)
        return made[-1]

    monkeypatch.setattr(GymnasiumTask, "make", make_two)
    with pytest.raises(ForeignError, match="no third one"):
        make("Faulty-v0")
    assert sorted(closed) == sorted(map(id, made))


def test_all_instances_are_closed_before_others_are_made(monkeypatch):
    batch, closed = make("Faulty-v0"), []
    monkeypatch.setattr(faulty.FaultyEnv, "close", lambda env: closed.append(id(env)))
    before = [id(env.unwrapped) for env in batch._envs]
    batch.open_view()
    assert sorted(closed) == sorted(before) and len(batch._envs) == NUM_ENVS
    batch.close()
    assert len(closed) == 2 * NUM_ENVS and not batch._envs


def test_an_episode_has_the_limit_asked_for_or_its_own_or_500():
    walk_task, endless = create_gymnasium_env("Walk-v0"), create_gymnasium_env("DictWalk-v0")
    assert episode_limit(walk_task, 7) == 7
    assert episode_limit(walk_task, None) == walk.TIME_LIMIT
    assert episode_limit(walk_task, 500) == walk.TIME_LIMIT  # it would end them itself
    assert episode_limit(endless, 700) == 700
    assert episode_limit(create_maze_env("PointMaze"), 700) == 700
    assert episode_limit(create_maze_env("PointMazeLarge"), None) == 1000
    assert episode_limit(create_gymnasium_env("PointMaze-v0"), None) == 500
    assert episode_limit(endless, None) == 500
    assert episode_limit(create_maze_env("PointMaze"), None) == 500


def test_what_is_no_environment_is_named():
    with pytest.raises(ValueError, match="train_uvf.environment = 'AntMaze'; allowed: @create_maze_env"):
        check_environment("train_uvf.environment", "AntMaze")
    task = create_gymnasium_env("Walk-v0")
    assert isinstance(task, GymnasiumTask)
    assert isinstance(make_batched(task, 2, 0, None), BatchedGymnasiumEnvironment)
    assert gymnasium.spec("Walk-v0").max_episode_steps == walk.TIME_LIMIT
