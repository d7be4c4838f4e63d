"""What `pip install .` installs: the tested versions fit, and nothing is missing or too much.

That a wheel is built and works is tried by .ci/check_wheel.
"""

import ast
import importlib
import importlib.metadata
import pathlib
import re
import sys
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

REPOSITORY = pathlib.Path(__file__).parent.parent
METADATA = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
# Of another package, which needs it itself and is why it is imported.
WITH_OTHERS = {"gym-notices": "tf-agents", "glfw": "mujoco", "packaging": "pytest"}
NOT_ALWAYS_THERE = {"reverb": ["dm-reverb"], "ray": ["ray"]}  # what the optional packages are imported as
BY_OTHERS = {
    "imageio",
    "pandas",
}  # gymnasium's MuJoCo environments; rliable, which works with some versions alone
PROJECT, SETUPTOOLS = METADATA["project"], METADATA["tool"]["setuptools"]


def pins(text):
    """Name -> version of lines `name==version`."""
    found = [re.match(r"([\w-]+)==(\S+)", line) for line in text.splitlines()]
    return {match[1]: match[2] for match in found if match}


def ranges(lines):
    requirements = [Requirement(line) for line in lines]
    return {requirement.name: requirement for requirement in requirements}


def test_the_ranges_contain_the_pins_and_name_the_same_packages():
    needed, tests = (REPOSITORY / "requirements.txt").read_text(encoding="utf-8").split("# Tests and checks")
    extras = PROJECT["optional-dependencies"]
    scale = (REPOSITORY / "requirements-scale.txt").read_text(encoding="utf-8")
    for text, lines in (
        (needed, PROJECT["dependencies"]),
        (tests, extras["tests"]),
        (scale, extras["scale"]),
    ):
        known = ranges(lines)
        assert known.keys() == pins(text).keys()
        for name, version in pins(text).items():
            assert version in known[name].specifier, f"{name} {version}: {known[name]}"
            assert any(part.operator == "<" for part in known[name].specifier), f"{name} has no end"
    (cuda,) = ranges(extras["cuda"]).values()
    assert cuda.name == "tensorflow" and cuda.extras == {"and-cuda"}
    assert cuda.specifier == ranges(PROJECT["dependencies"])["tensorflow"].specifier


def imported_by(path):
    """Names of the packages that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.split(".")[0]


def test_what_is_imported_is_what_is_installed():
    distributions = NOT_ALWAYS_THERE | importlib.metadata.packages_distributions()
    needed, extras = ranges(PROJECT["dependencies"]).keys(), PROJECT["optional-dependencies"]
    scale, tests = ranges(extras["scale"]).keys(), ranges(extras["tests"]).keys()
    used = set()
    for folder, allowed in (
        ("efficient_hrl", needed | scale),
        ("environments", needed),
        ("tests", needed | scale | tests),
    ):
        names = {name for path in (REPOSITORY / folder).rglob("*.py") for name in imported_by(path)}
        names -= sys.stdlib_module_names | {"efficient_hrl", "environments", "tests", "benchmarks", "run"}
        for name in names:
            # Several packages may put files into one folder, as mujoco and mujoco-core do.
            found = {re.sub(r"[-_.]+", "-", other).lower() for other in distributions.get(name, [name])}
            found |= {WITH_OTHERS[other] for other in found & WITH_OTHERS.keys()}
            assert found & allowed, f"{folder} imports {name}, of {' or '.join(found)}"
            used |= found
    assert needed - used == BY_OTHERS


def test_the_python_is_the_one_that_run_py_asks_for():
    assert "version_info[:2] != (3, 11)" in (REPOSITORY / "run.py").read_text(encoding="utf-8")
    allowed = SpecifierSet(PROJECT["requires-python"])
    assert [minor for minor in range(8, 15) if f"3.{minor}.5" in allowed] == [11]


def test_every_package_is_installed_and_the_gin_files_not_as_gin():
    folders = {
        ".".join(path.relative_to(REPOSITORY).parent.parts)
        for top in ("efficient_hrl", "environments")
        for path in REPOSITORY.glob(f"{top}/**/__init__.py")
    }
    assert {*SETUPTOOLS["packages"]} == folders | {"efficient_hrl.gin_files"}
    assert SETUPTOOLS["package-dir"] == {"efficient_hrl.gin_files": "gin"}


@pytest.mark.parametrize("package", SETUPTOOLS["packages"])
def test_every_file_of_a_package_is_installed(package):
    folder = REPOSITORY / SETUPTOOLS["package-dir"].get(package, package.replace(".", "/"))
    patterns = SETUPTOOLS["package-data"].get(package, [])
    installed = {path for pattern in ("*.py", *patterns) for path in folder.glob(pattern)}
    inner = [path.parent for path in folder.glob("*/__init__.py")]
    files = {path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    files = {path for path in files if not any(path.is_relative_to(other) for other in inner)}
    assert files and files - installed == set()
    assert all(any(folder.glob(pattern)) for pattern in patterns)


def test_the_command_is_there():
    ((name, target),) = PROJECT["scripts"].items()
    module, function = target.split(":")
    assert name == "efficient-hrl" and callable(getattr(importlib.import_module(module), function))
