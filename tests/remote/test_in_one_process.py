"""Both ends in one process: what is stored, when, and how old it is."""

import pathlib
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf

from efficient_hrl.collect import Collecting
from efficient_hrl.errors import RunError, UsageError
from efficient_hrl.graph.finite import check_finite
from efficient_hrl.remote.block import FINISHED, Block, block_bytes, packed, unpacked
from efficient_hrl.remote.collector_process import CollectorProcess
from efficient_hrl.remote.remote_collector import FAREWELL_SECONDS, RemoteCollector, RemoteSimulations
from efficient_hrl.remote.transport import Address, Given, LearnerLostError, Server
from efficient_hrl.replay import row_dtype
from efficient_hrl.seam import CollectsBlocks, Simulations
from environments.instability import NonFiniteError
from tests import tiny_hierarchy

pytest.importorskip("reverb", reason="requirements-scale.txt is not installed")

STEPS, BLOCKS, ENVS = 20, 6, 2
REPOSITORY = pathlib.Path(__file__).parents[2]
# A collector whose weights are zero until it has those of the learner.
OTHER = """
import sys
import gin
import tensorflow as tf
from efficient_hrl.collect import Collecting
from efficient_hrl.remote.collector_process import CollectorProcess
from efficient_hrl.remote.transport import Link, parse_address
from tests import tiny_hierarchy

address, envs, steps = parse_address("learner", sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
gin.bind_parameter("td3_update_targets.tau", 0.005)
acting, simulations = tiny_hierarchy.hierarchy(), tiny_hierarchy.point_mazes(envs)
for variable in acting.acting_variables:
    variable.assign(tf.zeros_like(variable))
collector, *staged = tiny_hierarchy.collector(simulations, acting, steps, explore=True, seed=3)
tell = lambda text: print(text, flush=True)
collecting = Collecting(simulations, acting, collector)
CollectorProcess(5, collecting, staged, Link(address), tell, 60.0, tell).run(lambda: False)
"""


class FakeServer:
    """A queue that is a list."""

    address = Address("here", 1)
    token = 0

    def __init__(self, *blocks):
        self.blocks, self.published, self.displaced = list(blocks), [], []

    def publish(self, version, displaced=0):
        self.published.append(version)
        self.displaced.append(displaced)

    def next_block(self):
        return self.blocks.pop(0) if self.blocks else None


def learner_of(server, patience=10.0, said=None):
    """A learner's end, and its buffers."""
    of = tiny_hierarchy.hierarchy()
    stores = tiny_hierarchy.buffers(of)
    tell = (lambda line: None) if said is None else said.append
    return RemoteCollector(server, stores, RemoteSimulations(), 2, patience, tell), stores


def test_a_learners_end_is_what_a_run_asks_for():
    learner, _ = learner_of(FakeServer())
    assert isinstance(learner, CollectsBlocks) and isinstance(RemoteSimulations(), Simulations)


def a_block(stores, collector=0, session=7, number=0, version=0, **values):
    dtypes = [row_dtype(store.data_spec) for store in stores]
    rows = {name: np.ones(1, dtype) for name, dtype in zip(("transitions", "segments"), dtypes)}
    return packed(Block(collector, session, number, version, **rows | values), block_bytes((5, 5), dtypes))


def test_blocks_are_what_a_collector_in_one_process_stores_row_for_row():
    alone, low, high = tiny_hierarchy.collector(
        tiny_hierarchy.point_mazes(ENVS), tiny_hierarchy.hierarchy(), STEPS, explore=True, seed=3
    )
    alone.start()  # as the process does with what it is given
    for _ in range(BLOCKS):
        alone.collect()

    learns = tiny_hierarchy.hierarchy()
    stores = tiny_hierarchy.buffers(learns)
    server = Server(Address("127.0.0.1", 0), learns.acting_variables, {"seed": 3}, 2)
    learner = RemoteCollector(server, stores, RemoteSimulations(), 2, 60.0, print)
    command = [sys.executable, "-c", OTHER, str(server.address), str(ENVS), str(STEPS)]
    ages, dropped = [], 0
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        for _ in range(BLOCKS):
            learner.collect_block(lambda: False)
            found = learner.traffic()
            ages.append(found.largest_age)
            dropped += found.dropped_steps
        server.publish(FINISHED)
        while process.poll() is None:  # there may be blocks in its way
            server.next_block()
        said = process.stdout.read().splitlines()
    server.close()

    assert process.returncode == 0 and said == ["{'seed': 3}", "collector 5: the learner has finished"]
    assert int(learner.env_steps) == int(alone.env_steps) == STEPS * BLOCKS
    assert int(learner.episodes) == int(alone.episodes)
    for store, expected in zip(stores, (low, high)):
        tiny_hierarchy.same(store.gather_all(), expected.gather_all())
    np.testing.assert_allclose(learner.returns.finished(), alone.returns.finished(), rtol=1e-6)
    # In the queue, on its way, and in the collector's hand: far below the bound, so that none is left out.
    assert ages[0] == 0 and max(ages) <= 2 + 1 + 1 and learner.largest_age == 2 + 4 * 1 + 1
    assert not dropped


