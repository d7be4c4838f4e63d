"""Pictures of the gather arena, drawn in a process of their own."""

import numpy as np
import pytest

from tests.environments.test_rendering import NO_OPENGL, drawn

NAMES = ("AntGather", "PointGather")
DRAW = f"""
import sys
import gymnasium, numpy as np
import environments
from environments.opengl import OpenGLError

pictures = {{}}
for name in {NAMES}:
    env = gymnasium.make(name + "-v0", render_mode="rgb_array")
    arena = env.unwrapped
    env.reset(seed=0)
    try:
        pictures[name + "/all"] = env.render()
    except OpenGLError as error:
        print(error)
        sys.exit({NO_OPENGL})
    objects = arena.data.xpos[arena.maze.object_ids].copy()
    for kind, gone in (("apples", slice(8, 16)), ("bombs", slice(8))):
        some = objects.copy()
        some[gone, 2] = -3
        arena.place_objects(some)
        pictures[name + "/" + kind] = env.render()
    # The apple beside the robot is taken.
    objects[0, :2] = arena.data.qpos[:2] + (0.5, 0.7)
    objects[1:, 2] = -3
    arena.place_objects(objects)
    pictures[name + "/before"] = env.render()
    env.step(np.zeros_like(env.action_space.low))
    pictures[name + "/after"] = env.render()
    env.close()
np.savez(sys.argv[1], **pictures)
"""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    arrays = drawn(DRAW, tmp_path_factory.mktemp("pictures"))
    return {key: array.astype(int) for key, array in arrays.items()}


def pixels(picture):
    """How many are of an apple's, and how many of a bomb's colour."""
    red, green, blue = np.moveaxis(picture, -1, 0)
    return ((green - np.maximum(red, blue)) > 60).sum(), ((red - np.maximum(green, blue)) > 60).sum()


@pytest.mark.parametrize("name", NAMES)
def test_apples_are_green_and_bombs_red(pictures, name):
    apples, bombs = pixels(pictures[f"{name}/all"])
    assert apples > 300 and bombs > 300  # eight discs each
    more, none = pixels(pictures[f"{name}/apples"])
    assert none == 0 and more == pytest.approx(apples, rel=0.1)
    none, more = pixels(pictures[f"{name}/bombs"])
    assert none == 0 and more == pytest.approx(bombs, rel=0.1)


@pytest.mark.parametrize("name", NAMES)
def test_what_was_taken_is_seen_no_more(pictures, name):
    assert pixels(pictures[f"{name}/before"])[0] > 30
    assert pixels(pictures[f"{name}/after"]) == (0, 0)


@pytest.mark.parametrize("name", NAMES)
def test_all_of_the_arena_is_seen(pictures, name):
    picture = pictures[f"{name}/all"]
    red, green, blue = np.moveaxis(picture, -1, 0)
    is_wall = (np.abs(red - green) < 3) & (np.abs(blue - green) < 3)
    assert 0.02 < is_wall.mean() < 0.5
    for edge in (is_wall[0], is_wall[-1], is_wall[:, 0], is_wall[:, -1]):
        assert not edge.any()
