"""Runs whose checkpoints somebody has deleted: their results are not to be written over."""

from efficient_hrl.errors import UsageError
from efficient_hrl.storage.bound_values import value_of
from efficient_hrl.storage.rows import checked_rows
from efficient_hrl.storage.run_folder import HAS_CHECKPOINTS, RunFolder, present_config

_PERIOD = "train_uvf.checkpoint_every_n_steps"


def check_checkpoints_are_there(folder: RunFolder) -> None:
    """Refuses to begin a run anew that has been further, because its checkpoints are gone.

    A run that was killed before its first checkpoint begins anew, as it must.  Records of older versions do
    not tell the two apart; there rows do that are later than two checkpoints were due.

    Args:
      folder: of a run.

    Raises:
      UsageError: there were checkpoints, and there are none.
    """
    checkpoints = folder.path("checkpoints")
    if any(checkpoints.glob("*ckpt-*")):
        return  # what is wrong with them is found when they are read
    record = folder.record()
    had_some = record.get(HAS_CHECKPOINTS)
    if had_some is None:
        had_some = _was_further(folder, value_of(present_config(record), _PERIOD))
    if had_some:
        raise UsageError(
            f"--root_dir={folder.root}: a run whose checkpoints are gone ({checkpoints} has none) cannot go"
            " on, and would write over its results if it began anew; allowed: another folder, or the"
            " checkpoints back in their place"
        )


def _was_further(folder, period):
    """Whether a table has a row from after the second checkpoint was due.

    Rows may be from some steps after the first one was due: they are written before it is.
    """
    if not isinstance(period, int) or not period:
        return False
    tables = [path for path in (folder.path(name) for name in ("metrics.csv", "eval.csv")) if path.exists()]
    return any(float(row["env_steps"]) > 2 * period for path in tables for row in checked_rows(path))
