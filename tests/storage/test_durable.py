"""Files and folders are whole, old or new, whenever the process dies."""

import contextlib
import errno
import fcntl
import os
import pathlib
import re
import subprocess
import sys
import time
from concurrent import futures

import pytest

from efficient_hrl.storage.durable import (
    DamagedError,
    check_file,
    checksum,
    own_partial_of,
    partial_of,
    publish_folder,
    recover_replaced,
    remove_partials,
    write_bytes,
    write_shared,
    write_text,
)
from tests.faults import Died, Fault, FullDisk


@pytest.mark.parametrize("kind", [Died, FullDisk])
def test_a_file_is_the_old_or_the_new_one_whenever_writing_ends(tmp_path, kind):
    path = tmp_path / "file"
    for acts in range(20):
        write_bytes(path, b"old")
        with Fault(acts, kind) as fault:
            try:
                write_bytes(path, b"new and longer")
            except kind:
                assert path.read_bytes() in (b"old", b"new and longer")
        if not fault.happened:
            break
    assert 4 <= acts < 19 and path.read_bytes() == b"new and longer"
    assert [p for p in tmp_path.iterdir() if p != path] in ([], [partial_of(path)])
    remove_partials(tmp_path)
    assert list(tmp_path.iterdir()) == [path]


def test_text_is_utf_8_whatever_the_locale(tmp_path):
    write_text(tmp_path / "text", "größer")
    assert (tmp_path / "text").read_bytes() == "größer".encode()


def _make(folder, content):
    folder.mkdir()
    (folder / "content").write_text(content)
    return folder


@pytest.mark.parametrize("kind", [Died, FullDisk])
def test_a_folder_is_the_old_or_the_new_one_whenever_publishing_ends(tmp_path, kind):
    for acts in range(20):
        parent = tmp_path / str(acts)
        parent.mkdir()
        path = _make(parent / "folder", "old")
        aside = _make(partial_of(path), "new")
        with Fault(acts, kind) as fault:
            with contextlib.suppress(kind):
                publish_folder(aside, path)
        recover_replaced(parent)
        remove_partials(parent)
        assert [p.name for p in parent.iterdir()] == ["folder"]
        assert (path / "content").read_text() in ("old", "new")
        if not fault.happened:
            break
    assert 3 <= acts < 19 and (path / "content").read_text() == "new"


def test_several_may_publish_at_once(tmp_path, monkeypatch):
    rename = os.rename
    # Between the two renames of one process there is time for the others.
    monkeypatch.setattr(os, "rename", lambda *names: (rename(*names), time.sleep(0.01)))

    def publish(number):
        for turn in range(5):
            recover_replaced(tmp_path)
            publish_folder(_make(tmp_path / f"aside{number}", f"{number} {turn}"), tmp_path / "folder")

    with futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(publish, range(4)))
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
    assert re.fullmatch(r"\d 4", (tmp_path / "folder" / "content").read_text())


def test_what_another_process_left_gives_way(tmp_path):
    for name in ("folder", ".folder.replaced", "aside"):
        _make(tmp_path / name, name)
    publish_folder(tmp_path / "aside", tmp_path / "folder")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
    assert (tmp_path / "folder" / "content").read_text() == "aside"


def test_whoever_holds_the_folder_is_not_waited_for_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr("efficient_hrl.storage.durable._LONGEST_RENAMES", 0.1)
    number = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(number, fcntl.LOCK_EX)
    publish_folder(_make(tmp_path / "aside", "new"), tmp_path / "folder")
    os.close(number)
    assert (tmp_path / "folder" / "content").read_text() == "new"


def test_publishing_needs_no_locks(tmp_path, monkeypatch):
    monkeypatch.setattr("fcntl.flock", raise_no_locks)
    publish_folder(_make(tmp_path / "aside", "new"), tmp_path / "folder")
    recover_replaced(tmp_path)
    assert (tmp_path / "folder" / "content").read_text() == "new"


