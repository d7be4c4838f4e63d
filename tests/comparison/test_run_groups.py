"""Which runs are found, what is read of them, and which belong together."""

import json
import pathlib
import shutil

import pytest

from efficient_hrl.comparison import run_summary
from efficient_hrl.comparison.run_groups import compare
from efficient_hrl.comparison.run_summary import RecordedTask, find_runs, read_run, split_name
from efficient_hrl.errors import UsageError
from efficient_hrl.storage.run_folder import UNBOUND, RunFolder
from tests.runs_on_disk import ANT_MAZE, ANT_PUSH, write_run

RESULTS = pathlib.Path(__file__).parents[2] / "results"


def labels(roots, **options):
    (comparison,), notes = compare([read_run(root) for root in roots], **options)
    assert all("its targets are not known" in note for note in notes)
    return {group.label: [run.root.name for run in group.runs] for group in comparison.groups}


def record_without(root, name, **changed):
    record = json.loads((root / "run.json").read_text()) | changed
    record.pop(name)
    (root / "run.json").write_text(json.dumps(record))
    return root


@pytest.mark.parametrize(
    "name, expected",
    [
        ("norl_ant_maze", ("norl", "ant_maze")),
        ("hiro_fun_cosine_ant_push_single", ("hiro_fun_cosine", "ant_push")),
        ("e2c_point_maze_img", ("e2c", "point_maze_img")),
        ("norl_full_ant_block_maze", ("norl_full", "ant_block_maze")),
        ("ant_fall", ("", "ant_fall")),
        ("hiro_ant_maze_large", ("hiro", "ant_maze_large")),
        ("norl_full_ant_maze_medium", ("norl_full", "ant_maze_medium")),
        ("mine", ("mine", None)),
    ],
)
def test_a_gin_files_name_is_a_method_and_a_task(name, expected):
    assert split_name(name) == expected


def test_every_shipped_gin_file_has_a_method_and_a_task():
    gin = RESULTS.parent / "gin"
    methods = {path.stem for path in (gin / "methods").glob("*.gin")}
    tasks = {path.stem.removesuffix("_single") for path in (gin / "tasks").glob("*_*.gin")}
    for path in gin.glob("*.gin"):
        method, task = split_name(path.stem)
        assert path.stem == "base" or (method in methods and task in tasks), path


OWN = {
    "create_maze_env.layout": "['11111', '1r..1', '11111']",
    "create_maze_env.evaluation_targets": "[[8, 0], (4, 0.5)]",
}


def test_a_maze_of_ones_own_is_a_task_of_its_own(tmp_path):
    def task(name, env="Point", **changed):
        bindings = OWN | {f"create_maze_env.{key}": value for key, value in changed.items()}
        return read_run(write_run(tmp_path / name, env=env, targets={}, bindings=bindings)).task

    same, again = task("a"), task("b")
    assert same == again and same.name.startswith("point_own_maze_")
    assert same.targets == (("eval1", (8.0, 0.0)), ("eval2", (4.0, 0.5)))
    assert task("c", env="PointMaze").name == same.name
    others = [
        task("d", layout="['1111', '1r.1', '1111']"),
        task("e", cell_size="5"),
        task("f", env="AntMaze"),
    ]
    assert len({same.name, *(other.name for other in others)}) == 4
    assert others[2].name.startswith("ant_own_maze_")


def test_a_maze_of_ones_own_has_no_published_numbers(tmp_path):
    known = read_run(write_run(tmp_path / "a"))
    own = read_run(write_run(tmp_path / "b", bindings=OWN))
    assert known.published("eval3") is not None and own.published("eval3") is None


@pytest.mark.parametrize("value", ["5", "'north'", "[5]", "[['a', 'b']]", "{'x': 1}", "@f()"])
def test_evaluation_targets_that_are_none_are_not_known(tmp_path, value):
    bindings = OWN | {"create_maze_env.evaluation_targets": value}
    assert read_run(write_run(tmp_path / "a", targets={}, bindings=bindings)).task.targets == ()


def test_a_folder_stands_for_the_runs_in_it(tmp_path):
    runs = [write_run(tmp_path / "runs" / f"seed{seed}", seed) for seed in (1, 0)]
    bare = write_run(tmp_path / "bare", record=False)
    (tmp_path / "runs" / "notes").mkdir()
    (tmp_path / "runs" / "log.txt").write_text("")
    assert find_runs([tmp_path / "runs", bare]) == [runs[1], runs[0], bare]


