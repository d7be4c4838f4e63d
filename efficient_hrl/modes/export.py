"""`--mode=export`: a run's policy for programs that have TensorFlow and not this package."""

from efficient_hrl.configuration.config import usage_errors
from efficient_hrl.errors import RunError, UsageError
from efficient_hrl.eval import evaluate
from efficient_hrl.evaluation.exported_policy import (
    DESCRIPTION,
    describe_policy,
    exported_policy,
    save_policy,
)
from efficient_hrl.graph.threads import use_threads
from efficient_hrl.modes.loading import load_config_of, restore_newest
from efficient_hrl.storage.run_folder import RunFolder, check_output_folder
from efficient_hrl.terminal.console import announce

_EXAMPLE = """
    policy = tf.saved_model.load({path!r})
    memory = policy.initial_memory(1)
    step = policy.act(observation=state[None], target=target[None], first=np.array([True]), **memory)
    memory = {{name: step[name] for name in memory}}
    action = step["action"][0].numpy()"""


def run(folder: RunFolder, seed: int, gin_files: list[str], gin_bindings: list[str]) -> int:
    """Writes the policy of the run in `folder` to its folder `export/`."""
    use_threads()
    load_config_of(folder, gin_files, gin_bindings)
    path = check_output_folder(folder.path("export"))
    if path.exists() and any(path.iterdir()) and not (path / DESCRIPTION).is_file():
        raise UsageError(
            f"{path}: not an exported policy (no {DESCRIPTION}); allowed: one, or no such folder"
        )
    with usage_errors():
        evaluator = evaluate(seed=seed, num_episodes_eval=1)
    env_steps = restore_newest(evaluator, folder)
    with usage_errors():
        description = describe_policy(evaluator, env_steps, folder.record())
        module = exported_policy(evaluator.hierarchy, description)
    try:
        size = save_policy(module, description, path)
    except OSError as error:
        raise RunError(f"{path}: {error}") from None
    announce(f"wrote {path}: the policy after {env_steps:,} environment steps, {size / 2**20:.1f} MiB")
    announce(_EXAMPLE.format(path=str(path)))
    return 0
