"""A run's record is enough to configure it again."""

import json
import pathlib

import gin
import pytest

from efficient_hrl.configuration.config import bindings, load_config, load_recorded_config
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


def test_modules_that_the_gin_files_import_are_imported(tmp_path, monkeypatch):
    (tmp_path / "my_own_rewards.py").write_text(
        "import gin\n\n\n@gin.configurable\ndef my_own_reward(scale=1.0):\n    return scale\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    folder = recorded(tmp_path / "run", {"my_own_reward.scale": "3.0"})
    (tmp_path / "run/operative_config.gin").write_text("import gin\nimport my_own_rewards\n\n# Macros:\n")
    load_recorded_config(folder, [])
    assert gin.query_parameter("my_own_reward.scale") == 3.0