def test_a_folder_stands_for_the_runs_of_the_jobs_in_it(tmp_path):
    job = [write_run(tmp_path / "runs" / "norl" / f"seed{seed}", seed) for seed in (0, 1)]
    single = write_run(tmp_path / "runs" / "hiro")
    (tmp_path / "runs" / "norl" / "seed0.log").write_text("")
    write_run(job[0] / "copies" / "old")  # in a run
    write_run(tmp_path / "runs" / "a" / "b" / "too_deep")
    assert find_runs([tmp_path / "runs"]) == [single, *job]


@pytest.mark.parametrize("kind", ["nothing", "empty", "file"])
def test_what_is_no_run_is_refused(kind, tmp_path):
    write_run(tmp_path / "run")
    path = tmp_path / kind
    if kind == "empty":
        path.mkdir()
    elif kind == "file":
        path.write_text("")
    with pytest.raises(UsageError, match=f"--root_dir=.*{kind}: "):
        find_runs([tmp_path / "run", path])


def test_a_user_whom_nobody_knows_is_a_mistake():
    with pytest.raises(UsageError, match="--root_dir=~nobody-of-this-name/x: Could not determine home"):
        find_runs(["~nobody-of-this-name/x"])


def test_what_may_not_be_looked_at_is_named(tmp_path, monkeypatch):
    write_run(tmp_path / "runs" / "a")
    (tmp_path / "runs" / "theirs").mkdir()
    iterdir = pathlib.Path.iterdir

    def refusing(path):
        if path.name == "theirs":
            raise PermissionError(13, "Permission denied", str(path))
        return iterdir(path)

    monkeypatch.setattr(pathlib.Path, "iterdir", refusing)
    with pytest.raises(UsageError, match="--root_dir=.*runs: .*/theirs: Permission denied"):
        find_runs([tmp_path / "runs"])


def test_a_run_is_given_once(tmp_path):
    run = write_run(tmp_path / "runs" / "a")
    for twice in ([run, run], [run, tmp_path / "runs"], [run, run / ".." / "a"]):
        with pytest.raises(UsageError, match="given twice; allowed: each run once"):
            find_runs(twice)


@pytest.mark.parametrize("name", ["seed\udcff", "\udcff/seed0"])
def test_a_run_whose_name_is_no_text_is_named(name, tmp_path):
    (tmp_path / "runs").mkdir()
    write_run(tmp_path / "runs" / name)
    write_run(tmp_path / "runs" / "whole")
    said = rf"--root_dir=.*runs: it holds the run b'.*runs/{name}'; allowed: folders' names in UTF-8"
    with pytest.raises(UsageError, match=said.replace("\udcff", r"\\xff")):
        find_runs([tmp_path / "runs"])


@pytest.mark.parametrize(
    "run, name",
    [("h\udcff/seed0", r"h\xff"), ("h\udcff_seed1", r"h\xff"), ("ant_maze/h\udcff_seed2", r"h\xff_ant_maze")],
)
def test_names_that_are_no_text_are_escaped(run, name, tmp_path):
    assert run_summary._folder_name(tmp_path / run)[0] == name


def test_links_inside_a_folder_lead_to_runs_that_are_there(tmp_path):
    run = write_run(tmp_path / "x" / "seed0")
    (tmp_path / "latest").symlink_to(tmp_path / "x")
    (tmp_path / "x" / "here").symlink_to(tmp_path / "x")
    (tmp_path / "x" / "newest").symlink_to(run)
    assert find_runs([tmp_path]) == find_runs([tmp_path / "x"]) == [run]
    assert find_runs([run, tmp_path / "x" / "newest"]) == [run]


def test_a_target_that_was_changed_is_shown_where_it_is_now(tmp_path):
    root = write_run(tmp_path / "a")
    folder, name = RunFolder(root), "eval1/ConstantSampler.value"
    begun = folder.record()["config"][name]
    place = lambda: dict(read_run(root).task.targets).get("eval1")
    folder.note_continuation(50, {name: (begun, "[4.0, 0.0]")})
    assert place() == (4.0, 0.0)
    folder.note_continuation(60, {name: (begun, UNBOUND)})
    assert place() is None
    folder.note_continuation(70, {})
    assert place() == tuple(map(float, ANT_MAZE["eval1"]))


