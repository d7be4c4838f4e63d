"""A run's files, damaged in all ways: what looks at it works, or says in one line which file is wrong."""

import io
import json
import math
import shutil
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from efficient_hrl.comparison.run_groups import compare
from efficient_hrl.comparison.run_summary import read_run
from efficient_hrl.errors import UsageError
from efficient_hrl.exploration_maps import ExplorationMap, read_maps
from efficient_hrl.figures.comparison import draw_comparison
from efficient_hrl.figures.goals import draw_goals, why_no_goals
from efficient_hrl.figures.run_figures import draw_curves
from efficient_hrl.figures.visits import draw_visits, why_no_visits
from efficient_hrl.report.build import pages_of, report_run
from environments.create_maze_env import make_maze_env
from tests.runs_on_disk import write_run

MAZE = make_maze_env("AntMaze").maze
METRICS = (
    "env_steps,episodes,wall_s,steps_per_s,low_critic_loss,relabel_sampled,relabel_reached,relabel_stored,"
    "representation_loss,representation_bound,representation_kl,low_episode_return,high_episode_return\n"
    "1000,2,1.1,900,nan,nan,nan,nan,nan,nan,nan,-20.5,-70\n"
    "2000,4,2.2,910,0.5,0.25,0.5,0.25,3,1.5,0.2,-10.5,-60\n"
    "3000,6,3.3,920,0.4,0.25,0.5,0.25,2,1.5,0.1,,\n"
)
NUMBERS = (
    "env_steps,dimensions,readout_r2_x,readout_r2_y,rank_correlation_grid,rank_correlation_trajectories,"
    "train_episodes,held_out_episodes,positions\n3000,2,0.9,-3.5,0.5,,3,3,100\n"
)
CSV_FILES = ("eval.csv", "metrics.csv", "plots/representation_numbers.csv")
CELLS = [
    *("1e999", "-1e999", "nan", "7", "-1", "0", "0.5", "x", "", " ", "\0", "1e300", "9" * 400, "1e9", "1_0"),
    *("\x85", "é", "$x_$", '"', "eval\x01", "1\n2"),
]
VALUES = [None, True, -1, 10**40, 1e308, math.inf, "", "x" * 5000, "\0", [], [1], {}, {"a": 1}, [[]]]
ARRAYS = [
    np.float64(1e300),
    np.int64(-1),
    np.array(np.nan),
    np.array("text"),
    np.zeros(0),
    np.zeros([2, 3]),
    np.full([5, 2], np.inf),
    np.arange(41.0),
    np.zeros([40, 40], int),
    -np.ones([40, 40], int),
    np.zeros([3, 40, 40], int),
]


def map_of(env_steps):
    edges = np.linspace(-4, 36, 41)
    rng = np.random.default_rng(env_steps)
    pairs = [rng.normal(size=(6, 2)).astype(np.float32) for _ in range(5)]
    return ExplorationMap(
        env_steps,
        env_steps - 1000,
        100,
        edges,
        edges,
        rng.integers(0, 5, (40, 40)),
        3,
        np.zeros([0, 40, 40], int),
        50,
        10,
        -np.ones(2, np.float32),
        np.ones(2, np.float32),
        *pairs,
        np.full(6, 10, np.int32),
    )


def write_map(path, fields):
    content = io.BytesIO()
    np.savez(content, **fields)
    path.write_bytes(content.getvalue())


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run of which every file that is read is there."""
    root = write_run(tmp_path_factory.mktemp("whole") / "run")
    record = json.loads((root / "run.json").read_text())
    note = {"env_steps": 2000, "started": "2026-01-01", "changed": ["numpy 1 -> 2"]}
    more = {"packages": {"numpy": "1"}, "command": "python run.py", "machine": "M", "continued": [note]}
    (root / "run.json").write_text(json.dumps(record | more))
    (root / "metrics.csv").write_text(METRICS)
    (root / "plots").mkdir()
    (root / "plots/representation_numbers.csv").write_text(NUMBERS)
    (root / "operative_config.gin").write_text("train_uvf.batch_size = 5\n")
    (root / "maps").mkdir()
    for steps in (1000, 2000):
        write_map(root / f"maps/map-{steps}.npz", map_of(steps)._asdict())
    return root


def read_all(root):
    """Everything that `report`, `plot` and a comparison read of a run."""
    run = read_run(root)
    pages_of([run], root.parent / "report.html")
    maps = read_maps(root)
    try:
        comparisons, _ = compare([run])
    except UsageError as error:  # what is there is well formed and cannot be compared
        assert str(root) in str(error) and len(str(error).splitlines()) == 1
        comparisons = []
    return run, comparisons, maps


def draw_all(root):
    """Everything that they draw of it, but for what needs weights."""
    run, comparisons, maps = read_all(root)
    folder = root / "plots"
    folder.mkdir(exist_ok=True)
    list(draw_curves(root, lambda line: None))
    if why_no_visits(maps, MAZE) is None:
        draw_visits(maps, MAZE, "run", folder)
    if why_no_goals(maps, MAZE) is None:
        draw_goals(maps, MAZE, None, 0, "run", folder)
    for comparison in comparisons:
        list(draw_comparison(comparison, folder, "median", lambda line: None))
    report_run(run, root / "report.html")


def holds(root, name, read):
    """Reads a run; a complaint must be one line about the file that was damaged."""
    try:
        read(root)
    except UsageError as error:
        assert len(str(error).splitlines()) == 1
        assert str(root / name) in str(error), error


@st.composite
def bytes_damaged(draw, data):
    """A part of a file's bytes is another one, or there is no more."""
    first = draw(st.integers(0, len(data) - 1))
    if draw(st.booleans()):
        return data[:first]
    end = draw(st.integers(first, min(len(data), first + 20)))
    return data[:first] + draw(st.binary(max_size=20)) + data[end:]


