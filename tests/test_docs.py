"""What the pages name exists: files, gin files, programs, flags."""

import functools
import importlib.util
import pathlib
import re
import subprocess
import urllib.parse

import pytest

from efficient_hrl.commands.flags import define_flags

REPOSITORY = pathlib.Path(__file__).parent.parent
PAGES = sorted(
    {
        REPOSITORY / "README.md",
        REPOSITORY / "benchmarks/NOTES.md",
        *REPOSITORY.glob("docs/*.md"),
        *REPOSITORY.glob("results/**/README.md"),
    }
)
_PLACEHOLDER = re.compile(r"[A-Z]{2}|[{}\[\]*]|\.\.\.")  # gin/METHOD_TASK.gin, gin/hiro_repr_*.gin

of_each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))


@functools.cache
def tracked():
    """Files that git knows; none where this is not a checkout."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return set()
    return {REPOSITORY / name for name in listed.stdout.split("\0") if name}


def links(text):
    """Targets of a page's relative links and pictures, without anchors."""
    outside_code = re.sub(r"(?m:^ {4}.*$)|(?s:```.*?```)|`[^`\n]*`", "code", text)
    found = re.findall(r"\]\(\s*<?([^)\s>]+)>?[^)]*\)|(?:src|href)=\"([^\"]+)\"", outside_code)
    targets = [first or second for first, second in found]
    relative = [target for target in targets if not re.match(r"[a-z]+:|#", target)]
    return [urllib.parse.unquote(target.partition("#")[0]) for target in relative]


def commands(text):
    """Commands of `run.py`, lines that end in a backslash joined."""
    joined = re.sub(r"\\\n\s*", " ", text)
    return re.findall(r"python (?:\S*/)?run\.py([^`\n]*)", joined)


@of_each_page
def test_links_lead_to_files(page):
    lost = []
    for target in links(page.read_text(encoding="utf-8")):
        path = pathlib.Path(page.parent, target).resolve()
        if path not in tracked() and not path.exists():
            lost.append(target)
    assert lost == []


@of_each_page
def test_gin_files_exist(page):
    named = re.findall(r"(?<![\w/.])gin/[\w/.{}\[\]*,]+", page.read_text(encoding="utf-8"))
    paths = [name.rstrip(".,") for name in named]
    patterns = [name for name in paths if "*" in name]
    whole = [name for name in paths if not _PLACEHOLDER.search(name)]
    assert [name for name in whole if not (REPOSITORY / name).exists()] == []
    assert [name for name in patterns if not list(REPOSITORY.glob(name))] == []


@of_each_page
def test_commands_have_programs_flags_and_modes_that_exist(page):
    text = page.read_text(encoding="utf-8")
    values = define_flags()
    names = {*values, "config_file", "params"}  # the original's
    modes = values["mode"].parser.enum_values
    for command in commands(text):
        for flag in re.findall(r"(?<=\s)--?\w+(?:=[^\s`]*)?", command):
            name, _, value = flag.lstrip("-").partition("=")
            assert name in names, f"{command}: {flag}"
            assert name != "mode" or _PLACEHOLDER.search(value) or not value or value in modes, command
    for module in re.findall(r"python -m (benchmarks\.\w+)", text):
        assert importlib.util.find_spec(module) is not None, module


def test_the_pages_are_read():
    """The tests above find something."""
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    assert {"docs/reliability.md", "docs/mazes.png"} <= {*links(readme)}
    assert any(
        "hiro_repr.gin --config_file=context/configs/ant_maze.gin" in line for line in commands(readme)
    )
    assert links("[a](b.md#c) ![d](e.png) [`f`](g.py) `[h](i)` [j](https://k) [l](#m)") == [
        "b.md",
        "e.png",
        "g.py",
    ]
