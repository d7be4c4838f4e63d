"""`--mode=random`: what the random policy achieves in an environment."""

from efficient_hrl.config import load_config, usage_errors
from efficient_hrl.console import announce
from efficient_hrl.random_policy import RandomPolicyRun


def run(gin_files: list[str], gin_bindings: list[str], seed: int) -> int:
    """Runs the random policy and prints what it achieves."""
    load_config(gin_files, gin_bindings)
    with usage_errors():
        RandomPolicyRun(seed=seed).run(announce)
    return 0
