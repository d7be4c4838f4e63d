"""`--mode=random`: what the random policy achieves in an environment."""

from efficient_hrl.configuration.config import load_config, usage_errors
from efficient_hrl.evaluation.random_policy import RandomPolicyRun
from efficient_hrl.terminal.console import announce


def run(gin_files: list[str], gin_bindings: list[str], seed: int) -> int:
    """Runs the random policy and prints what it achieves."""
    load_config(gin_files, gin_bindings, announce)
    with usage_errors():
        RandomPolicyRun(seed=seed).run(announce)
    return 0
