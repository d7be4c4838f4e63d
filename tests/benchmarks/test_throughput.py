import pathlib
import re

from benchmarks import throughput

GIN = pathlib.Path(__file__).parents[2] / "gin"


def test_prints_shares_and_ends_with_the_rate(capsys):
    arguments = (
        f"--gin_file={GIN / 'hiro_xy_point_maze.gin'}",
        "--gin_bindings=train_uvf.initial_episodes=1",
        "--gin_bindings=evaluate.num_episodes_eval=1",
        "--gin_bindings=agent/CircularBuffer.buffer_size=2000",
        "--gin_bindings=meta/CircularBuffer.buffer_size=200",
        "--steps=25",
    )
    assert throughput.main(["throughput", *arguments]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "GFLOP/s" in lines[0] and "raw physics" in lines[1]
    assert lines[2].startswith("30 environment steps in")
    shares = [float(re.search(r"([\d.]+) ms", line).group(1)) for line in lines[3:5]]
    rate = float(re.fullmatch(r"steps_per_s=([\d.]+)", lines[-1]).group(1))
    assert abs(1e3 / rate - sum(shares)) < 0.05


def test_what_a_user_can_mend_is_one_line(capsys):
    assert throughput.main(["throughput", "--gin_file=gin/nowhere.gin"]) == 2
    assert throughput.main(["throughput", "--steps=0"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2 and "nowhere.gin: no such file" in lines[0] and "steps" in lines[1]
