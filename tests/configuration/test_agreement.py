"""Bindings that make no sense together are refused, and nothing else is."""

import pytest

from efficient_hrl.configuration.agreement import RULES, check_agreement
from efficient_hrl.configuration.config import bindings, load_config, usage_errors
from efficient_hrl.configuration.shipped import shipped_names
from efficient_hrl.errors import UsageError

XY = "gin/hiro_xy_point_maze.gin"
OWN = "gin/examples/own_maze.gin"
ABSOLUTE = [
    "uvf/negative_distance.relative_context = False",
    "agent/Context.context_transition_fn = None",
    "agent/Context.context_multi_transition_fn = None",
]
LAYOUT = "create_maze_env.layout = ['11111', '1r001', '11111']"


def begin(files, changes):
    """As where a run begins."""
    load_config(files, changes)
    with usage_errors():
        check_agreement(bindings())


@pytest.mark.parametrize("name", shipped_names())
def test_what_is_shipped_agrees(name):
    begin([name], [])


@pytest.mark.parametrize(
    "changes, message",
    [
        (
            ["train_uvf.state_preprocess_class = @VariationalAutoencoder"],
            "train_uvf.state_preprocess_class = @VariationalAutoencoder and evaluate.state_preprocess_class ="
            " @StatePreprocess; allowed: the same for both, as STATE_PREPROCESS_CLASS binds them",
        ),
        (
            ["evaluate.agent_class = @DdpgUvfAgent"],
            "train_uvf.agent_class = @UvfAgent and evaluate.agent_class = @DdpgUvfAgent; allowed: the same",
        ),
        (
            ["task/negative_distance.reward_scales = 0.1"],
            "task/negative_distance.reward_scales = 0.1: a success is .* allowed: 1.0, or another reward",
        ),
        (["task/negative_distance.offset = 100"], "task/negative_distance.offset = 100: a success is"),
        (
            ["negative_distance.bonus_epsilon = 1.0"],
            "^negative_distance.bonus_epsilon = 1.0: a success is .* allowed: 0.0, or",
        ),
        (
            [LAYOUT, "create_maze_env.evaluation_targets = [[4, 0]]"],
            "create_maze_env.evaluation_targets is read by no sampler .*'tasks/own_ant_maze.gin'",
        ),
        (
            [LAYOUT, "create_maze_env.training_targets = [[4, 0]]"],
            "create_maze_env.training_targets is read by no sampler",
        ),
        (
            ["uvf/negative_distance.relative_context = False"],
            "goals are relative .*agent/Context.context_transition_fn = @relative_context_transition_fn"
            ".* uvf/negative_distance.relative_context = False.*allowed: in all or in none",
        ),
        (["agent/Context.context_transition_fn = None"], "goals are relative to the state in one place"),
        (
            ["agent/Context.context_multi_transition_fn = None"],
            "goals are relative to the state in one place",
        ),
        (
            ["relative_context_transition_fn.k = 1"],
            "relative_context_transition_fn.k = 1 and relative_context_multi_transition_fn.k = 2; allowed",
        ),
    ],
)
def test_what_makes_no_sense_together_is_told_in_one_line(changes, message):
    with pytest.raises(UsageError, match=message) as caught:
        begin([XY], changes)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        ["STATE_PREPROCESS_CLASS = @VariationalAutoencoder"],
        ["task/negative_distance.reward_scales = 1", "task/negative_distance.offset = 0"],
        ["task/negative_distance.reward_scales = 0.1", "evaluate.success_fn = @success/negative_distance"],
        ["task/negative_distance.reward_scales = 0.1", "evaluate.success_distance = None"],
        ["uvf/negative_distance.reward_scales = 0.1"],
        ["task/negative_distance.norm = 'L1'"],  # also a distance in metres
        ["task/negative_distance.state_scales = [1.0, 1.0]", "task/negative_distance.weight_vector = [1, 1]"],
        [
            LAYOUT,
            "create_maze_env.training_targets = [[4, 0]]",
            "meta/Context.samplers = @maze_target_samplers()",
        ],
        ["relative_context_transition_fn.k = 1", "relative_context_multi_transition_fn.k = 1"],
        ABSOLUTE,
        [LAYOUT],
    ],
)
def test_what_agrees_is_not_refused(changes):
    begin([XY], changes)


def test_targets_of_ones_own_maze_are_read_by_its_samplers():
    begin([OWN], ["create_maze_env.training_targets = [[8, 0]]"])


@pytest.mark.parametrize(
    "changes, told",
    [(["NorlReward.relative_context = False"], "False"), (ABSOLUTE, "not bound")],
)
def test_norls_reward_goes_with_the_goals(changes, told):
    with pytest.raises(
        UsageError, match=rf"NorlReward.relative_context = {told}\); allowed: in all or in none"
    ):
        begin(["gin/norl_full_point_maze.gin"], changes)


def test_an_entry_that_is_no_time_is_not_hidden():
    bound = {
        "create_gymnasium_env.append_time": "False",
        "StatePreprocess.state_preprocess_net": "@state_preprocess_net",
        "StatePreprocess.action_embed_net": "@action_embed_net",
        "state_preprocess_net.zero_time": "False",
    }
    with pytest.raises(ValueError, match="allowed: action_embed_net.zero_time = False, or True where"):
        check_agreement(bound)
    for text in ("False", "True"):  # said by who knows
        check_agreement({**bound, "action_embed_net.zero_time": text})
    check_agreement({"create_gymnasium_env.append_time": "False"})  # the identity hides nothing
    check_agreement({**bound, "create_gymnasium_env.append_time": "True"})


def test_nothing_is_asked_of_what_is_not_bound():
    assert [rule({}) for rule in RULES] == [None] * len(RULES)
