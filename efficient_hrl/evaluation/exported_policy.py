"""A trained hierarchy as a SavedModel: TensorFlow alone runs it, without this package.

What is exported is the noise-free `HierarchicalPolicy` of an evaluation.  Its state travels
through the caller's hands as four tensors, the memory; docs/export.md says what each is.
"""

import json
import pathlib
import shutil
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from tf_agents.trajectories import time_step as ts

from efficient_hrl.context.samplers import ConstantSampler
from efficient_hrl.evaluation.evaluator import Evaluator
from efficient_hrl.hierarchical_policy import (
    GivenTargets,
    HierarchicalPolicy,
    HierarchicalState,
    HighLevelGoals,
)
from efficient_hrl.hierarchy import Hierarchy
from efficient_hrl.storage.durable import (
    own_partial_of,
    publish_folder,
    recover_replaced,
    remove,
    sync,
    write_text,
)
from environments.create_maze_env import recipe
from environments.maze_env import MazeEnv

DESCRIPTION = "efficient_hrl.json"
_PYTHON_OPERATIONS = {"PyFunc", "PyFuncStateless", "EagerPyFunc"}


def exported_policy(hierarchy: Hierarchy, description: Mapping[str, Any]) -> tf.Module:
    """The noise-free policy as functions of plain tensors, for `save_policy`.

    The module has

    * `act(observation [B, S], target [B, T], first bool [B], **memory)`: a dictionary of `action`
      [B, A], `goal` [B, G], `is_new_goal` bool [B], and the memory for the next step;
    * `initial_memory(batch_size)`: zeros for `memory_clock` int32 [B], `memory_observation` [B, S],
      `memory_goal` [B, G] and `memory_target` [B, T];
    * `representation(observation [B, S])`: f, [B, its dimensions];
    * `metadata()`: the description as JSON, a scalar string;
    * `weights`: the variables that they read.

    Args:
      hierarchy: both levels.
      description: of the policy, for `metadata`.

    Raises:
      ValueError: targets that the caller cannot give because the task draws or normalises them, or
        functions that call back into Python.
    """
    low, high = hierarchy.low, hierarchy.high
    _check_targets_are_the_callers(high.context)
    sizes = _sizes(hierarchy)
    spec = tf.TensorSpec([sizes["state_size"]], tf.float32, "observation")
    policy = HierarchicalPolicy(
        ts.time_step_spec(spec),
        low,
        high,
        GivenTargets(),
        HighLevelGoals(explores=False),
        explores=False,
        updates_normalizers=False,
    )

    # What a caller may call, and with which tensors.
    module = tf.Module(name="hierarchical_policy")
    observation_spec = _floats("observation", sizes["state_size"])
    first_spec = tf.TensorSpec([None], tf.bool, "first")
    memory_specs = _memory_specs(sizes)
    inputs = (observation_spec, _floats("target", sizes["target_size"]), first_spec)
    module.act = _function(_acting(policy, sizes["goal_period"]), *inputs, *memory_specs)
    module.initial_memory = _function(_beginning(memory_specs), tf.TensorSpec([], tf.int32, "batch_size"))
    module.representation = _function(lambda observation: low.state_preprocess(observation), observation_spec)
    text = json.dumps(dict(description))
    module.metadata = _function(lambda: tf.constant(text))

    # What these read.
    concrete = [module.act.get_concrete_function(), module.representation.get_concrete_function()]
    for function in concrete:
        _check_is_tensorflow_alone(function)
    # By name, each once: what is not listed could not be restored with the functions.
    module.weights = list({variable.ref(): variable for f in concrete for variable in f.variables}.values())
    return module


def _floats(name, size):
    return tf.TensorSpec([None, size], tf.float32, name)


def _memory_specs(sizes):
    """Specs of the four tensors that travel through the caller's hands."""
    return [
        tf.TensorSpec([None], tf.int32, "memory_clock"),
        _floats("memory_observation", sizes["state_size"]),
        _floats("memory_goal", sizes["goal_size"]),
        _floats("memory_target", sizes["target_size"]),
    ]


def _beginning(memory_specs):
    """The function that makes the memory of an episode's first step."""

    def initial_memory(batch_size):
        shape = lambda spec: tf.concat([batch_size[None], spec.shape[1:]], axis=0)
        return {spec.name: tf.zeros(shape(spec), spec.dtype) for spec in memory_specs}

    return initial_memory


def _acting(policy, goal_period):
    """The function that chooses an action, with what the policy remembers as plain tensors."""

    def act(observation, target, first, memory_clock, memory_observation, memory_goal, memory_target):
        zeros = tf.zeros_like(first, tf.float32)  # [B]
        step_type = tf.where(first, ts.StepType.FIRST, ts.StepType.MID)  # [B]
        state = HierarchicalState(
            clock=memory_clock,
            state=memory_observation,
            goal=memory_goal,
            target=tf.where(first[:, None], target, memory_target),
            drawn_ahead=tf.zeros_like(target),
            draws=tf.zeros_like(memory_clock, tf.int64),
        )
        step = policy.action(ts.TimeStep(step_type, zeros, zeros + 1.0, observation), state)
        return {
            "action": step.action,
            "goal": step.info.goal,
            "is_new_goal": tf.equal(step.info.clock % goal_period, 0),
            "memory_clock": step.state.clock,
            "memory_observation": step.state.state,
            "memory_goal": step.state.goal,
            "memory_target": step.state.target,
        }

    return act


