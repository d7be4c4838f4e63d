import os

import pytest

from efficient_hrl.errors import UsageError
from efficient_hrl.storage import run_folder
from efficient_hrl.storage.durable import write_text
from efficient_hrl.storage.run_folder import RunFolder, check_output_folder


def test_a_new_folder_is_only_made_by_create(tmp_path):
    folder = RunFolder(tmp_path / "a" / "b with space é")
    assert not folder.root.exists() and not folder.is_run
    folder.create(7, {"x.y": "1"})
    record = RunFolder(folder.root).record()
    assert record["seed"] == 7 and record["config"] == {"x.y": "1"} and "tensorflow" in record["packages"]


def test_the_record_has_the_commit_and_a_continuation_says_where_it_is_another(tmp_path, monkeypatch):
    monkeypatch.setattr(run_folder, "source_commit", lambda: "a" * 40)
    folder = RunFolder(tmp_path / "run")
    folder.create(7, {})
    assert folder.record()["commit"] == "a" * 40
    assert folder.note_continuation(10, {}) == []
    monkeypatch.setattr(run_folder, "source_commit", lambda: "b" * 40)
    assert folder.note_continuation(20, {}) == [f"commit {'a' * 40} -> {'b' * 40}"]
    monkeypatch.setattr(run_folder, "source_commit", lambda: None)
    assert folder.note_continuation(30, {}) == []
    assert ["commit" in note for note in folder.record()["continued"]] == [True, True, False]


def test_an_empty_folder_may_be_used(tmp_path):
    assert not RunFolder(tmp_path).is_run


def test_a_foreign_folder_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(UsageError, match="not a run of this program"):
        RunFolder(tmp_path)


def test_a_file_in_the_way_is_named(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="file is not a folder"):
        RunFolder(tmp_path / "file" / "run")


def test_a_read_only_folder_is_named(tmp_path):
    os.chmod(tmp_path, 0o555)
    try:
        with pytest.raises(UsageError, match="not writable"):
            RunFolder(tmp_path / "run")
    finally:
        os.chmod(tmp_path, 0o755)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"seed": "x"}',
        '{"seed": 1}',
        "\x00",
        '{"seed": 1, "config": null}',
        '{"seed": 1, "config": {"train_uvf.batch_size": 50}}',
        '{"seed": 1, "config": {}, "packages": null}',
        '{"seed": 1, "config": {}, "packages": {"numpy": 1}}',
        '{"seed": 1, "config": {}, "gin_files": null}',
        '{"seed": 1, "config": {}, "gin_files": [null]}',
        '{"seed": 1, "config": {}, "continued": null}',
        '{"seed": 1, "config": {}, "continued": ["x"]}',
        '{"seed": 1, "config": {}, "command": 5}',
        '{"seed": 1, "config": {}, "machine": null}',
        '{"seed": 1, "config": {}, "commit": 5}',
        '{"seed": 1%s, "config": {}}' % ("0" * 40),
        '{"seed": 1%s, "config": {}}' % ("0" * 9999),
        '{"seed": -1, "config": {}}',
        '{"seed": true, "config": {}}',
        '{"seed": 1, "config": {}, "continued": [{"env_steps": "x"}]}',
        '{"seed": 1, "config": {}, "continued": [{"changed": 5}]}',
        '{"seed": 1, "config": {}, "continued": [{"started": 5}]}',
        "[" * 100_000,
    ],
)
def test_a_damaged_record_is_named(tmp_path, text):
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(UsageError, match="run.json: not a record of a run"):
        RunFolder(tmp_path).record()


def test_a_record_of_an_older_version_is_read(tmp_path):
    (tmp_path / "run.json").write_text('{"seed": 1, "config": {"a.b": "2"}}')
    assert RunFolder(tmp_path).record() == {"seed": 1, "config": {"a.b": "2"}}


def test_a_folder_for_output_is_named_with_its_flag(tmp_path):
    (tmp_path / "file").write_text("")
    allowed = "not a folder that can be written to; allowed: one that can, or one that can be made"
    with pytest.raises(UsageError) as caught:
        check_output_folder(tmp_path / "file" / "plots", "--out_dir")
    assert str(caught.value) == f"--out_dir={tmp_path}/file/plots: {allowed}"
    with pytest.raises(UsageError) as caught:
        check_output_folder(tmp_path / "file")
    assert str(caught.value) == f"--root_dir={tmp_path}: {tmp_path}/file: {allowed}"
    assert check_output_folder(tmp_path / "new" / "plots") == tmp_path / "new" / "plots"


def test_reading_does_not_need_a_writable_folder(tmp_path):
    RunFolder(tmp_path / "run").create(0, {})
    os.chmod(tmp_path / "run", 0o555)
    try:
        assert RunFolder(tmp_path / "run", writes=False).is_run
    finally:
        os.chmod(tmp_path / "run", 0o755)


@pytest.mark.parametrize("root", ["~nobody-of-this-name/x", "x" * 5000])
def test_impossible_paths_are_named(root):
    with pytest.raises(UsageError, match="--root_dir="):
        RunFolder(root)


def test_write_text_replaces_the_whole_file(tmp_path):
    path = tmp_path / "a.txt"
    for text in ("long text", "x"):
        write_text(path, text)
        assert path.read_text() == text
    assert list(tmp_path.iterdir()) == [path]


def test_a_path_that_is_no_text_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"--root_dir=.*/a\\xff/run; allowed: a path in UTF-8"):
        RunFolder(tmp_path / "a\udcff" / "run")
    assert not any(tmp_path.iterdir())
