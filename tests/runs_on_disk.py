"""Folders of runs as training leaves them, written by hand in no time."""

import json
import pathlib
from collections.abc import Mapping, Sequence

ANT_MAZE = {"eval1": [16, 0], "eval2": [16, 16], "eval3": [0, 16]}
ANT_PUSH = {"eval2": [0, 19]}
ANT_GATHER = {
    "train_uvf.environment": "@create_gather_env()",
    "create_gather_env.env_name": "'AntGather'",
    "evaluate.environment": "@create_gather_env()",
    "evaluate.success_distance": "None",
}


def write_run(
    root: pathlib.Path,
    seed: int = 0,
    gin_file: str = "gin/hiro_ant_maze.gin",
    env: str = "AntMaze",
    targets: Mapping[str, Sequence[float]] = ANT_MAZE,
    success: Mapping[int, Sequence[float]] | None = None,
    returns: Mapping[int, float] | None = None,
    bindings: Mapping[str, str] | None = None,
    record: bool = True,
) -> pathlib.Path:
    """Writes a run's record and CSV files.

    Args:
      root: the folder.
      seed, gin_file: of the run.
      env: the environment's name.
      targets: evaluation mode -> target.
      success: environment steps -> success rate at each target; the last reward is this minus 10.
      returns: environment steps -> task return.
      bindings: further ones.
      record: whether there is a run.json.
    """
    root.mkdir(parents=True)
    if success is None:
        success = {50: [0.0] * len(targets), 100: [0.5] * len(targets)}
    returns = {10: -100.0, 20: -50.0} if returns is None else returns
    config = {
        "create_maze_env.env_name": repr(env),
        "create_maze_env.top_down_view": "%IMAGES",
        "IMAGES": "False",
        "train_uvf.environment": "@create_maze_env()",
        **{f"{name}/ConstantSampler.value": repr(value) for name, value in targets.items()},
        **(bindings or {}),
    }
    if record:
        content = {"seed": seed, "gin_files": [gin_file], "config": config}
        (root / "run.json").write_text(json.dumps(content))
    lines = ["env_steps,target,episodes,success_rate,high_last_reward"]
    for steps, rates in success.items():
        lines += [f"{steps},{name},50,{rate},{rate - 10}" for name, rate in zip(targets, rates)]
    (root / "eval.csv").write_text("\n".join(lines) + "\n")
    lines = ["env_steps,high_episode_return", *(f"{steps},{value}" for steps, value in returns.items())]
    (root / "metrics.csv").write_text("\n".join(lines) + "\n")
    return root


def write_gather_run(
    root: pathlib.Path,
    evaluated: Mapping[int, float],
    seed: int = 0,
    gin_file: str = "gin/hiro_ant_gather.gin",
    bindings: Mapping[str, str] | None = None,
) -> pathlib.Path:
    """Writes a run of a task without a success.

    Args:
      root: the folder.
      evaluated: environment steps -> mean return of an evaluation.
      seed, gin_file: of the run.
      bindings: further ones.
    """
    write_run(root, seed, gin_file, targets={}, success={}, bindings=ANT_GATHER | (bindings or {}))
    lines = ["env_steps,target,episodes,success_rate,reached_rate,high_return,high_last_reward"]
    lines += [f"{steps},eval,50,nan,nan,{value},0" for steps, value in evaluated.items()]
    (root / "eval.csv").write_text("\n".join(lines) + "\n")
    return root
