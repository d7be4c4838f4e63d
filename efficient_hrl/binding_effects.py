"""Which bindings decide what is learned, and which only how long a run is and what is told of it."""

import fnmatch

# What a run may be continued with although it began with something else: how long it
# is and what is told of it, not what is learned.  Shell patterns.
CHANGEABLE = (
    "train_uvf.num_episodes_train",
    "train_uvf.should_stop_early",
    "train_uvf.log_every_n_steps",
    "train_uvf.eval_every_n_steps",
    "train_uvf.checkpoint_every_n_steps",
    "train_uvf.save_policy_every_n_steps",
    "train_uvf.max_policies_to_save",
    "train_uvf.max_checkpoints_to_keep",
    "train_uvf.keep_every_nth_checkpoint",
    "evaluate.*",
    "run_random.*",
    "EVAL_MODES",
)


def is_changeable(name: str) -> bool:
    """Whether a run may go on with another value of the binding `name`."""
    return any(fnmatch.fnmatch(name, pattern) for pattern in CHANGEABLE)
