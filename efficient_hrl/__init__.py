"""Goal-conditioned hierarchical reinforcement learning: HIRO and NORL on TensorFlow 2."""

import contextlib
import os

# Messages that importing TensorFlow and tf-agents' dependency gym would print, and
# that no user of this package can act on.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
with contextlib.suppress(ImportError):
    import gym_notices.notices

    gym_notices.notices.notices.clear()
