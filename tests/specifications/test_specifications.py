"""Specifications: values that cannot change, and what follows from them."""

import dataclasses

import pytest

from efficient_hrl.agents.optimizers import adam_optimizer
from efficient_hrl.specifications.hierarchy import HierarchySpec
from efficient_hrl.specifications.learning import LearningSettings
from efficient_hrl.specifications.level import ACTS_ONLY, LevelSpec
from efficient_hrl.specifications.run import Kept, Periods, PhaseSpec, ReplaySpec, TrainingSpec
from efficient_hrl.specifications.task import TaskSpec
from efficient_hrl.update_schedule import UpdateSchedule

MAKERS = (max, min, sum, len)  # any functions


def training(num_envs, period):
    """A run whose high level learns every `period` steps."""
    return TrainingSpec(
        TaskSpec(None, num_envs, 500, 0),
        HierarchySpec(*MAKERS),
        ReplaySpec(None, None),
        LearningSettings(100),
        PhaseSpec(None, None),
        UpdateSchedule(0, 1, 1, period),
        1000,
        False,
        Periods(1, 1, 1, 1),
        Kept(1, 0, None, ""),
        lambda: False,
        False,
    )


@pytest.mark.parametrize("spec", [ACTS_ONLY, HierarchySpec(*MAKERS), LearningSettings(1), training(1, 10)])
def test_a_specification_is_frozen(spec):
    name = dataclasses.fields(spec)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(spec, name, None)


def test_what_acts_has_the_same_makers_and_learns_nothing():
    learns = LevelSpec(0.9, adam_optimizer(1e-3), adam_optimizer(1e-3), 2, 1.0)
    acting = HierarchySpec(*MAKERS, learns, learns, adam_optimizer(1e-3)).acting()
    assert acting == HierarchySpec(*MAKERS)
    assert acting.low.critic_optimizer is acting.low.actor_optimizer is acting.repr_optimizer is None


@pytest.mark.parametrize(("repeats", "rows"), [(0, 100), (1, 200), (3, 400)])
def test_an_update_has_the_batch_and_its_repetitions(repeats, rows):
    assert LearningSettings(100, repeat_size=repeats).update_size == rows


@pytest.mark.parametrize(
    ("num_envs", "period", "steps"), [(1, 10, 10), (10, 10, 10), (3, 10, 12), (16, 10, 16), (4, 1, 4)]
)
def test_a_block_is_a_period_rounded_up_to_whole_steps_of_all_environments(num_envs, period, steps):
    assert training(num_envs, period).steps_per_block == steps