def test_a_block_that_comes_twice_is_taken_once():
    server = FakeServer()
    learner, stores = learner_of(server)
    server.blocks = [
        a_block(stores, steps=10),
        a_block(stores, steps=10),
        a_block(stores, number=1, steps=10),
    ]
    for _ in range(2):
        learner.collect_block(lambda: False)
    assert int(learner.env_steps) == 20 and [int(store.num_added) for store in stores] == [2, 2]
    assert server.published == [0, 1]


def test_bytes_that_are_no_block_are_left_out_and_told():
    said = []
    server = FakeServer(np.zeros(100, np.uint8))
    learner, stores = learner_of(server, said=said)
    server.blocks.append(a_block(stores))
    learner.collect_block(lambda: False)
    assert said[0].startswith("left out: 100 bytes that are no block")


def test_open_segments_of_a_collector_that_begins_anew_are_dropped_and_counted():
    said = []
    server = FakeServer()
    learner, stores = learner_of(server, said=said)
    server.blocks = [
        a_block(stores, open_steps=7),
        a_block(stores, collector=1, session=8, open_steps=3, unstable_episodes=2),
        a_block(stores, session=9, open_steps=4),
    ]
    for _ in range(3):
        learner.collect_block(lambda: False)
    assert said == [
        "collector 0 has joined",
        "collector 1 has joined",
        "collector 0 has begun anew; 7 steps of its open segments are dropped",
    ]
    found = learner.traffic()
    assert (found.collectors, found.blocks, found.dropped_steps) == (2, 3, 7)
    assert learner.traffic().dropped_steps == 0


def test_of_two_collectors_with_one_number_the_first_is_left_out_and_that_is_told_once():
    said = []
    server = FakeServer()
    learner, stores = learner_of(server, said=said)
    server.blocks = [
        a_block(stores, session=1, steps=10),
        a_block(stores, session=2, steps=10),
        a_block(stores, session=1, number=1, steps=10),
        a_block(stores, session=1, number=2, steps=10),
        a_block(stores, session=2, number=1, steps=10),
    ]
    for _ in range(3):
        learner.collect_block(lambda: False)
    assert int(learner.env_steps) == 30 and not server.blocks
    learner.collect_block(lambda: True)
    assert server.displaced == [0, 0, 0, 1]
    assert [line for line in said if "two collectors have the number 0" in line] == said[2:]


def test_unstable_episodes_are_added_up():
    server = FakeServer()
    learner, stores = learner_of(server)
    server.blocks = [a_block(stores, number=i, unstable_episodes=n) for i, n in enumerate((2, 0, 3))]
    for _ in range(3):
        learner.collect_block(lambda: False)
    assert learner._simulations.unstable_episodes == 5


def test_a_silent_collector_is_missed_but_not_for_the_time_in_which_nobody_listened(monkeypatch):
    now, said = [1000.0], []
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    server = FakeServer()
    learner, stores = learner_of(server, said=said)

    def comes(seconds, **values):
        """A block comes after some seconds in which the learner learns."""
        now[0] += seconds
        server.blocks.append(
            a_block(stores, version=server.published[-1] if server.published else 0, **values)
        )
        learner.collect_block(lambda: False)

    comes(0, collector=1, open_steps=5)
    comes(5, collector=0)
    comes(100, collector=0, number=1)  # an evaluation
    for number in range(2, 13):
        assert len(said) == 2, number
        assert learner.traffic().collectors == 2
        comes(5, collector=0, number=number)
    assert said[2:] == [
        "collector 1 has not been heard of for 60 s; 5 steps of its open segments are dropped"
    ]
    found = learner.traffic()
    assert found.collectors == 1 and found.dropped_steps == 5

    # It was only slow: what was counted is taken back, and counted again when it is really gone.
    comes(5, collector=1, number=1, open_steps=4)
    assert said[3:] == ["collector 1 is heard of again; its 5 steps are not dropped"]
    assert learner.traffic().dropped_steps == -5
    comes(5, collector=1, session=8)
    assert said[4:] == ["collector 1 has begun anew; 4 steps of its open segments are dropped"]
    assert learner.traffic().dropped_steps == 4


