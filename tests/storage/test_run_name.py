"""What a run is called in titles."""

import pytest

from efficient_hrl.storage.run_name import printable, run_name


@pytest.mark.parametrize(
    "root, name",
    [
        ("runs/norl_ant_maze", "norl_ant_maze"),
        ("runs/norl_ant_maze/seed12", "norl_ant_maze/seed12"),
        ("runs/e2e_seed3", "e2e_seed3"),
        ("/seed1", "/seed1"),
        (".", "here"),
        ("..", "all"),
        ("seed4/..", "here"),
        ("seed4", "here/seed4"),
    ],
)
def test_a_folder_named_after_its_seed_is_named_with_its_job(root, name, tmp_path, monkeypatch):
    (tmp_path / "all/here").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "all/here")
    assert run_name(root) == name


def test_a_name_that_is_no_text_is_escaped(tmp_path, monkeypatch):
    (tmp_path / "all\udcff/seed0").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "all\udcff/seed0")
    assert run_name(".") == "all\\xff/seed0"
    assert printable("all\udcff ä") == "all\\xff ä"