@st.composite
def damages(draw, root):
    """(the name of a file, its bytes as they are then)."""
    names = [*CSV_FILES, "run.json", "operative_config.gin", "maps/map-1000.npz", "maps/map-2000.npz"]
    name = draw(st.sampled_from(names))
    data = (root / name).read_bytes()
    if draw(st.integers(0, 2)) == 0:
        return name, draw(bytes_damaged(data))
    if name in CSV_FILES:
        lines = [line.split(",") for line in data.decode().splitlines()]
        line = draw(st.sampled_from(lines))
        line[draw(st.integers(0, len(line) - 1))] = draw(st.sampled_from(CELLS))
        return name, ("\n".join(",".join(line) for line in lines) + "\n").encode()
    if name == "run.json":
        record = json.loads(data)
        inside = draw(st.sampled_from([record, record["config"], record["continued"][0]]))
        inside[draw(st.sampled_from([*inside]))] = draw(st.sampled_from(VALUES))
        return name, json.dumps(record).encode()
    if name.endswith(".npz"):
        with np.load(root / name) as arrays:
            fields = dict(arrays)
        fields[draw(st.sampled_from([*fields]))] = draw(st.sampled_from(ARRAYS))
        content = io.BytesIO()
        np.savez(content, **fields)
        return name, content.getvalue()
    return name, draw(bytes_damaged(data))


class Damage(NamedTuple):
    """A file's name, and what is in it then; the content is too long to be shown."""

    name: str
    content: bytes

    def __repr__(self):
        return f"{self.name}: {self.content[:400]!r}"


def check(whole, data, read):
    name, content = data.draw(damages(whole).map(lambda drawn: Damage(*drawn)))
    root = whole.parent / "damaged"
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(whole, root)
    (root / name).write_bytes(content)
    holds(root, name, read)


QUIETLY = {"deadline": None, "suppress_health_check": [*HealthCheck], "database": None, "derandomize": True}


def test_the_whole_run_is_read_and_drawn(whole, tmp_path):
    shutil.copytree(whole, tmp_path / "run")
    draw_all(tmp_path / "run")
    assert len(read_maps(whole)) == 2 and (tmp_path / "run/plots/goals.png").is_file()


@pytest.mark.parametrize("cell", ["$x_$", "5.0", "1e15"])
def test_names_and_numbers_of_others_are_drawn_as_they_are(whole, tmp_path, cell):
    root = tmp_path / "run"
    shutil.copytree(whole, root)
    text = (root / "eval.csv").read_text()
    head, *lines = text.splitlines()
    column = head.split(",").index("target" if cell == "$x_$" else "episodes")
    cells = [line.split(",") for line in lines]
    first = cells[0][column]
    changed = [[cell if i == column and c == first else c for i, c in enumerate(line)] for line in cells]
    (root / "eval.csv").write_text("\n".join([head, *map(",".join, changed)]) + "\n")
    read_all(root)
    draw_all(root)


@settings(max_examples=150, **QUIETLY)
@given(st.data())
def test_a_damaged_file_is_read_or_named(whole, data):
    check(whole, data, read_all)


@pytest.mark.ci
@settings(max_examples=25, **QUIETLY)
@given(st.data())
@pytest.mark.filterwarnings("ignore")  # of letters that a font does not have
def test_what_was_read_can_be_drawn(whole, data):
    check(whole, data, draw_all)
