"""Which room may import which: each package's docstring says so, and here it is held to its word."""

import ast
import graphlib
import pathlib
import re

import pytest

REPOSITORY = pathlib.Path(__file__).parent.parent
PACKAGE = REPOSITORY / "efficient_hrl"
ROOMS = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))
MOST_FLAT_MODULES = 20
MOST_LINES, MOST_PARAMETERS = 60, 12  # of a function, beside gin's own
# What must never be reached from a room or a module, directly or through others, whatever docstrings say.
BUILDS_OR_RUNS = {"run", "builder", "train"}
TRAINS = {*BUILDS_OR_RUNS, "learner", "collect", "collecting_beside_learning"}
LEVELS = {"agent", "hierarchy", "hierarchical_policy"}
FORBIDDEN = {
    "agents": {
        *LEVELS,
        "specifications.hierarchy",
        "specifications.run",
        "relabeling",
        "replay",
        "context",
        "representations",
        "environments",
        *TRAINS,
    },
    "context": {*LEVELS, "agents", "environments", *TRAINS},
    "representations": {*LEVELS, "context", "environments", *TRAINS},
    "graph": {*LEVELS, "agents", "environments", *TRAINS},
    "replay": {*LEVELS, "agents", "context", "environments", *TRAINS},
    "relabeling": {*LEVELS, "agents", "context", "environments", *TRAINS},
    "hierarchical_policy": {"environments", *TRAINS},
    "agent": {"hierarchy", "hierarchical_policy", "environments", *TRAINS},
    "learner": {"collect", "episodes", "hierarchical_policy", "environments", "storage", *BUILDS_OR_RUNS},
    "collect": {"learner", "collecting_beside_learning", "evaluation", "storage", *BUILDS_OR_RUNS},
    "observers": {
        "learner",
        "collect",
        "collecting_beside_learning",
        "evaluation",
        "storage",
        *BUILDS_OR_RUNS,
    },
    "builder.learning": {"collect", "collecting_beside_learning", "hierarchical_policy", "episodes", "run"},
    "builder.collecting": {"learner", "collecting_beside_learning", "evaluation", "storage", "run"},
    "builder": {"configuration", "modes", "commands", "figures", "report"},
    "storage": {*LEVELS, "agents", *TRAINS},
    "comparison": {*LEVELS, "evaluation", "figures", *TRAINS},
    "evaluation": TRAINS,
    "figures": TRAINS,
    "report": {*LEVELS, "evaluation", *TRAINS},
    "video": TRAINS,
}
# Rooms whose tests are elsewhere, and where.
TESTED_ELSEWHERE = {
    "modes": "in the room of what each mode does, and in tests/commands",
    "observers": "at work in a collector, in tests/test_collect.py and test_norl_reward.py",
}


def imports_of(text, known):
    """Names of `known` modules that a module's text imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in known else node.module for name in inside}
    return {name for name in found if name in known}


def outside(text):
    """Names of the packages that a module's text imports from, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return {name.split(".")[0] for name in found}


def modules(folder):
    """Dotted name -> text of every module below a folder of the repository."""
    found = {}
    for path in sorted((REPOSITORY / folder).rglob("*.py")):
        parts = path.relative_to(REPOSITORY).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path.read_text()
    return found


def graph_of(texts):
    """Module -> the other modules that it imports."""
    return {name: imports_of(text, texts.keys()) - {name} for name, text in texts.items()}


def cycle_in(graph):
    """Modules that import each other in a ring, or None."""
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return error.args[1]
    return None


def room_of(module):
    """The package or flat module of efficient_hrl that a module belongs to; "environments" for those."""
    first, *others = module.split(".")
    return others[0] if first == "efficient_hrl" and others else first


def rooms_imported(graph, room):
    """Rooms that the modules of a room import, itself left out."""
    arrows = (
        room_of(other) for module, others in graph.items() if room_of(module) == room for other in others
    )
    return {*arrows} - {room, "efficient_hrl"}


def reached(graph, start):
    """Modules that are imported when those of a room, or a module "room.name", are; they included."""
    path = f"efficient_hrl.{start}"
    todo = [module for module in graph if module == path or module.startswith(f"{path}.")]
    found = set(todo)
    while todo:
        new = graph[todo.pop()] - found
        found |= new
        todo += new
    return found