def describe_policy(evaluator: Evaluator, env_steps: int, record: Mapping[str, Any]) -> dict[str, Any]:
    """What a user of an exported policy must know, as JSON can hold it.

    Args:
      evaluator: its hierarchy is what is exported.
      env_steps: how long that has been trained.
      record: of the run, see `RunFolder.record`.
    """
    hierarchy, environment = evaluator.hierarchy, evaluator.environment
    actions, goals = hierarchy.low.action_spec, hierarchy.low.context.specs[0]
    action_low, action_high = _limits(actions)
    goal_low, goal_high = _limits(goals)
    return {
        "environment": _environment(environment),
        **_sizes(hierarchy),
        "action_low": action_low,
        "action_high": action_high,
        "goal_low": goal_low,
        "goal_high": goal_high,
        "targets": {mode: _constant_target(hierarchy.high.context, mode) for mode in evaluator.eval_modes},
        "env_steps": env_steps,
        "seed": record["seed"],
        "gin_files": record.get("gin_files", []),
        "python": record.get("python"),
        "packages": record.get("packages", {}),
        "exported_with_tensorflow": tf.__version__,
    }


def save_policy(module: tf.Module, description: Mapping[str, Any], path: pathlib.Path) -> int:
    """Writes the SavedModel and its description to the folder `path`, replacing one, or a link, there.

    The folder has its name only when it is complete; otherwise nothing is left of it.

    Args:
      module: of `exported_policy`.
      description: for the file `DESCRIPTION` in it.
      path: the folder; the one that it is in exists.

    Returns:
      Its size in bytes.

    Raises:
      OSError: it cannot be written.
    """
    recover_replaced(path.parent)
    partial = own_partial_of(path)
    if partial.exists():
        remove(partial)
    try:
        size = _write(module, description, partial)
        publish_folder(partial, path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return size


def _write(module, description, folder):
    """Writes and flushes all files; returns their size."""
    represent = _function(
        lambda observation: {"representation": module.representation(observation)},
        *module.representation.input_signature,
    )
    signatures = {
        "act": module.act.get_concrete_function(),
        "initial_memory": module.initial_memory.get_concrete_function(),
        "representation": represent.get_concrete_function(),
    }
    try:
        tf.saved_model.save(module, str(folder), signatures)
    except tf.errors.OpError as error:
        raise OSError(error.message) from None
    write_text(folder / DESCRIPTION, json.dumps(dict(description), indent=2) + "\n")
    files = [file for file in folder.rglob("*") if file.is_file()]
    for file in files:
        sync(file)
    return sum(file.stat().st_size for file in files)


def _function(function, *specs):
    return tf.function(function, input_signature=specs, autograph=False)


def _sizes(hierarchy):
    low, high = hierarchy.low, hierarchy.high
    return {
        "state_size": low.training_data_spec.state.shape[0],
        "action_size": low.action_spec.shape[0],
        "goal_size": low.context.specs[0].shape[0],
        "target_size": high.context.size,
        "goal_period": low.context.meta_action_every_n,
    }


def _limits(spec):
    return [_decimals(np.broadcast_to(bound, spec.shape)) for bound in (spec.minimum, spec.maximum)]


def _decimals(values):
    """float32 numbers as short as they can be written."""
    return [float(str(value)) for value in np.asarray(values, np.float32)]


def _environment(environment):
    """What `gymnasium.make` takes, and how a state comes of an observation where that is not the same."""
    if isinstance(environment, MazeEnv):
        return recipe(environment.maze)
    return {
        "id": environment.env_id,
        "kwargs": json.loads(json.dumps(dict(environment.env_kwargs), default=repr)),
        "observation_keys": environment.observation_keys,
        "append_time": environment.append_time,
    }


def _constant_target(context, mode):
    """An evaluation's target, joined, [] in tasks without one; None where each episode draws its own."""
    if not context.size:
        return []
    samplers = context.samplers(mode)
    if not all(isinstance(sampler, ConstantSampler) for sampler in samplers):
        return None
    return _decimals(np.concatenate([sampler.value.numpy() for sampler in samplers]))


def _check_targets_are_the_callers(context):
    if context.draws_anew:
        raise ValueError(
            "meta/Context.context_transition_fn draws new targets within an episode; allowed for"
            " --mode=export: one that draws none, because the caller gives the targets"
        )
    if context.normalizes:
        raise ValueError(
            "meta/Context.normalizers change with the targets that were drawn; allowed for --mode=export:"
            " None, because the caller gives the targets"
        )


def _check_is_tensorflow_alone(function):
    graph = function.graph.as_graph_def()
    nodes = [*graph.node, *(node for inner in graph.library.function for node in inner.node_def)]
    calls = sorted({node.op for node in nodes} & _PYTHON_OPERATIONS)
    if calls:
        raise ValueError(
            f"the policy calls Python functions ({', '.join(calls)}); allowed for --mode=export: TensorFlow's"
            " operations alone"
        )
