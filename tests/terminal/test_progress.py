"""The view of a run's progress, on terminals and elsewhere, and what other programs hear of it."""

import contextlib
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import numpy as np
import pytest

from efficient_hrl.terminal import progress
from efficient_hrl.terminal.progress import Progress, Report, read_report


def test_without_a_terminal_there_is_a_line_a_minute(capsys, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    shown = Progress(total_steps=10_000, done_steps=1_000)
    for second in range(180):
        now[0] = 100.0 + second + 1
        shown.update(1_000 + 10 * (second + 1))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert (
        lines[0] == "1,600 of 10,000 environment steps, 10 steps/s, 00:14:00 left, success: not evaluated yet"
    )
    shown.update(10_070)
    now[0] += 60
    shown.update(10_080)  # the last block of steps goes beyond what was asked for
    assert ", 00:00:00 left, " in capsys.readouterr().err
    shown.evaluated({"eval1": 1.0, "eval2": 0.25})
    assert "success: eval1=1.00 eval2=0.25" in capsys.readouterr().err
    shown.close()


def test_a_run_that_goes_on_shows_its_last_evaluation(capsys, monkeypatch, pipe):
    monkeypatch.setattr(progress, "LINE_SECONDS", 0.0)
    Progress(total_steps=100, done_steps=50, success_rates={"eval1": 0.25}).update(60)
    assert "success: eval1=0.25" in capsys.readouterr().err
    assert reports(pipe[0])[0] == Report(50, 100, {"eval1": 0.25})


def test_a_bar_that_goes_on_shows_its_last_evaluation():
    text = on_terminal(80, BAR_THAT_GOES_ON, NO_COLOR="1")
    assert "success 0.25" in text


def on_terminal(columns, program, **environment):
    """What a program shows on a terminal so wide, line by line as they were drawn, colours taken off."""
    read, write = pty.openpty()
    fcntl.ioctl(write, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=write,
        stdout=write,
        stderr=write,
        env={"PATH": os.environ["PATH"], "TERM": "xterm"} | environment,
    )
    os.close(write)
    text = b""
    with contextlib.suppress(OSError):  # how a terminal says that nobody is there any more
        while part := os.read(read, 1 << 16):
            text += part
    os.close(read)
    assert process.wait(timeout=60) == 0, text
    return text.decode()


BAR = """
import time
from efficient_hrl.terminal import progress
from efficient_hrl.terminal.progress import Progress
progress._MEASURED_SECONDS = LEAST
shown = Progress(total_steps=12_500_000, done_steps=1_000_000)
shown._bar.mininterval = 0
shown.evaluated({"eval1": 1.0, "eval2": 0.5, "eval3": 0.0})
for steps in range(1_000_000, 1_000_100, 10):
    time.sleep(0.05)
    shown.update(steps + 10)
shown.message("a line of its own")
shown.close()
"""
BAR_AT_FIRST, BAR = BAR.replace("LEAST", "10.0"), BAR.replace("LEAST", "0.1")


BAR_THAT_GOES_ON = """
from efficient_hrl.terminal.progress import Progress
Progress(total_steps=100, done_steps=50, success_rates={"eval1": 0.25}).close()
"""


def test_on_a_terminal_of_80_columns_the_bar_is_one_line_that_says_everything():
    text = on_terminal(80, BAR)
    lines = [re.sub(r"\x1b\[\d*m", "", line) for line in re.split(r"[\r\n]+", text)]
    bars = [line for line in lines if "%|" in line]
    assert len(bars) > 5 and "a line of its own" in [line.strip() for line in lines]
    assert all(len(line) <= 80 for line in lines)
    assert re.fullmatch(
        r"  8%\|.{4,}\| 1\.00M/12\.5M \d+ steps/s, [\d:]+ left, success 1\.00 0\.50 0\.00", bars[-1]
    ), bars[-1]
    for rate, colour in (("1.00", 36), ("0.50", 33), ("0.00", 31)):
        assert f"\x1b[{colour}m{rate}\x1b[0m" in text


def test_a_bar_shows_a_dash_for_the_time_left_until_it_can_be_known():
    lines = re.split(r"[\r\n]+", on_terminal(80, BAR_AT_FIRST, NO_COLOR="1"))
    bars = [line for line in lines if "%|" in line]
    assert len(bars) > 5 and all(" – left, " in line for line in bars if "success" in line)


BAR_WITH_RETURN = (
    BAR_AT_FIRST.replace("shown.evaluated", "shown.trained(float('nan')); shown.evaluated")
    + """
shown = Progress(12_500_000, 1_000_000, {"eval1": 1.0, "eval2": 0.5, "eval3": 0.0})
shown._bar.initial -= 150
shown._bar.start_t -= 1.0
shown._bar.seconds_left = 83_295.0
shown.trained(-312.4)
shown.trained(float("nan"))
shown._bar.refresh()
shown.close()
"""
)


def test_a_bar_shows_the_newest_return_beside_success_in_80_columns():
    lines = re.split(r"[\r\n]+", on_terminal(80, BAR_WITH_RETURN, NO_COLOR="1"))
    bars = [line.rstrip() for line in lines if "%|" in line]
    assert any(bar.endswith("success 1.00 0.50 0.00") for bar in bars) and len(bars[-1]) <= 80
    assert re.fullmatch(
        r"  8%\|..+\| 1\.00M, \d+ steps/s, 23:08:15 left, success 1\.00 0\.50 0\.00, return -312", bars[-1]
    ), bars[-1]


def test_the_time_left_is_known_only_once_the_speed_that_lasts_was_measured(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    pace = progress.Pace(total_steps=10_000, done_steps=0, lasts=False)
    for steps in range(10, 1010, 10):  # collecting alone, 10 steps/s
        now[0] += 1.0
        pace.reached(steps)
        assert pace.seconds_left(steps) is None
    assert pace.rate(1000) == pytest.approx(10.0)
    pace.restart(1000)
    now[0] += 30.0  # compiling takes half a minute, then learning runs at 2 steps/s
    pace.reached(1010)
    assert pace.seconds_left(1010) is None
    for steps in range(1012, 1100, 2):
        now[0] += 1.0
        pace.reached(steps)
        if steps < 1030:
            assert pace.seconds_left(steps) is None
        else:
            assert pace.seconds_left(steps) == pytest.approx((10_000 - steps) / 2)
    assert pace.seconds_left(10_000) == 0.0 and pace.seconds_left(10_010) == 0.0


@pytest.mark.parametrize(
    "seconds, words",
    [
        (None, "–"),
        (0.0, "00:00:00"),
        (839.9, "00:13:59"),
        (115_752.0, "32:09:12"),
        (5_551_200.0, "1,542 hours"),
    ],
)
def test_times_in_words(seconds, words):
    assert progress.time_words(seconds) == words


def test_a_run_that_is_still_to_learn_does_not_promise_when_it_ends(capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    shown = Progress(total_steps=10_000, done_steps=0, pace_lasts=False)
    for second in range(1, 150):
        now[0] += 1.0
        shown.update(10 * second)
        if second == 70:
            shown.new_pace()
            shown.trained(-5.25)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "600 of 10,000 environment steps, 10 steps/s, – left, success: not evaluated yet",
        "1,200 of 10,000 environment steps, 10 steps/s, 00:14:40 left, success: not evaluated yet,"
        " return -5.25",
    ]


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_who_wants_no_colours_gets_none(environment):
    text = on_terminal(80, BAR, **environment)
    assert "success 1.00 0.50 0.00" in text and "\x1b[3" not in text


def test_a_narrow_terminal_cuts_the_bar():
    lines = re.split(r"[\r\n]+", on_terminal(40, BAR, NO_COLOR="1"))
    assert any("%|" in line for line in lines) and all(len(line) <= 40 for line in lines)


# Reports by a pipe.


@pytest.fixture
def pipe(monkeypatch):
    """Both ends of a pipe whose other end is told to the next `Progress`."""
    read, write = os.pipe()
    monkeypatch.setenv(progress.REPORT_PIPE, str(write))
    yield read, write
    for number in (read, write):
        with contextlib.suppress(OSError):
            os.close(number)


def reports(read):
    return [read_report(line) for line in os.read(read, 1 << 16).decode().splitlines()]


def test_a_run_reports_once_a_second_and_at_evaluations_and_at_its_end(pipe, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    shown = Progress(total_steps=100, done_steps=50)
    assert progress.REPORT_PIPE not in os.environ
    for steps in range(51, 76):
        now[0] += 0.25
        shown.update(steps)
    assert [report.steps for report in reports(pipe[0])] == [50, 54, 58, 62, 66, 70, 74]
    shown.evaluated({"eval1": np.float64(0.5)})
    shown.update(100)
    assert reports(pipe[0]) == [
        Report(75, 100, {"eval1": 0.5}),
        Report(100, 100, {"eval1": 0.5}, seconds_left=0.0),
    ]


def test_a_run_that_a_signal_has_stopped_says_so(pipe):
    shown = Progress(total_steps=100, done_steps=50)
    shown.stopped("SIGTERM")
    assert [report.stopped_by for report in reports(pipe[0])] == ["", "SIGTERM"]


def test_a_reader_that_is_slow_or_gone_holds_nothing_up(pipe, monkeypatch):
    monkeypatch.setattr(progress, "_REPORT_SECONDS", 0.0)
    shown = Progress(total_steps=10**6, done_steps=0)
    for steps in range(5000):
        shown.update(steps)  # far more than a pipe holds
    os.close(pipe[0])
    shown.update(5001)
    shown.evaluated({"eval1": 1.0})


@pytest.mark.parametrize("number", ["1000", "nonsense", "0"])
def test_what_is_no_pipe_is_left_alone(number, monkeypatch, tmp_path):
    monkeypatch.setenv(progress.REPORT_PIPE, number)
    with open(tmp_path / "file", "w") as file:
        if number == "0":
            monkeypatch.setenv(progress.REPORT_PIPE, str(file.fileno()))
        Progress(total_steps=100, done_steps=50).update(100)
    assert (tmp_path / "file").read_text() == ""


@pytest.mark.parametrize("line", ["", "{", "[]", "3", '{"steps": 1}', "null"])
def test_a_line_that_is_no_report_is_none(line):
    assert read_report(line) is None


def test_without_a_success_returns_are_shown(capsys, monkeypatch, pipe):
    monkeypatch.setattr(progress, "LINE_SECONDS", 0.0)
    shown = Progress(total_steps=100, done_steps=50, returns={"eval": -0.5})
    shown.update(60)
    assert capsys.readouterr().err.strip().endswith("left, return: eval=-0.50")
    shown.evaluated({}, {"eval": 1.25})
    assert capsys.readouterr().err.strip().endswith("left, return: eval=1.25")
    first, *_, last = reports(pipe[0])
    assert (first, last) == (Report(50, 100, {}, {"eval": -0.5}), Report(60, 100, {}, {"eval": 1.25}))
    assert (last.words(None), first._replace(returns={}).words(None)) == ("return 1.25", "")
    shown.trained(0.5)
    shown.evaluated({}, {"eval": 1.25})
    assert capsys.readouterr().err.strip().endswith("left, return: eval=1.25, in training 0.50")
    assert reports(pipe[0])[-1].words(None) == "return 1.25, in training 0.50"