def test_where_there_is_no_folder_there_is_nothing_to_recover(tmp_path):
    recover_replaced(tmp_path / "none")
    assert not any(tmp_path.iterdir())


def raise_no_locks(*_):
    raise OSError(errno.ENOLCK, "No locks available")


@pytest.mark.parametrize("acts", range(8))
@pytest.mark.parametrize("leads", [True, False])
def test_a_link_gives_way_to_a_folder_and_what_it_leads_to_stays(tmp_path, acts, leads):
    parent, elsewhere = tmp_path / "parent", tmp_path / "elsewhere"
    parent.mkdir()
    if leads:
        _make(elsewhere, "old")
    path = parent / "folder"
    path.symlink_to(elsewhere)
    aside = _make(own_partial_of(path), "new")
    with Fault(acts, Died), contextlib.suppress(Died):
        publish_folder(aside, path)
    recover_replaced(parent)
    assert {p.name for p in parent.iterdir()} - {aside.name} == {"folder"}
    assert path.is_symlink() == aside.exists()
    if not path.is_symlink():
        assert (path / "content").read_text() == "new"
    assert not leads or (elsewhere / "content").read_text() == "old"
    assert acts < 7 or not path.is_symlink()


def test_what_several_processes_write_is_told_apart_and_what_dead_ones_left_is_deleted(tmp_path):
    path = tmp_path / "a[1].mp4"
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    here = own_partial_of(path).name.removesuffix(f".{os.getpid()}")  # with this machine's name
    kept = [f"{here}.{os.getppid()}", f"{here}.{dead.pid}x", f"{here}.1"]
    # Another file's, another machine's, and what only looks alike.
    kept += [
        f".a1.mp4.{dead.pid}",
        f".b.{dead.pid}",
        f"{path.name}.{dead.pid}",
        f".{path.name}.other.{dead.pid}",
    ]
    for name in kept:
        (tmp_path / name).write_text("")
    _make(tmp_path / f"{here}.{dead.pid}", "left")
    (tmp_path / f"{here}.99999999999").write_text("")
    aside = own_partial_of(path)
    assert {p.name for p in tmp_path.iterdir()} == {*kept}
    aside.write_text("being written")
    assert own_partial_of(path) == aside != own_partial_of(tmp_path / "other")
    remove_partials(tmp_path)  # by a run that is continued meanwhile
    assert aside.exists()


def test_what_is_not_as_it_was_written_is_found(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(bytes(range(256)) * 5000)
    size, crc = checksum(path)
    check_file(path, size, crc)
    data = bytearray(path.read_bytes())
    data[700_001] ^= 4  # one bit
    path.write_bytes(data)
    with pytest.raises(DamagedError, match="file is not as it was written"):
        check_file(path, size, crc)
    path.write_bytes(data[:-1])
    with pytest.raises(DamagedError, match="file does not have the 1,280,000 bytes"):
        check_file(path, size, crc)
    path.unlink()
    with pytest.raises(DamagedError, match="file: No such file"):
        check_file(path, size, crc)


def test_a_link_is_not_followed(tmp_path):
    (tmp_path / "elsewhere").write_bytes(b"secret")
    os.symlink(tmp_path / "elsewhere", tmp_path / "link")
    with pytest.raises(DamagedError, match="link"):
        check_file(tmp_path / "link", *checksum(tmp_path / "elsewhere"))


def test_a_file_that_several_write_at_once_is_always_that_of_one_of_them(tmp_path, monkeypatch):
    """Another process replaces and tidies up between our writing and our replacing."""
    path = tmp_path / "report.html"
    replace = os.replace

    def other_comes_first(source, target):
        partial_of(path).unlink(missing_ok=True)
        pathlib.Path(target).write_bytes(b"theirs")
        replace(source, target)

    monkeypatch.setattr(os, "replace", other_comes_first)
    write_shared(path, b"ours")
    assert path.read_bytes() == b"ours"
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]