def test_a_run_is_read(tmp_path):
    success = {100: [0.5, 0, 0], 50: [0, 0, 0]}
    root = write_run(tmp_path / "a", 7, "gin/hiro_ant_maze.gin", success=success, returns={10: -1, 20: "nan"})
    with open(root / "eval.csv", "a") as file:
        file.write("100,eval1,50,0.75,-1\n150,eval1,torn")
    run = read_run(root)
    assert (run.gin_name, run.folder_name, run.seed) == ("hiro_ant_maze", "a", 7)
    expected = tuple((name, tuple(map(float, at))) for name, at in ANT_MAZE.items())
    assert run.task == RecordedTask("ant_maze", expected)
    assert run.evaluations["eval1"]["env_steps"].tolist() == [50, 100]
    assert run.evaluations["eval1"]["success_rate"].tolist() == [0, 0.75]  # the later row
    assert run.evaluations["eval2"]["high_last_reward"].tolist() == [-10, -10]
    assert run.metrics["high_episode_return"][0] == -1 and len(run.metrics["env_steps"]) == 2
    assert read_run(root, until=99).evaluations["eval1"]["env_steps"].tolist() == [50]


@pytest.mark.parametrize(
    "command, expected",
    [
        ("python run.py --gin_file=gin/norl_ant_maze.gin --seed=1", "norl_ant_maze"),
        ("python run.py --gin_file 'my gin/norl_ant_maze.gin'", "norl_ant_maze"),
        ("python run.py -config_file=base_uvf.gin --config_file=hiro_repr.gin", "base_uvf+hiro_repr"),
        ("python run.py --gin_bindings=a=1", "folder"),
        ("python 'unbalanced", "folder"),
    ],
)
def test_gin_files_of_older_records_are_in_the_command(command, expected, tmp_path):
    root = record_without(write_run(tmp_path / "folder_seed0"), "gin_files", command=command)
    assert read_run(root).gin_name == expected


@pytest.mark.parametrize(
    "folder, name, seed",
    [
        ("hiro_xy_point_maze", "hiro_xy_point_maze", None),
        ("norl_ant_maze_seed12", "norl_ant_maze", 12),
        ("norl_ant_maze/seed3", "norl_ant_maze", 3),
        ("point_maze/hiro_repr_seed0", "hiro_repr_point_maze", 0),
        ("mine-seed_4", "mine", 4),
        ("seedling", "seedling", None),
    ],
)
def test_without_a_record_the_folders_name_tells(folder, name, seed, tmp_path):
    run = read_run(write_run(tmp_path / folder, record=False))
    assert (run.gin_name, run.seed, run.config) == (name, seed, None)


def test_the_committed_runs_are_understood():
    runs = {str(root.relative_to(RESULTS)): read_run(root) for root in find_runs([RESULTS])}
    assert runs["norl_ant_maze"].task.name == "ant_maze"
    assert dict(runs["norl_ant_maze"].task.targets)["eval3"] == (0.0, 16.0)
    assert runs["norl_ant_maze"].evaluations["eval1"]["success_rate"][-1] == 1.0
    unrecorded = runs["point_maze/hiro_repr_seed0"]
    assert unrecorded.gin_name == "hiro_repr_point_maze" and unrecorded.task == RecordedTask("point_maze")
    # Where targets are not known, they are taken to be those of the other runs of the task.
    comparisons, _ = compare(list(runs.values())[::-1])
    tasks = {comparison.name for comparison in comparisons}
    assert tasks == {"ant_maze", "ant_push", "point_maze", "point_gather"}
    assert len(comparisons) == 4


def test_tasks_are_told_apart_by_environment_view_and_targets(tmp_path):
    roots = [
        write_run(tmp_path / "a"),
        write_run(tmp_path / "b", env="AntPush", targets=ANT_PUSH, gin_file="hiro_ant_push.gin"),
        write_run(tmp_path / "c", gin_file="hiro_ant_maze_img.gin", bindings={"IMAGES": "True"}),
        write_run(tmp_path / "d", gin_file="near.gin", targets=ANT_MAZE | {"eval1": [8, 0]}),
        write_run(
            tmp_path / "e",
            gin_file="ant_v5.gin",
            bindings={
                "train_uvf.environment": "@create_gymnasium_env()",
                "create_gymnasium_env.env_id": "'Ant-v5'",
            },
        ),
    ]
    comparisons, notes = compare([read_run(root) for root in roots])
    assert [comparison.name for comparison in comparisons] == [
        "ant_maze",
        "ant_push",
        "ant_maze_img",
        "ant_maze_2",
        "ant_v5",
    ]
    assert comparisons[3].positions["eval1"] == (8.0, 0.0) and notes == []
    assert [comparison.task for comparison in comparisons][2:4] == ["ant_maze_img", "ant_maze"]