def test_ages_are_blocks_that_were_learned_from_since():
    server = FakeServer()
    learner, stores = learner_of(server)
    server.blocks = [a_block(stores, number=i, version=v) for i, v in enumerate((0, 0, 1, 0))]
    for _ in range(4):
        learner.collect_block(lambda: False)
    found = learner.traffic()
    assert (found.mean_age, found.largest_age) == ((0 + 1 + 1 + 3) / 4, 3)


def test_a_block_that_is_older_than_the_bound_is_left_out_and_its_steps_are_counted():
    said = []
    server = FakeServer()
    learner, stores = learner_of(server, said=said)
    server.blocks = [a_block(stores, number=i, version=0, steps=10) for i in range(9)]
    server.blocks.append(a_block(stores, number=9, version=8, steps=10))
    for _ in range(9):
        learner.collect_block(lambda: False)
    # One collector and a queue of two: 0 to 7 blocks old are taken, the ninth is 8 old.
    assert learner.largest_age == 2 + 4 * 1 + 1 and int(learner.env_steps) == 90
    assert said[1:] == ["collector 0: 1 block is left out, the last 8 blocks old; allowed: 7"]
    found = learner.traffic()
    assert (found.blocks, found.largest_age, found.dropped_steps) == (9, 7, 10)
    assert [int(store.num_added) for store in stores] == [9, 9]


def test_blocks_left_out_are_told_once_a_minute_with_their_number(monkeypatch):
    now, said = [1000.0], []
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    server = FakeServer()
    learner, stores = learner_of(server, said=said)
    for number in range(9):
        server.blocks.append(a_block(stores, collector=1, number=number, version=number))
        learner.collect_block(lambda: False)
    for number in range(13):  # ten seconds each
        server.blocks += [
            a_block(stores, collector=0, number=number, version=-20),
            a_block(stores, collector=1, number=9 + number, version=9 + number),
        ]
        learner.collect_block(lambda: False)
        now[0] += 10.0
    old = [line for line in said if "left out" in line]
    assert old == [
        "collector 0: 1 block is left out, the last 29 blocks old; allowed: 11",
        "collector 0: 6 blocks are left out, the last 35 blocks old; allowed: 11",
        "collector 0: 6 blocks are left out, the last 41 blocks old; allowed: 11",
    ]


