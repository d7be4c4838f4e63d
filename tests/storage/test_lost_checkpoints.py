"""A run whose checkpoints were deleted is not begun anew over its results."""

import json

import pytest

from efficient_hrl.errors import UsageError
from efficient_hrl.run.metrics import METRICS_COLUMNS, CsvLog
from efficient_hrl.storage.lost_checkpoints import check_checkpoints_are_there
from efficient_hrl.storage.run_folder import RunFolder

CONFIG = {"train_uvf.checkpoint_every_n_steps": "25_000"}


def run_with(root, steps=(), config=CONFIG, has_saved=False, is_old=False):
    """A run's folder with rows of metrics.csv; that of an older version does not know of checkpoints."""
    folder = RunFolder(root)
    folder.create(0, config)
    if is_old:
        record = folder.record()
        del record["has_checkpoints"]
        folder.path("run.json").write_text(json.dumps(record))
    if steps:
        table = CsvLog(folder.path("metrics.csv"), METRICS_COLUMNS)
        table.cut_to(0)
        for step in steps:
            table.append(dict.fromkeys(METRICS_COLUMNS, 0) | {"env_steps": step})
    if has_saved:
        folder.note_checkpoint()
    return folder


def test_a_run_that_was_killed_before_its_first_checkpoint_begins_anew(tmp_path):
    check_checkpoints_are_there(run_with(tmp_path / "a"))
    check_checkpoints_are_there(run_with(tmp_path / "b", (1000, 24_000, 25_120, 60_000)))
    check_checkpoints_are_there(run_with(tmp_path / "c", (24_000, 25_120), is_old=True))


@pytest.mark.parametrize(
    "parts",
    [
        {"has_saved": True},
        {"steps": (1000, 2000), "has_saved": True},
        {"steps": (25_000, 51_000), "is_old": True},
        {
            "steps": (900,),
            "config": {"train_uvf.checkpoint_every_n_steps": "%EVERY", "EVERY": "400"},
            "is_old": True,
        },
    ],
)
def test_a_run_whose_checkpoints_are_gone_is_refused(tmp_path, parts):
    folder = run_with(tmp_path / "run", **parts)
    (folder.path("checkpoints") / "replay").mkdir(parents=True)
    with pytest.raises(UsageError, match="checkpoints are gone .*; allowed: another folder, or the"):
        check_checkpoints_are_there(folder)


@pytest.mark.parametrize("name", ["ckpt-500", "damaged-ckpt-500"])
def test_what_is_wrong_with_checkpoints_that_are_there_is_told_when_they_are_read(tmp_path, name):
    folder = run_with(tmp_path / "run", has_saved=True)
    (folder.path("checkpoints") / name).mkdir(parents=True)
    check_checkpoints_are_there(folder)


@pytest.mark.parametrize("period", ["0", "@own_period()"])
def test_without_a_period_rows_say_nothing(tmp_path, period):
    check_checkpoints_are_there(
        run_with(tmp_path / "run", (10**6,), {"train_uvf.checkpoint_every_n_steps": period}, is_old=True)
    )


def test_a_checkpoint_is_noted_once_and_the_rest_of_the_record_stays(tmp_path):
    folder = run_with(tmp_path / "run")
    before = folder.record()
    folder.note_checkpoint()
    path, noted = folder.path("run.json"), folder.record()
    assert noted == before | {"has_checkpoints": True} == json.loads(path.read_text())
    at = path.stat().st_mtime_ns
    folder.note_checkpoint()
    assert path.stat().st_mtime_ns == at
