"""Episodes as long as `gymnasium.make` was told."""

import gymnasium
from gymnasium.envs.registration import WrapperSpec
from gymnasium.utils import RecordConstructorArgs
from gymnasium.wrappers import TimeLimit

FOLLOW_TIME_LIMIT = WrapperSpec("FollowTimeLimit", "environments.episode_length:FollowTimeLimit", {})


class FollowTimeLimit(gymnasium.Wrapper, RecordConstructorArgs):
    """Makes a maze end its episodes when gymnasium's own time limit does.

    A maze truncates by itself, for those who use it without gymnasium's wrappers; with
    `gymnasium.make(..., max_episode_steps=1000)` it would do so too early.
    """

    def __init__(self, env: gymnasium.Env):
        """Wraps a maze that may be in a `TimeLimit`; without one its episodes have no end."""
        RecordConstructorArgs.__init__(self)
        gymnasium.Wrapper.__init__(self, env)
        limit, inner = None, env
        while isinstance(inner, gymnasium.Wrapper):
            if isinstance(inner, TimeLimit):
                limit = inner._max_episode_steps
            inner = inner.env
        inner.episode_steps = limit
