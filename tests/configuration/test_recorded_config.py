"""A run's record is enough to configure it again."""

import json
import pathlib

import gin
import pytest

from efficient_hrl.configuration.config import bindings, load_config, load_recorded_config
from efficient_hrl.errors import UsageError
from efficient_hrl.storage.run_folder import RunFolder

GIN = pathlib.Path(__file__).parents[2] / "gin"
PAIRS = [path for path in sorted(GIN.glob("*.gin")) if path.stem != "base"]


def recorded(root, config):
    root.mkdir()
    (root / "run.json").write_text(json.dumps({"seed": 0, "config": config}))
    return RunFolder(root)


@pytest.mark.parametrize("path", [*PAIRS, GIN / "examples/ant_v5.gin"], ids=lambda path: path.stem)
def test_a_record_gives_the_bindings_that_were_recorded(path, tmp_path):
    load_config([str(path)], ["train_uvf.batch_size = 7"])
    begun = bindings()
    gin.clear_config()
    load_recorded_config(recorded(tmp_path / "run", begun), [])
    assert bindings() == begun
    gin.clear_config()
    load_recorded_config(RunFolder(tmp_path / "run"), ["train_uvf.batch_size = 8"])
    assert bindings() == begun | {"train_uvf.batch_size": "8"}


def own_module(folder, name="my_own_rewards"):
    """A module that leaves a file when it is imported."""
    (folder / f"{name}.py").write_text(
        "import gin, pathlib\n\npathlib.Path(__file__).with_suffix('.ran').touch()\n\n\n"
        "@gin.configurable\ndef my_own_reward(scale=1.0):\n    return scale\n"
    )
    return folder / f"{name}.ran"


def test_modules_that_the_gin_files_import_are_imported_if_they_are_allowed(tmp_path, monkeypatch):
    ran = own_module(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    folder = recorded(tmp_path / "run", {"my_own_reward.scale": "3.0"})
    (tmp_path / "run/operative_config.gin").write_text("import gin\nimport my_own_rewards\n\n# Macros:\n")
    with pytest.raises(UsageError, match="my_own_rewards, which runs its code; allowed with --allow_import"):
        load_recorded_config(folder, [])
    assert not ran.exists()
    gin.clear_config()
    load_recorded_config(RunFolder(tmp_path / "run", allowed_imports=["my_own_rewards"]), [])
    assert gin.query_parameter("my_own_reward.scale") == 3.0
    assert ran.exists()


@pytest.mark.parametrize(
    "name, value",
    [
        ("create_gymnasium_env.env_id", "'evil_of_a_run:MyPt-v0'"),
        ("create_gymnasium_env.env_id", "'evil_' 'of_a_run:' 'MyPt-v0'"),
        ("create_gymnasium_env.env_id", r"'\x65vil_of_a_run:MyPt-v0'"),
        ("create_gymnasium_env.env_id", "'evil_of_a_run: MyPt-v0'"),
        ("create_gymnasium_env.env_id", "'evil_of_a_run:'"),
        ("create_gymnasium_env.env_id", "'evil_of_a_run :MyPt-v0'"),
        ("create_gymnasium_env.env_id", "'./evil_of_a_run:MyPt-v0'"),
        ("create_gymnasium_env.env_id", r"'evil_of_a_run:\nMyPt-v0'"),
        ("create_gymnasium_env.env_id", "'evil_of_a_run:a:b'"),
        ("SOME_MACRO", "'evil_of_a_run:MyPt-v0'"),
        ("other/create_gymnasium_env.env_kwargs", "{'env_id': ('evil_of_a_run:MyPt-v0',)}"),
        ("import evil_of_a_run\ntrain_uvf.batch_size", "7"),
        ("train_uvf.batch_size", "7\nimport evil_of_a_run"),
        ("train_uvf.batch_size", "7\ninclude 'evil.gin'"),
    ],
)
def test_a_record_from_somebody_else_runs_no_code(name, value, tmp_path, monkeypatch):
    ran = own_module(tmp_path, "evil_of_a_run")
    (tmp_path / "evil.gin").write_text("import evil_of_a_run\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    folder = recorded(tmp_path / "run", {name: value})
    with pytest.raises(UsageError, match="evil_of_a_run|not one binding"):
        load_recorded_config(folder, [])
    assert not ran.exists()


@pytest.mark.parametrize(
    "config",
    [
        {
            "create_gymnasium_env.env_id": "(",
            "'x')\nimport evil_of_a_run\ncreate_gymnasium_env.append_time": "True",
        },
        {
            "create_gymnasium_env.env_id": "(",
            "'x')\ninclude 'evil.gin'\ncreate_gymnasium_env.append_time": "True",
        },
        {"create_gymnasium_env.env_id": "'x' \\", "import evil_of_a_run": ""},
        {"train_uvf.batch_size": "(7"},
    ],
)
def test_bindings_that_are_none_alone_are_refused(config, tmp_path, monkeypatch):
    ran = own_module(tmp_path, "evil_of_a_run")
    (tmp_path / "evil.gin").write_text("import evil_of_a_run\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UsageError, match="is not one binding; allowed: name = value$") as told:
        load_recorded_config(recorded(tmp_path / "run", config), [])
    assert "\n" not in str(told.value)
    assert not ran.exists()


@pytest.mark.parametrize(
    "name, value",
    [
        ("evaluate.success_fn", "@SavedModelPyTFEagerPolicy()"),
        ("evaluate.success_fn", "@a/b/py_tf_eager_policy.SavedModelPyTFEagerPolicy"),
        ("SOME_MACRO", "[1, {'a': @SavedModelPyTFEagerPolicy()}]"),
        ("SavedModelPyTFEagerPolicy.model_path", "'runs/dl/model'"),
    ],
)
def test_a_record_names_nothing_that_another_library_has_registered(name, value, tmp_path):
    from tf_agents.policies import py_tf_eager_policy  # noqa: F401  (registers it)

    with pytest.raises(UsageError, match="SavedModelPyTFEagerPolicy, which is no part of this program"):
        load_recorded_config(recorded(tmp_path / "run", {name: value}), [])