def test_seeds_are_grouped_by_gin_file_and_by_what_decides_learning(tmp_path):
    same = {"train_uvf.batch_size": "100"}
    length = same | {"train_uvf.num_episodes_train": "5", "train_uvf.eval_every_n_steps": "9"}
    roots = [
        write_run(tmp_path / "a", 3, bindings=same),
        write_run(tmp_path / "b", 1, bindings=length),
        write_run(tmp_path / "c", 1, bindings={"train_uvf.batch_size": "50"}),
        write_run(tmp_path / "d", 1, "elsewhere/norl_ant_maze.gin", bindings=same),
    ]
    found = {
        "hiro_ant_maze (train_uvf.batch_size = 100)": ["b", "a"],
        "hiro_ant_maze (train_uvf.batch_size = 50)": ["c"],
        "norl_ant_maze": ["d"],
    }
    assert labels(roots) == found
    assert labels(roots[:2]) == {"hiro_ant_maze": ["b", "a"]}


@pytest.mark.parametrize(
    "name, value",
    [
        ("evaluate.success_distance", "1.0"),
        ("evaluate.success_fn", "@uvf/negative_distance"),
        ("evaluate.max_steps_per_episode", "50"),
        ("evaluate.environment", "@other/create_maze_env()"),
        ("evaluate.num_episodes_eval", "2"),
    ],
)
def test_runs_that_are_measured_in_another_way_are_another_group(name, value, tmp_path):
    roots = [write_run(tmp_path / "a", 3), write_run(tmp_path / "b", 2, bindings={name: value})]
    assert labels(roots) == {
        f"hiro_ant_maze ({name} = not bound)": ["a"],
        f"hiro_ant_maze ({name} = {value})": ["b"],
    }


def test_a_run_of_unknown_targets_takes_those_of_another_run_and_it_is_said(tmp_path):
    bare = write_run(tmp_path / "hiro_ant_maze_seed1", record=False)
    near = write_run(tmp_path / "near", targets=ANT_MAZE | {"eval1": [8, 0]})
    full = write_run(tmp_path / "full")
    comparisons, notes = compare([read_run(root) for root in (bare, near, full)])
    assert notes == [f"{bare}: its targets are not known and taken to be those of {near}"]
    runs = [[run for group in comparison.groups for run in group.runs] for comparison in comparisons]
    assert [[run.root for run in of_task] for of_task in runs] == [[bare, near], [full]]
    assert runs[0][0].published("eval3").in_words == "0.99 ± 0.01"
    assert read_run(bare).published("eval3") is None
    alone, notes = compare([read_run(bare)])
    assert alone[0].positions == {} and notes == []


def test_a_label_names_few_bindings_and_is_unlike_others(tmp_path):
    roots = [
        write_run(tmp_path / name, bindings={f"f.p{n}": value for n in range(5)} | {"f.p4": name})
        for name, value in (("a", "1"), ("b", "1"), ("c", "2"))
    ]
    first = "hiro_ant_maze (f.p0 = 1, f.p1 = 1, f.p2 = 1, 2 more)"
    assert list(labels(roots)) == [first, f"{first} [2]", first.replace("= 1", "= 2")]


def test_runs_with_and_without_a_record_are_not_mixed(tmp_path):
    bare = write_run(tmp_path / "hiro_ant_maze_seed1", record=False)
    full = write_run(tmp_path / "a", 0)
    assert labels([bare, full]) == {
        "hiro_ant_maze (no run.json)": [bare.name],
        "hiro_ant_maze": [full.name],
    }


def test_by_folder_a_name_stands_for_a_record_and_it_is_said(tmp_path):
    bare = write_run(tmp_path / "hiro_ant_maze_seed1", record=False)
    full = [write_run(tmp_path / f"hiro_ant_maze_seed{seed}", seed) for seed in (0, 2)]
    other = write_run(tmp_path / "norl_ant_maze_seed0")
    runs = [read_run(root) for root in (bare, other, *full)]
    (comparison,), notes = compare(runs, "folder")
    assert [(group.label, [run.seed for run in group.runs]) for group in comparison.groups] == [
        ("hiro_ant_maze", [0, 1, 2]),
        ("norl_ant_maze", [0]),
    ]
    assert notes[1:] == [f"{bare}: no run.json; its folder's name puts it into hiro_ant_maze"]

    again = write_run(tmp_path / "again" / "hiro_ant_maze_seed1", 1)
    (comparison,), _ = compare([*runs, read_run(again)], "folder")
    assert [(group.label, [run.seed for run in group.runs]) for group in comparison.groups] == [
        ("hiro_ant_maze (no run.json)", [1]),
        ("norl_ant_maze", [0]),
        ("hiro_ant_maze", [0, 1, 2]),
    ]

    third = write_run(tmp_path / "hiro_ant_maze_seed3", 3, bindings={"train_uvf.batch_size": "7"})
    (comparison,), notes = compare([*runs, read_run(third)], "folder")
    assert [group.label for group in comparison.groups] == [
        "hiro_ant_maze (no run.json)",
        "norl_ant_maze",
        "hiro_ant_maze (train_uvf.batch_size = not bound)",
        "hiro_ant_maze (train_uvf.batch_size = 7)",
    ]
    assert len(notes) == 1


