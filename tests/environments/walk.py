"""A small environment from elsewhere: a walk in the plane that ends on the right-hand side."""

import gymnasium
import numpy as np

EDGE = 1.0
TIME_LIMIT = 25


class WalkEnv(gymnasium.Env):
    """State x, y; action a step of up to 0.2 each; terminates where x > 1; draws its start."""

    def __init__(self, is_dict=False, render_mode=None):
        self.render_mode = render_mode
        self._is_dict = is_dict
        box = gymnasium.spaces.Box(-np.inf, np.inf, (2,), np.float64)
        clock = gymnasium.spaces.Box(0, 100, (1,), np.float64)
        self.observation_space = gymnasium.spaces.Dict(walker=box, clock=clock) if is_dict else box
        self.action_space = gymnasium.spaces.Box(-0.2, 0.2, (2,), np.float64)
        self.contexts = []

    def _observe(self):
        return {"walker": self._xy.copy(), "clock": np.array([self._t])} if self._is_dict else self._xy.copy()

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self._xy, self._t = self.np_random.uniform(-0.5, 0.5, 2), 0.0
        return self._observe(), {}

    def step(self, action):
        assert self.action_space.contains(action)
        self._xy += action
        action[:] = 99.0  # as some environments do
        self._t += 1
        return self._observe(), float(self._xy[1]), bool(self._xy[0] > EDGE), False, {}

    def set_context(self, target):
        self.contexts.append(np.array(target))


gymnasium.register("Walk-v0", entry_point=WalkEnv, max_episode_steps=TIME_LIMIT)
gymnasium.register("DictWalk-v0", entry_point=WalkEnv, kwargs={"is_dict": True})
gymnasium.register("Discrete-v0", entry_point="gymnasium.envs.classic_control:CartPoleEnv")
