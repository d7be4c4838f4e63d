"""A walk in the plane whose own code fails where the variable FAULT says so; it can be drawn."""

import os

import gymnasium
import numpy as np

from tests.environments.walk import TIME_LIMIT, WalkEnv

FAULT = "FAULT"  # a name below; what steps do wrong, they do from the third on
SIDES = (48, 64)  # height, width


class FaultyEnv(WalkEnv):
    """`WalkEnv` with faults."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}
    steps = 0

    def reset(self, *, seed=None, options=None):
        if os.environ.get(FAULT) == "reset":
            raise KeyError("no start\nat all")
        return super().reset(seed=seed, options=options)

    def step(self, action):
        self.steps += 1
        fault = os.environ.get(FAULT) if self.steps > 3 else None
        if fault == "step":
            self.steps //= 0
        observation, _, *ends = super().step(action)
        if fault == "length":
            observation = observation[:1]
        if fault in ("terminated", "truncated"):
            ends[fault == "truncated"] = None
        return observation, self.compute_reward(observation, fault), *ends

    def compute_reward(self, observation, fault):
        if fault == "nan":
            return float("nan")
        if fault == "none":
            return None
        return float(np.zeros(2)[7] if fault == "compute_reward" else observation[0])

    def close(self):
        if os.environ.get(FAULT) == "close":
            raise PermissionError("still needed")

    def render(self):
        if os.environ.get(FAULT) == "picture":
            raise OSError("no screen")
        picture = np.full((*SIDES, 3), 255, np.uint8)
        row, column = (int((1.5 + value) / 3 * side) for value, side in zip(self._xy[::-1], SIDES))
        picture[row % SIDES[0], column % SIDES[1]] = (200, 0, 0)
        return picture


gymnasium.register("Faulty-v0", entry_point=FaultyEnv, max_episode_steps=TIME_LIMIT)


class WideEnv(WalkEnv):
    """Spaces and observations that do not fit a hierarchy, by name."""

    def __init__(self, what="fits", render_mode=None):
        super().__init__()
        self._what = what
        box = gymnasium.spaces.Box
        self.action_space = {
            "whole": box(0, 5, (2,), np.int64),
            "empty": box(np.float32([-1, 2]), np.float32([1, 2])),
            "none": box(-1, 1, (0,), np.float32),
            "choices": gymnasium.spaces.MultiDiscrete([2, 3]),
        }.get(what, self.action_space)

    def reset(self, *, seed=None, options=None):
        observation, info = super().reset(seed=seed, options=options)
        return (np.append(observation, 0.0) if self._what == "reset" else observation), info

    def step(self, action):
        observation, reward, *others = super().step(action)
        if self._what == "unrewarded":
            reward = None
        if self._what == "breaks":
            raise ArithmeticError("not today")
        return (observation[:1] if self._what == "step" else observation), reward, *others

    def close(self):
        if self._what == "stays":
            raise PermissionError("still needed")


gymnasium.register("Wide-v0", entry_point=WideEnv)