def test_links_to_runs_that_are_there_are_left_out(tmp_path):
    runs = [write_run(tmp_path / "runs" / name, seed) for seed, name in enumerate(("seed0", "seed1"))]
    (tmp_path / "runs/latest").symlink_to("seed1")
    (tmp_path / "runs/a_link").symlink_to(tmp_path / "runs/seed0")
    assert find_runs([tmp_path / "runs"]) == runs
    (tmp_path / "linked").symlink_to(tmp_path / "runs/seed0")
    assert find_runs([tmp_path / "linked"]) == [tmp_path / "linked"]


def test_a_seed_twice_in_a_group_is_refused_and_folders_can_tell_groups(tmp_path):
    roots = [write_run(tmp_path / name) for name in ("before_seed0", "after_seed0")]
    with pytest.raises(UsageError, match="after_seed0: seed 0 of hiro_ant_maze, as .*before_seed0; allowed"):
        labels(roots)
    assert labels(roots, group_by="folder") == {"before": ["before_seed0"], "after": ["after_seed0"]}
    bare = [write_run(tmp_path / part / "hiro_ant_maze", record=False) for part in "xy"]
    with pytest.raises(UsageError, match="a run without a seed of hiro_ant_maze"):
        labels(bare)


def test_what_cannot_be_compared_is_left_out_or_refused(tmp_path):
    full, other = (write_run(tmp_path / name, seed) for seed, name in enumerate("ab"))
    shutil.copytree(other, tmp_path / "c")
    for name in ("eval.csv", "metrics.csv"):
        (tmp_path / "c" / name).write_text((other / name).read_text().splitlines()[0] + "\n")
    empty = read_run(tmp_path / "c")
    comparisons, notes = compare([empty, read_run(full)])
    assert len(comparisons[0].groups[0].runs) == 1
    assert notes == [f"{tmp_path / 'c'}: left out, it has no evaluation yet"]
    with pytest.raises(UsageError, match=r"c/eval.csv: no evaluation yet"):
        compare([empty])
    (other / "eval.csv").write_text("env_steps,target,success_rate,high_last_reward\n50,eval2,1,-1\n")
    (comparison,), notes = compare([read_run(full), read_run(other)])
    assert comparison.targets == ("eval2",)
    assert notes == [
        f"ant_maze: {name} left out, not every run was evaluated there" for name in ("eval1", "eval3")
    ]
    (other / "eval.csv").write_text("env_steps,target,success_rate,high_last_reward\n51,eval2,1,-1\n")
    with pytest.raises(UsageError, match="no environment step at which all were evaluated"):
        compare([read_run(full), read_run(other)])
    (other / "eval.csv").write_text("env_steps,target,success_rate,high_last_reward\n50,eval9,1,-1\n")
    with pytest.raises(UsageError, match="no evaluation target that all have; allowed: runs that have one"):
        compare([read_run(full), read_run(other)])


@pytest.mark.parametrize(
    "name, text, message",
    [
        (
            "eval.csv",
            "env_steps,target\n50,eval1\n",
            "columns env_steps, success_rate, high_last_reward, target",
        ),
        ("eval.csv", "env_steps,success_rate,high_last_reward\n50,1,1\n", "not as this program writes it"),
        ("eval.csv", "env_steps,target,success_rate,high_last_reward\n50,eval1,x,1\n", "not as this program"),
        ("metrics.csv", "steps\n50\n", "not as this program writes it"),
        ("run.json", "{}", "not a record of a run"),
        ("run.json", '{"seed": 0, "config": {"a": "\\ud800"}}', "not a record of a run .a text that no file"),
        ("run.json", '{"seed": 0, "config": {}, "continued": [{"bound": {"a": 1}}]}', "not a list of notes"),
        ("run.json", '{"seed": 0, "config": {}, "gin_files": [1]}', "not a record of a run"),
    ],
)
def test_damaged_files_are_named(name, text, message, tmp_path):
    root = write_run(tmp_path / "a")
    (root / name).write_text(text)
    with pytest.raises(UsageError, match=f"{name}: .*{message}"):
        read_run(root)
