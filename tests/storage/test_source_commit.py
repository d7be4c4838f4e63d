import os
import shutil
import subprocess

import pytest

from efficient_hrl.storage.source_commit import source_commit

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


@pytest.fixture(autouse=True)
def no_git_of_ones_own(monkeypatch):
    """Neither a hook that runs tests nor the user's settings reach these repositories."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


def git(folder, *arguments):
    identity = ("-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false")
    return subprocess.run(
        ["git", *identity, "-C", folder, *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def checkout(tmp_path):
    folder = tmp_path / "a b é"
    (folder / "environments").mkdir(parents=True)
    (folder / "environments" / "code.py").write_text("x = 1\n")
    (folder / "results.csv").write_text("1\n")
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "first")
    return folder


def test_the_commit_is_told(checkout):
    assert source_commit(checkout) == git(checkout, "rev-parse", "HEAD")


def test_changes_of_the_code_are_told_and_other_files_are_not(checkout):
    (checkout / "runs.csv").write_text("1\n")
    (checkout / "results.csv").write_text("2\n")
    commit = git(checkout, "rev-parse", "HEAD")
    assert source_commit(checkout) == commit
    (checkout / "environments" / "code.py").write_text("x = 2\n")
    assert source_commit(checkout) == f"{commit} with changes"


def test_a_package_inside_of_another_checkout_has_no_commit(checkout):
    assert source_commit(checkout / "environments") is None


def test_a_link_to_the_checkout_is_the_checkout(checkout, tmp_path):
    (tmp_path / "link").symlink_to(checkout)
    assert source_commit(tmp_path / "link") == git(checkout, "rev-parse", "HEAD")


def test_a_checkout_that_git_was_called_from_is_not_asked(checkout, tmp_path, monkeypatch):
    git(tmp_path, "init", "-q", "other")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other" / ".git"))
    assert source_commit(checkout) is not None


@pytest.mark.parametrize("there", [False, True])
def test_no_checkout_and_no_commit_are_none(tmp_path, there):
    if there:
        git(tmp_path, "init", "-q")
    assert source_commit(tmp_path) is None
    assert source_commit(tmp_path / "missing") is None


def test_without_git_there_is_none(checkout, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert source_commit(checkout) is None
