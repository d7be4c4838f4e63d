"""Memory is asked for before it is taken."""

import resource

import pytest

from efficient_hrl.graph import memory

BUFFERS = ("the replay buffers", "a smaller CircularBuffer.buffer_size")
GIB = 2**30


@pytest.fixture
def system(tmp_path, monkeypatch):
    """A system of files: 8 GiB free, no container, no limit."""
    (tmp_path / "meminfo").write_text(f"MemTotal: 99999999 kB\nMemAvailable:   {8 * 2**20} kB\n")
    monkeypatch.setattr(memory, "_MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    (tmp_path / "cgroup").write_text("4:cpu,cpuacct:/elsewhere\n0::/outer/inner\n")
    (tmp_path / "outer" / "inner").mkdir(parents=True)
    monkeypatch.setattr(memory, "_OWN_GROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(resource, "getrlimit", lambda which: (resource.RLIM_INFINITY,) * 2)
    return tmp_path


def container(folder, limit, used, files=0, names=("memory.max", "memory.current")):
    for name, value in zip(names, (limit, used)):
        (folder / name).write_text(f"{value}\n")
    (folder / "memory.stat").write_text(f"anon 5\ninactive_file {files}\n")


def test_what_the_system_has_left_counts(system):
    assert memory.free_bytes() == 8 * GIB


def test_a_containers_limit_counts_and_files_it_has_read_do_not(system):
    container(system, 6 * GIB, 5 * GIB, files=GIB)
    assert memory.free_bytes() == 2 * GIB
    container(system, "max", 5 * GIB)
    assert memory.free_bytes() == 8 * GIB
    container(system, GIB, 2 * GIB)
    assert memory.free_bytes() == 0


@pytest.mark.parametrize("group", [".", "outer", "outer/inner"])
def test_the_closest_limit_of_all_groups_around_the_process_counts(system, group):
    container(system / "outer" / "inner", 7 * GIB, GIB)
    container(system / group, 5 * GIB, 2 * GIB)
    assert memory.free_bytes() == 3 * GIB


def test_limits_of_version_1_count(system):
    (system / "cgroup").write_text("9:memory:/job\n")
    (system / "memory" / "job").mkdir(parents=True)
    container(
        system / "memory" / "job", 3 * GIB, GIB, names=("memory.limit_in_bytes", "memory.usage_in_bytes")
    )
    assert memory.free_bytes() == 2 * GIB


def test_a_limit_of_the_address_space_counts(system, monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda which: (2**50, 2**50))
    assert memory.free_bytes() == 8 * GIB
    monkeypatch.setattr(resource, "getrlimit", lambda which: (1000, 1000))
    assert memory.free_bytes() == 0


def test_a_system_that_does_not_tell_is_believed(system):
    (system / "meminfo").unlink()
    assert memory.free_bytes() is None
    memory.check_room({"low": 2**60}, *BUFFERS)


def test_what_fits_passes_and_what_does_not_is_named_with_its_size(system):
    memory.check_room({"low": 3 * GIB, "high": 5 * GIB}, *BUFFERS)
    with pytest.raises(MemoryError) as caught:
        memory.check_room({"low 200,000 x 300 bytes": 3 * GIB, "high": 5 * GIB + 1}, *BUFFERS)
    assert str(caught.value) == (
        "the replay buffers need 8.0 GiB of memory (low 200,000 x 300 bytes: 3.0 GiB, high: 5.0 GiB), and"
        " 8.0 GiB are free; allowed: a smaller CircularBuffer.buffer_size"
    )


def test_sizes_beyond_all_numbers_are_said(system):
    with pytest.raises(MemoryError, match=r"^copies need 1\.0e\+36 GiB of memory \(.* a smaller n$"):
        memory.check_copies("n", "copies", 10**15 * 2**30, 10**21)
    memory.check_copies("n", "copies", 8, GIB)
    with pytest.raises(MemoryError, match="9 x 1,073,741,824 bytes"):
        memory.check_copies("n", "copies", 9, GIB)


def test_this_system_tells():
    assert 2**20 < memory.free_bytes() < 2**50
