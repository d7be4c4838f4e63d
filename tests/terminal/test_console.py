"""Streams that break or are missing do not end a program."""

import io
import os
import subprocess
import sys

import pytest

from efficient_hrl.terminal import console

PRINT = """
import sys
from efficient_hrl.terminal import console
console.open_missing_streams()
with open(sys.argv[1], "w") as file:
    for i in range(2000):
        console.announce("a line that nobody reads")
        console.write_line(sys.stderr, "another")
    file.write("done")
"""


def run_shell(tmp_path, redirection):
    path = tmp_path / "file"
    command = f"'{sys.executable}' -c '{PRINT}' '{path}' {redirection}"
    status = subprocess.run(["bash", "-c", f"set -o pipefail; {command}"], timeout=60, check=False).returncode
    return status, path.read_text()


@pytest.mark.parametrize(
    "redirection", ["| true", "2>&1 | true", ">&- 2>&-", "<&- >&- 2>&-", "> /dev/full 2> /dev/full"]
)
def test_a_program_goes_on_when_nobody_listens(tmp_path, redirection):
    assert run_shell(tmp_path, redirection) == (0, "done")


def test_letters_that_the_terminal_does_not_know_are_spelled_out():
    command = [sys.executable, "-c", "from efficient_hrl.terminal import console; console.announce('läuft')"]
    result = subprocess.run(
        command, env=os.environ | {"PYTHONIOENCODING": "ascii"}, capture_output=True, timeout=60, check=True
    )
    assert result.stdout == b"l\\xe4uft\n"


def test_a_line_is_printed_at_once(capsys):
    console.announce("a line")
    console.write_line(sys.stderr, "another")
    assert capsys.readouterr() == ("a line\n", "another\n")


def test_open_streams_are_left_alone():
    before = [os.fstat(number) for number in range(3)]
    console.open_missing_streams()
    assert [os.fstat(number) for number in range(3)] == before


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    "stream, environment, shows",
    [
        (Terminal(), {}, True),
        (Terminal(), {"NO_COLOR": ""}, True),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (Terminal(), {"TERM": "dumb"}, False),
        (io.StringIO(), {}, False),
        (None, {}, False),
    ],
)
def test_colours_are_for_terminals_whose_users_want_them(stream, environment, shows, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    expected = "\x1b[31mtext\x1b[0m" if shows else "text"
    assert console.coloured("text", console.RED, stream) == expected


def test_a_stream_that_was_closed_has_no_colours():
    closed = io.StringIO()
    closed.close()
    assert not console.has_colours(closed)


def test_an_error_begins_with_the_program_s_name(capsys, monkeypatch):
    console.write_error("what is wrong")
    assert capsys.readouterr().err == "run.py: what is wrong\n"
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    console.write_error("what is wrong")
    assert capsys.readouterr().err == "\x1b[31mrun.py:\x1b[0m what is wrong\n"
