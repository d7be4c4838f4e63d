"""One list of what each binding matters for."""

import fnmatch

import pytest

from efficient_hrl.binding_effects import (
    BINDINGS,
    Effect,
    binding_of,
    decides_acting,
    decides_curves,
    is_evaluation_target,
    may_change,
    patterns_that_may_change,
)

# Name, whether it may change, whether it decides acting, whether it decides curves.
KNOWN = [
    ("train_uvf.num_episodes_train", True, False, False),
    ("train_uvf.log_every_n_steps", True, False, False),
    ("evaluate.num_episodes_eval", True, False, True),
    ("evaluate.success_distance", True, False, True),
    ("evaluate.gamma", True, False, True),
    ("evaluate.tuner_hook", True, False, False),
    ("EVAL_MODES", True, False, False),
    ("run_random.num_episodes", True, False, False),
    ("train_uvf.batch_size", False, False, True),
    ("critic/AdamOptimizer.learning_rate", False, False, True),
    ("agent/CircularBuffer.buffer_size", False, False, True),
    ("uvf_add_noise_fn.stddev", False, False, True),
    ("td3_update_targets.tau", False, False, True),
    ("InverseDynamics.sc", False, False, True),
    ("agent/ddpg_actor_net.hidden_layers", False, True, True),
    ("create_maze_env.env_name", False, True, True),
    ("create_maze_env.layout", False, True, True),
    ("create_maze_env.cell_size", False, True, True),
    ("create_maze_env.training_targets", False, False, True),
    ("create_maze_env.evaluation_targets", True, False, True),
    ("eval1/ConstantSampler.value", False, False, True),
    ("evaluate.targets", True, False, False),
    ("SUBGOAL_DIM", False, True, True),
]


@pytest.mark.parametrize("name, changes, acts, curves", KNOWN)
def test_a_binding_matters_for(name, changes, acts, curves):
    assert (may_change(name), decides_acting(name), decides_curves(name)) == (changes, acts, curves)


SAMPLERS = "meta/Context.samplers"
TRAINED = "{'train': [@train/RandomSampler], 'eval1': [@eval1/ConstantSampler]}"


@pytest.mark.parametrize(
    "name, config, expected",
    [
        ("eval1/ConstantSampler.value", {SAMPLERS: TRAINED}, True),
        ("train/ConstantSampler.value", {SAMPLERS: TRAINED}, False),
        ("eval1/RandomSampler.context_range", {SAMPLERS: TRAINED}, False),
        ("ConstantSampler.value", {SAMPLERS: "{'eval1': [@ConstantSampler]}"}, False),
        ("a/ConstantSampler.value", {SAMPLERS: "{'eval': @a/ConstantSampler}"}, True),
        ("a/ConstantSampler.value", {SAMPLERS: "{'explore': [@a/ConstantSampler], 'eval': %E}"}, False),
        ("a/ConstantSampler.value", {SAMPLERS: TRAINED}, False),
        ("a/ConstantSampler.value", {SAMPLERS: "{'eval': %A}", "A": "[@a/ConstantSampler]"}, False),
        ("a/ConstantSampler.value", {SAMPLERS: "@f(@a/ConstantSampler)"}, False),
        ("a/ConstantSampler.value", {SAMPLERS: "[@a/ConstantSampler]"}, False),
        (
            "a/ConstantSampler.value",
            {SAMPLERS: "{'eval': [@a/ConstantSampler]}", "x.y": "@a/ConstantSampler()"},
            False,
        ),
    ],
)
def test_an_evaluation_target_is_what_no_other_mode_draws(name, config, expected):
    assert is_evaluation_target(name, config) is expected


def test_what_nobody_has_listed_decides_everything():
    assert binding_of("somebody/else.parameter").effect is Effect.EVERYTHING
    assert not may_change("somebody/else.parameter")


@pytest.mark.parametrize("binding", BINDINGS, ids=lambda binding: binding.pattern)
def test_every_entry_counts_for_some_name(binding):
    name = binding.pattern.replace("*", "anything")
    assert binding_of(name) is binding


def test_what_may_change_never_decides_what_is_learned():
    assert all(b.effect in (Effect.TELLING, Effect.MEASURING) for b in BINDINGS if b.may_change)


def test_messages_name_each_pattern_once():
    patterns = patterns_that_may_change()
    assert "evaluate.*" in patterns and "evaluate.environment" not in patterns
    for binding in BINDINGS:
        covering = [p for p in patterns if fnmatch.fnmatchcase(binding.pattern, p)]
        assert len(covering) == (1 if binding.may_change else 0)
