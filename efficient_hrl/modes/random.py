"""`--mode=random`: what the random policy achieves in an environment."""

import re

from efficient_hrl.configuration.config import load_config, usage_errors
from efficient_hrl.errors import UsageError
from efficient_hrl.evaluation.random_policy import RandomPolicyRun
from efficient_hrl.modes.closing import closed_afterwards
from efficient_hrl.terminal.console import announce
from environments.create_gather_env import GATHER_ENVIRONMENTS
from environments.create_maze_env import ENVIRONMENTS, variant_of


def run(gin_files: list[str], gin_bindings: list[str], seed: int, env: str | None = None) -> int:
    """Runs the random policy, in the environment `env` if one is named, and prints what it achieves."""
    load_config(gin_files, [*([] if env is None else _bindings_of(env)), *gin_bindings], announce)
    with usage_errors():
        random = RandomPolicyRun(seed=seed)
    with closed_afterwards(random.close), usage_errors():
        random.run(announce)
    return 0


def _bindings_of(env):
    """What makes an environment of its name: that of a maze, or a gymnasium id."""
    if env in GATHER_ENVIRONMENTS:
        return [f"create_gather_env.env_name = {env!r}", "run_random.environment = @create_gather_env()"]
    name, has_view = variant_of(env) or (env, None)
    if has_view is None and re.search(r"-v\d+$", env):
        # Also the mazes' own ids with Goal, whose reward is another one.
        return [f"create_gymnasium_env.env_id = {env!r}", "run_random.environment = @create_gymnasium_env()"]
    if has_view is None and name not in ENVIRONMENTS:
        known = ", ".join(sorted([*ENVIRONMENTS, *GATHER_ENVIRONMENTS]))
        raise UsageError(
            f"--env: unknown environment {env!r}; known environments: {known}, or a gymnasium id, e.g. Ant-v5"
        )
    view = [] if has_view is None else [f"create_maze_env.top_down_view = {has_view}"]
    return [f"create_maze_env.env_name = {name!r}", *view]
