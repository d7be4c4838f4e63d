"""Streams that break or are missing do not end a program."""

import os
import subprocess
import sys

import pytest

from efficient_hrl import console

PRINT = """
import sys
from efficient_hrl import console
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
    command = [sys.executable, "-c", "from efficient_hrl import console; console.announce('läuft')"]
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