@pytest.mark.parametrize(("slower", "is_taken"), [(3, True), (6, True), (7, False)])
def test_of_four_collectors_one_may_be_several_times_slower_than_the_others(slower, is_taken):
    """Where the learner waits for them: meanwhile the others make 3 * `slower` blocks, and 19 are allowed."""
    said = []
    server = FakeServer()
    learner, stores = learner_of(server, said=said)
    numbers, begun_with = [0] * 4, [0] * 4
    for turn in range(1, 43):
        for number in (1, 2, 3, 0) if turn % slower == 0 else (1, 2, 3):
            mine = {"number": numbers[number], "version": begun_with[number], "steps": 1}
            server.blocks.append(a_block(stores, number, number, **mine))
            learner.collect_block(lambda: not server.blocks)
            numbers[number] += 1
            begun_with[number] = int(learner.env_steps)  # as many as blocks
    assert learner.largest_age == 2 + 4 * 4 + 1
    found = learner.traffic()
    lost = 0 if is_taken else 42 // slower
    assert (found.dropped_steps, found.blocks) == (lost, 3 * 42 + 42 // slower - lost)
    assert any("left out" in line for line in said) == (not is_taken)


def test_blocks_for_an_earlier_start_of_the_learner_are_left_out_and_that_is_told_once():
    said = []
    server = FakeServer()
    learner, stores = learner_of(server, said=said)
    server.blocks = [
        a_block(stores, version=50, learner=9, steps=10),  # of weights that nobody has any more
        a_block(stores, version=50, learner=9, steps=10),  # the same once more
        a_block(stores, version=51, learner=9, number=1, steps=10),
        a_block(stores, number=2, steps=10),
    ]
    learner.collect_block(lambda: False)
    assert int(learner.env_steps) == 10 and not server.blocks
    assert said == [
        "collector 0 has joined",
        "collector 0: blocks for an earlier start of this learner are left out",
    ]
    found = learner.traffic()
    assert (found.blocks, found.largest_age, found.dropped_steps) == (1, 0, 20)
    assert [int(store.num_added) for store in stores] == [1, 1]


def test_a_collector_s_fault_ends_the_run_with_its_number():
    server = FakeServer()
    learner, stores = learner_of(server)
    server.blocks = [a_block(stores, collector=4, fault="action is nan")]
    with pytest.raises(NonFiniteError, match="collector 4: action is nan"):
        learner.collect_block(lambda: False)


def test_without_collectors_it_gives_up_when_patience_is_at_its_end_and_not_before():
    said = []
    learner, _ = learner_of(FakeServer(), patience=0.3, said=said)
    learner.collect_block(lambda: False)
    assert learner.has_given_up and said == ["no collector has sent anything for 0 s"]


def test_a_wish_to_stop_ends_the_wait():
    learner, _ = learner_of(FakeServer(), patience=1e9)
    asked = iter([False, False, True])
    learner.collect_block(lambda: next(asked))
    assert not learner.has_given_up


class FakeLink:
    """A learner that takes everything."""

    token = 3

    def __init__(self):
        self.sent = []

    def connect(self, stopped):
        return {}

    def pull(self, weights):
        return Given(9)

    def send(self, data, stopped):
        self.sent.append(data)
        return True


def test_a_collector_tells_the_learner_of_numbers_that_are_not_finite_and_ends(monkeypatch):
    of, simulations = tiny_hierarchy.hierarchy(), tiny_hierarchy.point_mazes(ENVS)
    collector, *staged = tiny_hierarchy.collector(simulations, of, STEPS)
    made = []

    def collect():
        made.append(1)
        if len(made) == 3:
            simulations.fault = "the reward is nan"
            raise ValueError("something of TensorFlow's")

    monkeypatch.setattr(collector, "collect", collect)
    link = FakeLink()
    collecting = Collecting(simulations, of, collector)
    process = CollectorProcess(6, collecting, staged, link, lambda run: None, 60.0, print)
    with pytest.raises(RunError, match="^collector 6: the reward is nan$"):
        process.run(lambda: False)
    dtypes = [row_dtype(store.data_spec) for store in staged]
    blocks = [unpacked(data, *dtypes) for data in link.sent]
    assert [(block.collector, block.number, block.version, block.fault) for block in blocks] == [
        (6, 0, 9, ""),
        (6, 1, 9, ""),
        (6, 2, 9, "the reward is nan"),
    ]


def test_a_number_that_the_graph_finds_is_told_in_words(monkeypatch):
    of, simulations = tiny_hierarchy.hierarchy(), tiny_hierarchy.point_mazes(ENVS)
    collector, *staged = tiny_hierarchy.collector(simulations, of, STEPS)
    monkeypatch.setattr(collector, "collect", lambda: check_finite({"the goal": tf.constant([1.0, np.nan])}))
    link, collecting = FakeLink(), Collecting(simulations, of, collector)
    process = CollectorProcess(6, collecting, staged, link, lambda run: None, 60.0, print)
    with pytest.raises(RunError, match="^collector 6: the goal holds NaN$"):
        process.run(lambda: False)


@pytest.mark.parametrize(
    "error", [ZeroDivisionError("division by zero"), ValueError("infinite or indefinite")]
)
def test_another_error_of_a_collector_is_no_fault_of_numbers(monkeypatch, error):
    of, simulations = tiny_hierarchy.hierarchy(), tiny_hierarchy.point_mazes(ENVS)
    collector, *staged = tiny_hierarchy.collector(simulations, of, STEPS)

    def collect():
        raise error

    monkeypatch.setattr(collector, "collect", collect)
    collecting = Collecting(simulations, of, collector)
    process = CollectorProcess(6, collecting, staged, FakeLink(), lambda run: None, 1.0, print)
    with pytest.raises(type(error), match=str(error)):
        process.run(lambda: False)


def collecting_for(link, monkeypatch, patience=60.0, check_run=lambda run: None):
    """A collector's process whose blocks are empty, what it says, its clock, and types of its rows."""
    of, simulations = tiny_hierarchy.hierarchy(), tiny_hierarchy.point_mazes(ENVS)
    collector, *staged = tiny_hierarchy.collector(simulations, of, STEPS)
    monkeypatch.setattr(collector, "collect", lambda: None)
    now, said = [100.0], []
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    collecting = Collecting(simulations, of, collector)
    process = CollectorProcess(6, collecting, staged, link, check_run, patience, said.append)
    return process, said, now, [row_dtype(store.data_spec) for store in staged]


def test_a_block_in_hand_when_the_learner_begins_again_goes_out_under_the_old_token(monkeypatch):
    """The learner has gone back to its checkpoint: its versions fall, and it is asked what it runs again."""
    asked = []

    class BeginsAgain(FakeLink):
        version = 50

        def connect(self, stopped):
            self.version, self.token = (50, 3) if not asked else (20, 4)
            return {"seed": 0}

        def pull(self, weights):
            self.version += 1
            return Given(FINISHED if self.version == 24 else self.version)

        def send(self, data, stopped):
            if self.version == 52 and self.token == 3:
                raise LearnerLostError
            return super().send(data, stopped)

    link = BeginsAgain()
    process, _, _, dtypes = collecting_for(link, monkeypatch, check_run=asked.append)
    process.run(lambda: False)
    blocks = [unpacked(data, *dtypes) for data in link.sent]
    assert [(b.number, b.version, b.learner, b.leaves) for b in blocks] == [
        (0, 51, 3, 0),
        (1, 52, 3, 0),
        (2, 22, 4, 0),
        (3, 23, 4, 0),
        (4, FINISHED, 4, 1),
    ]
    assert len(asked) == 2


def test_a_collector_without_a_learner_says_so_every_minute_and_gives_up(monkeypatch):
    class Nobody(FakeLink):
        def connect(self, stopped):
            raise LearnerLostError

    process, said, now, _ = collecting_for(Nobody(), monkeypatch, patience=150.0)
    with pytest.raises(RunError, match="^collector 6: no learner for 150 s$"):
        process.run(lambda: False)
    assert now[0] == 250.0
    assert said == ["collector 6: waiting for the learner, for up to 150 s"] * 3


def test_a_collector_whose_number_another_one_has_by_now_ends(monkeypatch):
    class Displaces(FakeLink):
        def pull(self, weights):
            return Given(9, process._session if self.sent else 5)

    process, *_ = collecting_for(Displaces(), monkeypatch)
    with pytest.raises(UsageError, match="^--collector=6: another collector that has begun since has this"):
        process.run(lambda: False)


def test_a_learner_without_collectors_says_so_every_minute(monkeypatch):
    now, said = [1000.0], []
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    class Idle(FakeServer):
        def next_block(self):
            now[0] += 1.0

    learner, _ = learner_of(Idle(), patience=150.0, said=said)
    learner.collect_block(lambda: False)
    assert learner.has_given_up and now[0] == 1150.0
    assert said == [
        f"waiting for collectors at here:1, for {seconds} s by now; gives up after 150 s"
        for seconds in (60, 120)
    ] + ["no collector has sent anything for 150 s"]


@pytest.fixture
def farewell(monkeypatch):
    """A learner with collectors 0, 1 and 2, its server, whose blocks take a second each, and the clock."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    class Slow(FakeServer):
        def next_block(self):
            now[0] += 1.0
            return super().next_block()

    server = Slow()
    learner, stores = learner_of(server)
    server.blocks = [a_block(stores, number, session=number) for number in range(3)]
    for _ in range(3):
        learner.collect_block(lambda: False)
    leaves = lambda number: a_block(stores, number, number, number=2, version=FINISHED, leaves=1)
    blocks = lambda count: [a_block(stores, 2, 2, number=1)] * count
    return learner, server, now, leaves, blocks


def test_the_farewell_lasts_until_all_collectors_have_heard_it(farewell):
    learner, server, now, leaves, blocks = farewell
    began = now[0]
    server.blocks = [leaves(0), np.zeros(9, np.uint8), *blocks(28), leaves(1), leaves(2)]
    learner.dismiss(lambda: False, set, 5.0)
    assert now[0] - began == 32 and server.published[-1] == FINISHED and int(learner.env_steps) == 0


def test_the_farewell_does_not_wait_for_those_that_are_known_to_be_gone(farewell):
    learner, server, now, leaves, blocks = farewell
    began = now[0]
    server.blocks = [leaves(2)]
    learner.dismiss(lambda: False, lambda: {0, 1}, 0.0)
    assert now[0] - began == 1


def test_the_farewell_ends_after_the_stated_time_or_with_a_signal(farewell):
    learner, server, now, leaves, blocks = farewell
    began = now[0]
    learner.dismiss(lambda: now[0] - began >= 7, set, 5.0)
    assert now[0] - began == 7
    began = now[0]
    learner.dismiss(lambda: False, set, 5.0)
    assert now[0] - began == FAREWELL_SECONDS == 60.0


def test_the_farewell_waits_a_little_for_collectors_that_are_not_known(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    server = FakeServer()
    monkeypatch.setattr(server, "next_block", lambda: now.__setitem__(0, now[0] + 1.0))
    learner, _ = learner_of(server)
    learner.dismiss(lambda: False, set, 5.0)
    assert now[0] == 1005.0
