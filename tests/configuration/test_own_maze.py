"""A maze of one's own is part of a run's configuration, wherever its rows are written."""

import pathlib

import gin
import pytest

from efficient_hrl.configuration.config import bindings, check_continues, load_config, load_recorded_config
from efficient_hrl.errors import UsageError
from efficient_hrl.storage.run_folder import RunFolder
from efficient_hrl.train import train_uvf

EXAMPLE = str(pathlib.Path(__file__).parents[2] / "gin" / "examples" / "own_maze.gin")
ROWS = ["11111", "1r..1", "111.1", "1...1", "11111"]
TARGETS = "create_maze_env.evaluation_targets = [[8, 0], [8, 8]]"
SMALL = ("agent/CircularBuffer.buffer_size = 100", "meta/CircularBuffer.buffer_size = 100")


@pytest.fixture
def maze_file(tmp_path):
    path = tmp_path / "maze.txt"
    path.write_text("\n".join(ROWS))
    return path


def configuration(*more):
    gin.clear_config()
    load_config([EXAMPLE], [TARGETS, *more])
    return bindings()


def test_the_rows_of_a_file_are_recorded_in_its_place(maze_file):
    from_file = configuration(f"create_maze_env.layout = {str(maze_file)!r}")
    assert from_file == configuration(f"create_maze_env.layout = {ROWS}")
    assert from_file["create_maze_env.layout"] == repr(ROWS)


def test_so_are_those_of_a_file_that_a_macro_names(maze_file, tmp_path):
    gin_file = tmp_path / "mine.gin"
    gin_file.write_text(
        f"include '{EXAMPLE}'\n{TARGETS}\nMINE = {str(maze_file)!r}\ncreate_maze_env.layout = %MINE\n"
    )
    load_config([str(gin_file)], [])
    assert bindings()["create_maze_env.layout"] == repr(ROWS)


def test_a_changed_file_is_another_run(maze_file, tmp_path):
    named = f"create_maze_env.layout = {str(maze_file)!r}"
    begun = configuration(named)
    check_continues(begun, configuration(named), "runs/a")
    maze_file.write_text("\n".join([*ROWS[:3], "11..1", ROWS[4]]))
    for evaluates in (False, True):
        with pytest.raises(UsageError, match="create_maze_env.layout = .*'11..1'.* began with") as caught:
            check_continues(begun, configuration(named), "runs/a", evaluates)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "change, continues, evaluates",
    [
        ("create_maze_env.cell_size = 5", False, False),
        ("create_maze_env.training_targets = [[8, 0]]", False, True),
        ("create_maze_env.evaluation_targets = [[4, 8]]", True, True),
    ],
)
def test_what_may_change_of_it(change, continues, evaluates):
    layout = f"create_maze_env.layout = {ROWS}"
    begun, now = configuration(layout), configuration(layout, change)
    for only_evaluates, allowed in ((False, continues), (True, evaluates)):
        if allowed:
            assert [*check_continues(begun, now, "runs/a", only_evaluates)] == [change.split(" = ")[0]]
            continue
        with pytest.raises(UsageError, match="but the run in runs/a began with"):
            check_continues(begun, now, "runs/a", only_evaluates)


def test_of_a_large_maze_a_message_shows_the_beginning():
    large = ["1" * 40, "1r" + 37 * "." + "1", *(["1" * 40] * 20)]
    begun = configuration(f"create_maze_env.layout = {ROWS}")
    with pytest.raises(UsageError) as caught:
        check_continues(begun, begun | {"create_maze_env.layout": repr(large)}, "runs/a")
    assert "'1r.......................................1'" not in str(caught.value)
    assert "..., but the run in runs/a began with" in str(caught.value)
    assert repr(large)[:300] in str(caught.value) and repr(large)[:301] not in str(caught.value)


def test_looking_at_a_run_needs_no_file(maze_file, tmp_path):
    begun = configuration(f"create_maze_env.layout = {str(maze_file)!r}", *SMALL)
    folder = RunFolder(tmp_path / "run")
    folder.create(0, begun)
    maze_file.unlink()
    gin.clear_config()
    load_recorded_config(folder, [])
    assert bindings() == begun
    maze = train_uvf(0).spec.task.environment.maze
    assert ["".join(row) for row in maze.layout.cells] == [row.replace(".", "0") for row in ROWS]


def test_the_example_trains_where_one_can_go_and_is_evaluated_at_its_targets():
    load_config([EXAMPLE], SMALL)
    run = train_uvf(0)
    context, maze = run.hierarchy.high.context, run.spec.task.environment.maze
    assert run.evaluator.eval_modes == ("eval1", "eval2", "eval3")
    assert [context.samplers(mode)[0].value.numpy().tolist() for mode in run.evaluator.eval_modes] == [
        [16.0, 0.0],
        [16.0, 8.0],
        [16.0, 16.0],
    ]
    assert (context.specs[0].minimum.tolist(), context.specs[0].maximum.tolist()) == ([-2, -2], [18, 18])
    for mode in ("train", "explore"):
        (drawn,), _ = context.sample(mode, 500, [1, 2])
        assert maze.layout.is_inside(drawn.numpy(), 4.0).all()
    assert run.hierarchy.low.noisy_action.stddev == 0.1


@pytest.mark.parametrize("method", ["norl", "hiro", "td3", "xy"])
def test_every_kind_of_method_takes_it(method, tmp_path):
    gin_file = tmp_path / "mine.gin"
    includes = ["base.gin", f"methods/{method}.gin", "tasks/own_ant_maze.gin"]
    if method == "td3":
        includes = ["base.gin", "tasks/own_ant_maze.gin", "methods/td3.gin"]
    text = "\n".join(f"include '{name}'" for name in includes)
    gin_file.write_text(
        f"{text}\ncreate_maze_env.layout = {ROWS}\ncreate_maze_env.cell_size = 4\n{TARGETS}\n"
    )
    load_config([str(gin_file)], SMALL)
    run = train_uvf(0)
    assert run.spec.task.environment.maze.name == "AntOwnMaze"
    assert run.evaluator.eval_modes == ("eval1", "eval2")
