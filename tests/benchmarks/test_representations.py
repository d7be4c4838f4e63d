import csv
import pathlib

import numpy as np
import pytest

from benchmarks import representations

pytestmark = pytest.mark.ci  # seconds to minutes each

SMALL = [
    "--episodes=3",
    "--held_out=2",
    "--updates=3",
    "--gin_bindings=encoder_net.hidden_layers = (8,)",
    "--gin_bindings=decoder_net.hidden_layers = (8,)",
    "--gin_bindings=train_uvf.batch_size = 8",
]


@pytest.fixture(autouse=True)
def in_the_repository(monkeypatch, clean_gin):
    monkeypatch.chdir(pathlib.Path(__file__).parents[2])


def test_the_true_position_is_read_exactly_and_a_learned_one_is_learned(tmp_path):
    arguments = ["--task=point_maze", "--methods=xy,vae", f"--out={tmp_path}", *SMALL]
    assert representations.main(["representations", *arguments]) == 0
    xy, vae = csv.DictReader((tmp_path / "point_maze_seed0.csv").read_text().splitlines())
    assert (xy["method"], vae["method"]) == ("xy", "vae")
    np.testing.assert_allclose([float(xy["readout_r2_x"]), float(xy["readout_r2_y"])], 1.0, atol=1e-3)
    assert float(xy["rank_correlation"]) > 0.9 and 0.85 < float(xy["rank_correlation_at_rest"]) < 0.99
    assert np.isfinite([float(vae["loss"]), float(vae["bound_nats"])]).all()
    assert float(vae["readout_r2_x"]) < 0.99
    assert (tmp_path / "point_maze_seed0.png").stat().st_size > 20_000


@pytest.mark.parametrize("heading, r2", [("as_is", 1.0), ("wrapped", 1.0), ("hidden", np.nan)])
def test_a_heading_is_read_from_whole_observations_unless_it_is_hidden(tmp_path, monkeypatch, heading, r2):
    learned_from = []
    learn = representations._learn
    monkeypatch.setattr(
        representations, "_learn", lambda *args: learned_from.append(args[2].states) or learn(*args)
    )
    arguments = ["--task=point_maze", "--methods=whole_obs", f"--heading={heading}", f"--out={tmp_path}"]
    assert representations.main(["representations", *arguments, *SMALL]) == 0
    (table,) = tmp_path.glob("*.csv")
    assert table.stem == ("point_maze_seed0" if heading == "as_is" else f"point_maze_{heading}_heading_seed0")
    (row,) = csv.DictReader(table.read_text().splitlines())
    np.testing.assert_allclose(float(row["readout_r2_heading"]), r2, atol=1e-3)
    largest = np.abs(learned_from[0][..., 2]).max()
    assert {"as_is": largest > np.pi, "wrapped": 1.0 < largest <= np.pi, "hidden": largest == 0.0}[heading]


def test_only_the_heading_changes_and_a_turn_more_is_not_seen():
    states = np.random.default_rng(0).normal(size=[4, 5, 7]) * 9.0
    wrapped, hidden = (representations._seen(states, how) for how in ("wrapped", "hidden"))
    others = [0, 1, 3, 4, 5, 6]
    np.testing.assert_array_equal(wrapped[..., others], states[..., others])
    np.testing.assert_array_equal(hidden[..., others], states[..., others])
    turns = (wrapped - states)[..., 2] / (2.0 * np.pi)
    np.testing.assert_allclose(turns, np.round(turns), atol=1e-12)
    assert np.abs(wrapped[..., 2]).max() <= np.pi and not hidden[..., 2].any()


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--task=moon"], "there is no gin/xy_moon.gin"),
        (["--task=point_maze", "--methods=e2e"], "trained by the high level of a run"),
        (["--task=ant_push", "--methods=norl"], "AntPush has blocks or a chasm"),
        (["--methods=xy"], "--task=, --methods=xy; needed: both"),
        (["--task=point_maze", "--methods="], "--methods=; needed: both"),
        (
            ["--task=ant_maze", "--heading=hidden"],
            "--heading=hidden with --task=ant_maze; allowed for an ant: as_is",
        ),
    ],
)
def test_what_the_user_can_mend_is_one_line(arguments, message, tmp_path, capsys):
    assert representations.main(["representations", *arguments, f"--out={tmp_path}", *SMALL[:3]]) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("benchmarks.")]
    assert message in line
    assert not list(tmp_path.iterdir())
