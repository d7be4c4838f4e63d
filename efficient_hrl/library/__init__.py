"""What the command line does, for notebooks and programs: docs/library.md.

These names, and what they take and give, stay; everything else of the package may change.

May import: configuration, environments, errors, eval, evaluation, figures, graph, modes, run,
storage, terminal, train, video.
"""

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

__all__ = ["Experiment", "Policy", "Run", "RunError", "UsageError", "build", "gin_names", "load"]