def long_functions(text):
    """Functions of a module's text with too many lines or parameters, but those that gin fills."""
    tree = ast.parse(text)
    is_gins = lambda node: any("configurable" in ast.unparse(d) for d in node.decorator_list)
    made_by_gin = {
        function
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and is_gins(node)
        for function in node.body
        if isinstance(function, ast.FunctionDef) and function.name == "__init__"
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef) or node in made_by_gin or is_gins(node):
            continue
        names = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
        lines = node.end_lineno - node.lineno + 1
        if lines > MOST_LINES or len({*names} - {"self", "cls"}) > MOST_PARAMETERS:
            yield node.name


def allowed_by(docstring):
    """The names behind "May import:" at a docstring's end."""
    line = re.search(r"May import: ([^.]*)\.\s*$", docstring)
    assert line, f"no line 'May import: ...' at the end of {docstring!r}"
    names = {*re.findall(r"\w+", line.group(1))}
    return set() if names == {"nothing"} else names


GRAPH = graph_of(modules("efficient_hrl") | modules("environments"))


def docstring_of(room):
    return ast.get_docstring(ast.parse((PACKAGE / room / "__init__.py").read_text()))


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_what_its_docstring_says_and_all_of_it(room):
    assert rooms_imported(GRAPH, room) == allowed_by(docstring_of(room))


@pytest.mark.parametrize("start", FORBIDDEN)
def test_no_arrow_goes_against_the_grain(start):
    found = reached(GRAPH, start)
    assert found, "no such room"
    names = {room_of(module) for module in found} | {
        module.removeprefix("efficient_hrl.") for module in found
    }
    assert names & (FORBIDDEN[start] - {start}) == set()


def test_no_module_is_in_a_cycle():
    assert cycle_in(GRAPH) is None


def test_environments_know_nothing_of_learning():
    for name, text in modules("environments").items():
        assert not outside(text) & {"efficient_hrl", "tensorflow"}, name
        if "tf_agents" in outside(text):
            assert "batched" in name, name


@pytest.mark.parametrize("folder", ["efficient_hrl", "environments"])
def test_functions_are_short_and_have_few_parameters(folder):
    for name, text in modules(folder).items():
        assert list(long_functions(text)) == [], name


def test_few_modules_are_flat():
    flat = [path.stem for path in PACKAGE.glob("*.py") if path.stem != "__init__"]
    assert len(flat) <= MOST_FLAT_MODULES, flat


def test_tests_mirror_the_rooms():
    folders = {path.parent.name for path in (REPOSITORY / "tests").glob("*/test_*.py")}
    others = {"benchmarks", "environments", "properties"}
    assert folders - others == {*ROOMS} - TESTED_ELSEWHERE.keys()


def test_what_would_be_wrong_is_found():
    texts = {
        "efficient_hrl.agents.a": "from efficient_hrl.learner import Learner",
        "efficient_hrl.learner": "def f():\n    import efficient_hrl.agents.a",
        "environments.b": "from efficient_hrl import learner",
    }
    graph = graph_of(texts)
    assert graph["efficient_hrl.agents.a"] == {"efficient_hrl.learner"}
    assert graph["environments.b"] == {"efficient_hrl.learner"}
    assert rooms_imported(graph, "agents") & FORBIDDEN["agents"] == {"learner"}
    assert reached(graph | {"efficient_hrl.figures.c": {"efficient_hrl.agents.a"}}, "figures") == {
        "efficient_hrl.figures.c",
        "efficient_hrl.agents.a",
        "efficient_hrl.learner",
    }
    assert outside("from tensorflow.python import x\ndef f():\n    import tf_agents.agents") == {
        "tensorflow",
        "tf_agents",
    }
    many = ", ".join(f"p{i}" for i in range(MOST_PARAMETERS + 1))
    assert list(long_functions(f"def f({many}): pass")) == ["f"]
    assert list(long_functions("def f():\n" + "    x = 1\n" * MOST_LINES)) == ["f"]
    assert list(long_functions(f"@gin.configurable\nclass A:\n    def __init__(self, {many}): pass")) == []
    assert set(cycle_in(graph)) == {"efficient_hrl.agents.a", "efficient_hrl.learner"}
    assert allowed_by("What.\n\nMay import: checks,\ngraph.") == {"checks", "graph"}
    assert allowed_by("May import: nothing.") == set()
    with pytest.raises(AssertionError, match="May import"):
        allowed_by("What.")
