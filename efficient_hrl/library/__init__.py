"""What the command line does, for notebooks and programs: docs/library.md.

These names, and what they take and give, stay; everything else of the package may change.

May import: checks, comparison, configuration, environments, errors, eval, evaluation, figures,
graph, modes, run, storage, train, video.
"""

import logging

import matplotlib

from efficient_hrl.video.headless import choose_opengl

choose_opengl()  # before MuJoCo is imported
_backend = matplotlib.get_backend(auto_select=False)

from efficient_hrl.configuration.shipped import shipped_names as gin_names  # noqa: E402
from efficient_hrl.errors import RunError, UsageError  # noqa: E402
from efficient_hrl.library.experiment import Experiment, build  # noqa: E402
from efficient_hrl.library.loaded import Run, load  # noqa: E402
from efficient_hrl.library.policy import Policy  # noqa: E402

if _backend is not None:
    matplotlib.use(_backend)  # the notebook's own, which the modules that draw files have replaced

# Each evaluator has a graph of its own; TensorFlow takes them for one function traced again and again.
logging.getLogger("tensorflow").addFilter(
    lambda record: "retracing" not in record.getMessage() or "efficient_hrl" not in record.getMessage()
)

__all__ = ["Experiment", "Policy", "Run", "RunError", "UsageError", "build", "gin_names", "load"]
