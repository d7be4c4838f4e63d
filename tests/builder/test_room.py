"""What a run will allocate, counted by hand."""

import types

import pytest

from efficient_hrl.builder import room
from tests import golden_data
from tests.representations.test_end_to_end import made as end_to_end_hierarchy

# Of `golden_data.hierarchy("hiro_orig")`: states of 30, actions of 8, goals of 15, targets of 2, c = 10.
LOW_ROW = 8 + 4 * (30 + 8 + 1 + 1 + 30 + 15 + 15 + 1)
HIGH_ROW = 8 + 4 * (30 + 15 + 1 + 1 + 30 + 300 + 80 + 1 + 2 + 2 + 1)
LOW_WIDTHS = 32 + 24 + 8 + 2 * (32 + 24 + 1)  # actor, two critics
HIGH_WIDTHS = 32 + 24 + 15 + 2 * (32 + 24 + 1)
LOW_WEIGHTS = (45 * 32 + 32 + 32 * 24 + 24 + 24 * 8 + 8) + 2 * (53 * 32 + 32 + 40 * 24 + 24 + 24 + 1)
HIGH_WEIGHTS = (32 * 32 + 32 + 32 * 24 + 24 + 24 * 15 + 15) + 2 * (47 * 32 + 32 + 47 * 24 + 24 + 24 + 1)


@pytest.fixture
def asked(monkeypatch):
    """What is asked of the memory, a list of (needs, remedy)."""
    found = []
    monkeypatch.setattr(room, "check_room", lambda needs, what, remedy: found.append((dict(needs), remedy)))
    return found


def spec(rows, strategy, capacity=1):
    buffer = types.SimpleNamespace(buffer_size=capacity)
    learning = types.SimpleNamespace(update_size=rows, goal_sample_strategy=strategy)
    return types.SimpleNamespace(replay=types.SimpleNamespace(low=buffer, high=buffer), learning=learning)


def test_an_f_that_critics_train_is_counted_once():
    of = end_to_end_hierarchy()
    learned = [of.low.actor_net, *of.low.critic_nets, of.high.actor_net, *of.high.critic_nets]
    learned.append(of.representation.state_net)
    assert room._weight_bytes(of) == 4 * sum(
        variable.shape.num_elements() for net in learned for variable in net.trainable_variables
    )


def test_buffers_are_their_rows(asked):
    room.check_buffers_fit(golden_data.hierarchy("hiro_orig"), spec(1, None, 2000))
    assert list(asked[0][0].values()) == [2000 * LOW_ROW, 2000 * HIGH_ROW]


@pytest.mark.parametrize(
    "rows, strategy, largest, remedy",
    [
        (10**4, None, 10**4 * (HIGH_ROW + 8 * HIGH_WIDTHS), "a smaller train_uvf.batch_size"),
        # Ten candidates: a goal at each of ten steps, and what the actor makes of one of them.
        (10**4, "sample", 10**5 * 4 * (150 + 30 + 15 + 32 + 24 + 8), "a smaller train_uvf.batch_size"),
        (5, "sample", 50 * 4 * (150 + 30 + 15 + 32 + 24 + 8), "a smaller size of the hidden layers"),
    ],
)
def test_updates_are_weights_and_the_largest_batch(asked, rows, strategy, largest, remedy):
    room.check_updates_fit(golden_data.hierarchy("hiro_orig"), spec(rows, strategy))
    ((needs, said),) = asked
    assert list(needs.values()) == [LOW_ROW + HIGH_ROW, 12 * (LOW_WEIGHTS + HIGH_WEIGHTS), largest]
    assert said == remedy
