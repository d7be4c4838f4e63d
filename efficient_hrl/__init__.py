"""Goal-conditioned hierarchical reinforcement learning: HIRO and NORL on TensorFlow 2."""

import contextlib
import os
import warnings

# Messages of TensorFlow, tf-agents and its dependency gym that no user of this package
# can act on.
warnings.filterwarnings("ignore", '"is not" with a literal', SyntaxWarning)
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
with contextlib.suppress(ImportError):
    import gym_notices.notices

    gym_notices.notices.notices.clear()
