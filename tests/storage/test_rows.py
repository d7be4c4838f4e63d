"""Each column holds what it may; anything else is named with file and line."""

import re

import pytest

from efficient_hrl.errors import UsageError
from efficient_hrl.storage.rows import checked_rows, column

HEADER = "env_steps,target,episodes,success_rate,reached_rate,high_last_reward"
GOOD = "50000,eval1,50,0.5,,-3.25"


@pytest.mark.parametrize(
    "cells, message",
    [
        ("1e999,eval1,50,0.5,,-3", "line 3: env_steps = '1e999'; allowed: a whole number from 0$"),
        ("-1,eval1,50,0.5,,-3", "line 3: env_steps = '-1'"),
        (",eval1,50,0.5,,-3", "line 3: env_steps = ''"),
        ("50.5,eval1,50,0.5,,-3", "line 3: env_steps = '50.5'"),
        ("5\x000,eval1,50,0.5,,-3", r"line 3: env_steps = '5\\x000'"),
        ("50,eval\x00,50,0.5,,-3", r"line 3: target = 'eval\\x00'; allowed: a name$"),
        ("50,,50,0.5,,-3", "line 3: target = ''"),
        ("50,eval1,0,0.5,,-3", "line 3: episodes = '0'; allowed: a whole number from 1$"),
        ("50,eval1,many,0.5,,-3", "line 3: episodes = 'many'"),
        ("50,eval1,50,7,,-3", "line 3: success_rate = '7'; allowed: 0 to 1, or nan$"),
        ("50,eval1,50,,,-3", "line 3: success_rate = ''"),
        ("50,eval1,50,NaN,,-3", "line 3: success_rate = 'NaN'"),
        ("50,eval1,50,1,-0.1,-3", "line 3: reached_rate = '-0.1'; allowed: 0 to 1, or nothing$"),
        ("50,eval1,50,1,,inf", "line 3: high_last_reward = 'inf'; allowed: a finite number, or nothing$"),
        ("50,eval1,50,1,,1e39", "line 3: high_last_reward = '1e39'"),
        ("50,eval1,50,1," + "9" * 9999 + ",0", r"line 3: reached_rate = '9{80}\.\.\.'; allowed"),
        ("50,eval1,50", "line 3: 3 cells; allowed: 6$"),
        ("50,eval1,50,1,,0,0", "line 3: 7 cells; allowed: 6$"),
        ("", "line 3: 0 cells; allowed: 6$"),
    ],
)
def test_a_cell_that_does_not_fit_is_named(cells, message, tmp_path):
    path = tmp_path / "eval.csv"
    path.write_text(f"{HEADER}\n{GOOD}\n{cells}\n{GOOD}\n")
    with pytest.raises(UsageError) as caught:
        checked_rows(path)
    said = str(caught.value)
    assert said.startswith(f"{path}: not as this program writes it: ") and len(said.splitlines()) == 1
    assert re.search(message, said), said


@pytest.mark.parametrize(
    "data, message",
    [
        (b"", "line 1 is cut short; allowed: names of columns"),
        (b"env_steps,tar", "line 1 is cut short"),
        (
            b"env_steps,target\n",
            "line 1: 'env_steps,target'; allowed: columns env_steps, success_rate, high_l",
        ),
        (HEADER.encode() + b",target\n", "line 1: .*each once"),
        (HEADER.encode() + b"\n\xff\n", "can't decode byte 0xff"),
        (HEADER.encode() + b'\n50,"' + b"x" * 200_000 + b'",50,1,,0\n', "field larger than"),
    ],
)
def test_a_file_that_is_no_table_is_named(data, message, tmp_path):
    path = tmp_path / "eval.csv"
    path.write_bytes(data)
    with pytest.raises(UsageError, match=f"^{path}: not as this program writes it: .*{message}"):
        checked_rows(path)


def test_a_folder_in_its_place_is_named(tmp_path):
    (tmp_path / "metrics.csv").mkdir()
    with pytest.raises(UsageError, match="metrics.csv: Is a directory"):
        checked_rows(tmp_path / "metrics.csv")


def test_what_fits_is_read(tmp_path):
    path = tmp_path / "eval.csv"
    path.write_text(f"{HEADER},of_tomorrow\n{GOOD},any\n50000.0,eval2,50,1,1,nan,\n60000,ev")
    rows = checked_rows(path)
    assert [row["target"] for row in rows] == ["eval1", "eval2"] and rows[0]["of_tomorrow"] == "any"
    assert column(rows, "env_steps").tolist() == [50_000, 50_000]
    assert str(column(rows, "reached_rate").tolist()) == "[nan, 1.0]"
    assert str(column(rows, "of_yesterday").tolist()) == "[nan, nan]"
    assert checked_rows(tmp_path / "none.csv") == []
