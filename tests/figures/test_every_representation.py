"""Figures of every kind of representation: from runs of a few hundred steps, and with blocks."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from efficient_hrl.evaluation.trajectories import Trajectory
from efficient_hrl.figures import embedding, position_sensitivity
from efficient_hrl.figures.run_figures import draw_representation
from efficient_hrl.figures.sensitivity import movables, position_jacobian, sensitivity
from efficient_hrl.figures.subject import Subject, as_numpy
from efficient_hrl.representations.autoencoder import DecoderNetwork, EncoderNetwork
from efficient_hrl.representations.vae import VariationalAutoencoder
from environments.batched import BatchedMazeEnvironment
from environments.create_maze_env import create_maze_env
from tests.commands.test_wrong_inputs import REPOSITORY, RUN
from tests.figures.capture import captured
from tests.figures.test_plot_mode import call, table
from tests.figures.test_sensitivity import learned

pytestmark = pytest.mark.ci  # seconds to minutes each

FIGURES = ("trajectories", "grid")
STEPS = 6


def pair_of(columns, own, *names):
    """Two columns in the rows `own`, [n, 2]."""
    return np.stack([columns[name][own] for name in names], -1)


@pytest.mark.parametrize(
    "run, size, others",
    [
        ("e2e_point_maze", 2, {"goals.png", "relabelling.png", "sensitivity.png"}),
        ("e2c_point_maze_img", 2, {"goals.png", "relabelling.png", "sensitivity.png"}),
        ("whole_obs_point_maze_img", 79, {"goals.png", "relabelling.png", "sensitivity.png"}),
        ("td3_point_maze", 7, set()),  # f is the whole state, which changes as much per metre everywhere
    ],
)
def test_a_run_shows_all_that_it_has(run, size, others, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(REPOSITORY)
    root = tmp_path / run
    bindings = (*RUN, "train_uvf.log_every_n_steps = 100")
    flags = [f"--gin_file=gin/{run}.gin", f"--root_dir={root}"]
    assert call(*flags, *(f"--gin_bindings={binding}" for binding in bindings)) == 0
    capfd.readouterr()
    assert call("--mode=plot", f"--root_dir={root}") == 0
    plots = root / "plots"
    drawn = {path.name for path in plots.glob("*.png")}
    always = {"learning_curve.png", "success_curve.png", "visits.png"}
    always |= {f"representation_{name}.png" for name in FIGURES}
    assert drawn == always | {"sensitivity_shifted.png"} | others
    assert (plots / "sensitivity.csv").exists()
    for name in FIGURES:
        columns = table(plots / f"representation_{name}.csv")
        numbers = [column for column in columns if column[0] == "f" and column[1:].isdigit()]
        assert len(numbers) == size
        assert ("pc1" in columns) == (size > 2)
        assert np.isfinite([columns[column] for column in numbers]).all()
    assert "no figure of the representation's bound" in capfd.readouterr().out


def trajectories(maze, has_position_targets):
    """Two episodes of random actions, as evaluation records them."""
    env = BatchedMazeEnvironment(maze, 2, seed=0)
    rng = np.random.default_rng(0)
    states, simulations = [env.reset().observation], [env.simulation]
    for _ in range(STEPS):
        actions = rng.uniform(maze.action_low, maze.action_high, [2, len(maze.action_low)])
        states.append(env.step(actions.astype(np.float32)).observation)
        simulations.append(env.simulation)
    whole = type(simulations[0])(*(np.stack(parts) for parts in zip(*simulations)))
    nothing = np.zeros(STEPS, np.float32)
    return {
        f"eval{number + 1}": [
            Trajectory(
                target=f"eval{number + 1}",
                target_value=np.array([8.0, 8.0 * number] if has_position_targets else [0.5]),
                states=np.stack(states)[:, number],
                actions=np.zeros([STEPS, len(maze.action_low)], np.float32),
                goals=np.zeros([STEPS, 2], np.float32),
                clocks=np.arange(STEPS, dtype=np.int32),
                low_rewards=nothing,
                high_rewards=nothing,
                simulation=type(whole)(*(part[:, number] for part in whole)),
            )
        ]
        for number in range(2)
    }


def vae(maze):
    """f of a VAE whose weights are those of its beginning."""
    tf.keras.utils.set_random_seed(3)
    return VariationalAutoencoder(
        tf.TensorSpec([maze.observation_size], tf.float32),
        None,
        10,
        encoder_net=lambda *args, **kwargs: EncoderNetwork(*args, hidden_layers=(8,), **kwargs),
        decoder_net=lambda *args, **kwargs: DecoderNetwork(*args, hidden_layers=(8,), **kwargs),
    )


@pytest.mark.parametrize(
    "task, view, make, has_position_targets",
    [
        ("AntBlockMaze", False, lambda maze: learned(maze.observation_size), True),
        ("AntFall", True, lambda maze: learned(maze.observation_size, images=True), True),
        ("PointPush", False, vae, False),
        ("PointMaze", False, vae, False),
    ],
)
def test_robot_and_blocks_are_drawn_and_the_tables_say_the_same(
    task, view, make, has_position_targets, tmp_path, monkeypatch
):
    maze = create_maze_env(task, top_down_view=view).maze
    f = as_numpy(make(maze))
    episodes = trajectories(maze, has_position_targets)
    figures = captured(monkeypatch, embedding, position_sensitivity)
    said = []
    subject = Subject(task, 1_000, f, maze, episodes, has_position_targets)
    written = {path.name for path in draw_representation(subject, tmp_path, said.append)}
    assert not said and {f"representation_{name}.csv" for name in FIGURES} <= written

    columns = table(tmp_path / "representation_trajectories.csv")
    axes = figures["representation_trajectories.png"].axes
    for number, (target, (episode,)) in enumerate(episodes.items()):
        pair = functools.partial(pair_of, columns, columns["target"] == target)
        np.testing.assert_allclose(pair("f0", "f1"), f(episode.states), rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(pair("x", "y"), episode.xy, atol=1e-4)
        true, embedded = axes[2 * number : 2 * number + 2]
        blocks = [line.get_xydata() for line in true.lines if line.get_label() == "block"]
        assert len(blocks) == len(maze.block_ids)
        for drawn, path in zip(blocks, episode.blocks_xy(maze)):
            np.testing.assert_allclose(drawn, path, atol=1e-6)
            np.testing.assert_allclose(pair("block_x", "block_y"), path, atol=1e-4)
        stars = [line.get_xydata().tolist() for line in true.lines if line.get_label() == "target"]
        assert stars == ([[[8.0, 8.0 * number]]] if has_position_targets else [])
        place = f" (8, {8 * number})" if has_position_targets else ""
        assert embedded.get_title() == f"embedding, towards {target}{place}"

    first, things = episodes["eval1"][0], movables(maze)
    assert len(things) == 1 + len(maze.block_ids)
    norms = table(tmp_path / "sensitivity.csv")
    axis = figures["sensitivity.png"].axes[0]
    assert len(axis.lines) == len(norms) - 2 == len(things)
    for line, name, thing in zip(axis.lines, list(norms)[2:], things):
        assert name == "_".join(thing.label.replace(",", "").split())
        expected = sensitivity(position_jacobian(f, maze, first.simulation, thing))
        np.testing.assert_allclose(line.get_ydata(), expected, rtol=1e-5)
        np.testing.assert_allclose(norms[name][: STEPS + 1], expected, rtol=1e-4, atol=1e-6)
    moved = table(tmp_path / "sensitivity_shifted.csv")
    assert set(moved["moved"]) == {thing.name for thing in things}
