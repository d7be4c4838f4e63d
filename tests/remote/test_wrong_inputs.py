"""What users get wrong with collectors: one line, status 2, and nothing is written."""

import pathlib
import re

import gin
import pytest

from efficient_hrl.commands import main
from efficient_hrl.errors import RunError, UsageError
from efficient_hrl.modes import collect
from efficient_hrl.run.training_run import TrainingRun

REPOSITORY = pathlib.Path(__file__).parents[2]
GIN = "gin/hiro_xy_point_maze.gin"
PATIENCE = "--patience=5: only with --listen, --collectors or --mode=collect"


def status_of(root, monkeypatch, *flags, bindings=()):
    monkeypatch.chdir(REPOSITORY)
    # What is accepted by mistake must not train for hours.
    monkeypatch.setattr(TrainingRun, "run", lambda *_: pytest.fail("accepted"))
    gin.clear_config()
    given = [] if "--mode=collect" in flags else [f"--root_dir={root}"]
    return main.main(
        ["run.py", f"--gin_file={GIN}", *given, *flags, *(f"--gin_bindings={text}" for text in bindings)]
    )


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--listen="], "--listen=: allowed: HOST:PORT, e.g. 127.0.0.1:7070"),
        (["--listen=", "--collectors=1"], "--listen=: allowed: HOST:PORT, e.g. 127.0.0.1:7070"),
        (["--listen=::1:7070"], "--listen=::1:7070: allowed: HOST:PORT, e.g. 127.0.0.1:7070"),
        (
            ["--mode=collect", "--collector=0", "--learner="],
            "--learner=: allowed: HOST:PORT, e.g. 127.0.0.1:7070",
        ),
        (["--patience=5"], PATIENCE),
        (["--patience=600"], PATIENCE.replace("=5", "=600")),
        (["--patience=5", "--seeds=0,1"], PATIENCE),
        (["--patience=5", "--mode=sweep"], PATIENCE),
        (["--patience=5", "--mode=eval"], PATIENCE),
    ],
)
def test_wrong_flags(flags, message, tmp_path, monkeypatch, capfd):
    assert status_of(tmp_path / "run", monkeypatch, *flags) == 2
    assert capfd.readouterr().err.splitlines() == [f"run.py: {message}"]
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("binding", "message"),
    [
        (
            "agent/CircularBuffer.buffer_size = 8",
            "CircularBuffer.buffer_size = 8; allowed .*: 12 or more",
        ),
        ("meta/Context.settable_context = True", "Context.settable_context = True; this environment has no"),
        ("meta/Context.samplers = {}", "explore"),
    ],
)
def test_what_only_collecting_needs_is_told_by_the_learner(binding, message, tmp_path, monkeypatch, capfd):
    pytest.importorskip("reverb", reason="requirements-scale.txt is not installed")
    assert status_of(tmp_path / "run", monkeypatch, "--collectors=1", bindings=[binding]) == 2
    (line,) = [text for text in capfd.readouterr().err.splitlines() if text.startswith("run.py: ")]
    assert re.search(message, line), line
    assert not (tmp_path / "run").exists()


class StuckLink:
    """One with a call that does not come back."""

    is_stuck = True


class Ended(BaseException):
    """The process is no more."""


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (None, 0, ""),
        (RunError("no learner for 9 s"), 1, "run.py: no learner for 9 s\n"),
        (UsageError("--seed=5: another"), 2, "run.py: --seed=5: another\n"),
        (KeyboardInterrupt(), 130, "run.py: interrupted\n"),
        (ZeroDivisionError("by zero"), 1, "ZeroDivisionError: by zero\n"),
    ],
)
def test_a_collector_that_cannot_end_in_order_ends_all_the_same(error, status, message, monkeypatch, capfd):
    def end(status):
        raise Ended(status)

    def act():
        if error is not None:
            raise error

    monkeypatch.setattr(collect.os, "_exit", end)
    with pytest.raises(Ended, match=f"^{status}$"):
        collect._ended(act, StuckLink())
    assert capfd.readouterr().err.endswith(message)

    monkeypatch.setattr(StuckLink, "is_stuck", False)
    if error is None:
        assert collect._ended(act, StuckLink()) == 0
    else:
        with pytest.raises(type(error)):
            collect._ended(act, StuckLink())
