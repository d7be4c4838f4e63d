"""Both ends in one process: what is stored, when, and how old it is."""

import pathlib
import subprocess
import sys
import time

import numpy as np
import pytest

from efficient_hrl.collect import Collecting
from efficient_hrl.errors import RunError
from efficient_hrl.remote.block import Block, block_bytes, packed, row_dtype, unpacked
from efficient_hrl.remote.collector_process import FINISHED, CollectorProcess
from efficient_hrl.remote.remote_collector import RemoteCollector, RemoteSimulations
from efficient_hrl.remote.transport import Address, Server
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

    def __init__(self, *blocks):
        self.blocks, self.published = list(blocks), []

    def publish(self, version):
        self.published.append(version)

    def next_block(self):
        return self.blocks.pop(0) if self.blocks else None


def learner_of(server, patience=10.0, said=None):
    """A learner's end, and its buffers."""
    of = tiny_hierarchy.hierarchy()
    stores = tiny_hierarchy.buffers(of)
    tell = (lambda line: None) if said is None else said.append
    return RemoteCollector(server, stores, RemoteSimulations(), 2, patience, tell), stores


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
    ages = []
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        for _ in range(BLOCKS):
            learner.collect_block(lambda: False)
            ages.append(learner.traffic().largest_age)
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
    # In the queue, on its way, and in the collector's hand.
    assert ages[0] == 0 and max(ages) <= 2 + 1 + 1


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
    server.blocks = [a_block(stores, number=i, version=0, steps=10) for i in range(6)]
    server.blocks.append(a_block(stores, number=6, version=5, steps=10))
    for _ in range(6):
        learner.collect_block(lambda: False)
    # One collector and a queue of two: 0 to 4 blocks old are taken, the sixth is 5 old.
    assert learner.largest_age == 4 and int(learner.env_steps) == 60
    assert said[1:] == ["a block of collector 0 is 5 blocks old and is left out"]
    found = learner.traffic()
    assert (found.blocks, found.largest_age, found.dropped_steps) == (6, 4, 10)
    assert [int(store.num_added) for store in stores] == [6, 6]


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

    def __init__(self):
        self.sent = []

    def connect(self, stopped):
        return {}

    def pull(self, weights):
        return 9

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


def test_another_error_of_a_collector_is_no_fault_of_numbers(monkeypatch):
    of, simulations = tiny_hierarchy.hierarchy(), tiny_hierarchy.point_mazes(ENVS)
    collector, *staged = tiny_hierarchy.collector(simulations, of, STEPS)
    monkeypatch.setattr(collector, "collect", lambda: 1 / 0)
    collecting = Collecting(simulations, of, collector)
    process = CollectorProcess(6, collecting, staged, FakeLink(), lambda run: None, 1.0, print)
    with pytest.raises(ZeroDivisionError):
        process.run(lambda: False)
