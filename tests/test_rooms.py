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
# What a room must never reach, whatever its docstring says.
TRAINS = {"run", "builder", "train", "learner", "collect", "collecting_beside_learning"}
FORBIDDEN = {
    "agents": {"agent", "hierarchy", "hierarchical_policy", "relabeling", "replay", "context", *TRAINS},
    "context": {"agent", "agents", "hierarchy", "hierarchical_policy", *TRAINS},
    "storage": {"agent", "hierarchy", *TRAINS},
    "comparison": {"evaluation", "figures", *TRAINS},
    "figures": TRAINS,
    "report": TRAINS | {"evaluation"},
    "video": TRAINS,
    "builder": {"configuration", "modes", "commands", "figures", "report", "terminal"},
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


@pytest.mark.parametrize("room", FORBIDDEN)
def test_no_arrow_goes_against_the_grain(room):
    assert rooms_imported(GRAPH, room) & FORBIDDEN[room] == set()


def test_no_module_is_in_a_cycle():
    assert cycle_in(GRAPH) is None


def test_environments_know_nothing_of_learning():
    texts = modules("environments")
    for name, text in texts.items():
        arrows = imports_of(text, GRAPH.keys() | {"tensorflow", "tf_agents", "efficient_hrl"})
        assert not any(arrow.startswith("efficient_hrl") for arrow in arrows), name
        assert "import tensorflow" not in text, name
        if "tf_agents" in text:
            assert "batched" in name, name


def test_few_modules_are_flat():
    flat = [path.stem for path in PACKAGE.glob("*.py") if path.stem != "__init__"]
    assert len(flat) <= MOST_FLAT_MODULES, flat


def test_tests_mirror_the_rooms():
    folders = {path.parent.name for path in (REPOSITORY / "tests").glob("*/__init__.py")}
    others = {"benchmarks", "environments", "golden", "properties"}
    assert folders - others <= {*ROOMS}


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
    assert set(cycle_in(graph)) == {"efficient_hrl.agents.a", "efficient_hrl.learner"}
    assert allowed_by("What.\n\nMay import: checks,\ngraph.") == {"checks", "graph"}
    assert allowed_by("May import: nothing.") == set()
    with pytest.raises(AssertionError, match="May import"):
        allowed_by("What.")
