"""AntMaze with steps that take 20 ms longer, as those of a robot or a simulator elsewhere: no core is busy.

Its id is `benchmarks.slow_environment:SlowAntMaze-v0`.
"""

import time
from typing import Any

import gymnasium

STEP_SECONDS = 0.02


class SlowStep(gymnasium.Wrapper):
    """Waits in every step."""

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """As the environment's, `STEP_SECONDS` later."""
        time.sleep(STEP_SECONDS)
        return self.env.step(action)


def make(**kwargs: Any) -> gymnasium.Env:
    """AntMaze with its 500 steps; `kwargs` are its own."""
    return SlowStep(gymnasium.make("AntMaze-v0", **kwargs))


gymnasium.register("SlowAntMaze-v0", entry_point=make)
