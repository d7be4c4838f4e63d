"""`python run.py --mode=report`, and its pages as a browser shows them."""

import json
import re

import gin
import numpy as np
import pytest
from matplotlib import image as mpl_image

from efficient_hrl.commands import main
from efficient_hrl.comparison.run_summary import read_run
from efficient_hrl.report.build import report_run
from tests.commands.test_wrong_inputs import snapshot
from tests.report.chromium import looked_at
from tests.runs_on_disk import ANT_PUSH, write_run

WIDTHS = {"desktop": 1280, "telephone": 390}


def call(*arguments):
    gin.clear_config()
    return main.main(["run.py", *arguments])


def picture(path, width=900, height=300):
    path.parent.mkdir(exist_ok=True)
    mpl_image.imsave(path, np.full([height, width, 3], 128, np.uint8))


@pytest.fixture
def run_root(tmp_path):
    """A run with pictures, a video, numbers, and everything that might break a page in its record."""
    root = write_run(tmp_path / "my_run", seed=3, success={50: [0, 0, 0], 100: [1, 0.5, 0.02]})
    record = json.loads((root / "run.json").read_text())
    record |= {
        "command": "python run.py --gin_file='<b>a & b</b>' " + "long" * 60,
        "started": "2026-11-22T10:00:00+0000",
        "machine": "Linux x86_64, 2 CPUs",
        "python": "3.11.7",
        "packages": {"tensorflow": "2.15.1", "mujoco": "4.0.0"},
        "continued": [{"env_steps": 70, "started": "2026-11-23T10:00:00+0000", "changed": ["x 1 -> 2"]}],
    }
    (root / "run.json").write_text(json.dumps(record))
    (root / "operative_config.gin").write_text("# <i>config</i>\ntrain_uvf.batch_size = 100\n")
    (root / "metrics.csv").write_text(
        "env_steps,episodes,wall_s,steps_per_s,high_episode_return\n50,1,10,5,-1\n100,2,7384,7,-1\n"
    )
    for name in ("success_curve", "visits", "representation_grid", "of_my_own"):
        picture(root / "plots" / f"{name}.png")
    (root / "plots/representation_numbers.csv").write_text("env_steps,readout_r2_x\n100,0.75\n")
    (root / "videos").mkdir()
    (root / "videos/eval1.mp4").write_bytes(b"not really a video")
    picture(root / "videos/eval1_strip.png")
    return root


def test_a_page_tells_what_was_run_and_what_came_of_it(run_root):
    page = run_root / "report.html"
    report_run(read_run(run_root), page)
    text = page.read_text(encoding="utf-8")
    for words in (
        "1.00",
        "0.93 to 1.00 over 50 episodes",
        "0.99 ± 0.01 (HIRO)",
        "Published: HIRO, Table 1: best policy within 10 million steps",
        "nearer than 5 m to the target at the last step of a noise-free episode, the protocol of HIRO",
        "(0, 16)",
        "2 h 03 min",
        "gin/hiro_ant_maze.gin",
        "tensorflow 2.15.1, mujoco 4.0.0",
        "at 70 steps on 2026-11-23T10:00:00+0000 (x 1 -&gt; 2)",
        "# &lt;i&gt;config&lt;/i&gt;",
        "&lt;b&gt;a &amp; b&lt;/b&gt;",
        "readout R² x",
        "of_my_own.png",
    ):
        assert words in text, words
    assert "<b>a & b</b>" not in text and "<i>config</i>" not in text
    assert text.count("data:image/png;base64,") == 5 and text.count("data:video/mp4;base64,") == 1
    assert not re.findall(r"(?:src|href)=\"(?!data:|#)", text)  # nothing from elsewhere
    assert "url(" not in text and "@import" not in text and "<script" not in text


def test_pictures_and_videos_may_have_names_that_are_no_text(run_root):
    picture(run_root / "plots" / "mine\udcff.png")
    (run_root / "videos" / "own\udcff.mp4").write_bytes(b"not really a video")
    page = run_root / "report.html"
    report_run(read_run(run_root), page)
    text = page.read_text(encoding="utf-8")
    assert r"mine\xff.png" in text and r"own\xff" in text


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
def test_a_page_fits_its_window_and_follows_the_colours_asked_for(run_root, tmp_path, width, dark):
    page = run_root / "report.html"
    report_run(read_run(run_root), page)
    seen = looked_at(page, width, tmp_path, dark)
    assert seen["scrollWidth"] <= seen["width"] <= width and not seen["tooWide"]
    assert seen["images"] == 4 and seen["broken"] == 0
    assert seen["requests"] == [] and seen["lostLinks"] == 0
    assert seen["headings"] == [
        "my_run",
        "Results",
        "Videos",
        "Learning",
        "Exploration and goals",
        "Goal space",
        "More pictures",
        "What was run",
    ]
    brightness = lambda colour: sum(map(int, re.findall(r"\d+", colour)[:3])) / 3
    assert (brightness(seen["background"]) < 60) == dark
    assert abs(brightness(seen["background"]) - brightness(seen["ink"])) > 150


def test_several_runs_are_one_page(tmp_path, capfd):
    for seed, rates in ((0, [1, 0.2, 0]), (1, [0.5, 0.4, 0])):
        write_run(tmp_path / "runs" / f"hiro_{seed}", seed=seed, success={50: [0, 0, 0], 100: rates})
    write_run(tmp_path / "runs" / "norl", gin_file="gin/norl_ant_maze.gin")
    assert call("--mode=report", f"--root_dir={tmp_path / 'runs'}", "--statistic=mean") == 0
    page = tmp_path / "runs" / "report.html"
    assert f"wrote {page}" in capfd.readouterr().out.replace("\n", " ")
    seen = looked_at(page, 390, tmp_path)
    assert seen["scrollWidth"] <= seen["width"] and not seen["tooWide"]
    assert seen["headings"] == ["ant_maze", "Results", "Comparison", "Runs"]
    assert seen["images"] == 4 and seen["broken"] == 0 and seen["requests"] == []
    assert seen["lostLinks"] == 0
    rows = re.findall(r'<th scope="row">(.*?)</tr>', page.read_text(encoding="utf-8"), re.DOTALL)
    cells = [re.sub(r"<[^>]*>|\s+", " ", row).split() for row in rows]
    hiro, norl, published = cells[:3]
    # Means 0.75 and 0.3 with standard errors 0.25 and 0.1; over targets 0.4 and 0.3.
    assert hiro[:3] == ["hiro_ant_maze", "2", "100"]
    assert " ".join(hiro[3:]) == ("0.75 0.50 to 1.00 0.30 0.20 to 0.40 0.00 0.00 to 0.00 0.35 0.30 to 0.40")
    assert norl[:3] == ["norl_ant_maze", "1", "100"] and "interval" in norl
    assert " ".join(published) == "published: HIRO 10 up to 10,000,000 0.99 ± 0.01"


def test_published_numbers_stand_only_beside_the_same_protocol(tmp_path):
    own = {"evaluate.success_distance": "20.0"}
    write_run(tmp_path / "far", bindings=own)
    write_run(tmp_path / "norl", gin_file="gin/norl_ant_maze.gin")
    texts = {}
    for name in ("far", "norl"):
        report_run(read_run(tmp_path / name), tmp_path / "a.html")
        texts[name] = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "0.99" not in texts["far"] and "nearer than 20 m" in texts["far"]
    assert "protocol of HIRO" not in texts["far"]
    assert "0.99 ± 0.01 (HIRO, another method)" in texts["norl"]


def test_runs_of_different_lengths_are_compared_at_a_common_step(tmp_path):
    write_run(tmp_path / "runs/hiro", success={50: [0.25, 0, 0], 100: [1, 1, 1]})
    write_run(tmp_path / "runs/norl", gin_file="gin/norl_ant_maze.gin", success={50: [0.75, 0, 0]})
    assert call("--mode=report", f"--root_dir={tmp_path / 'runs'}") == 0
    text = (tmp_path / "runs/report.html").read_text(encoding="utf-8")
    table = text[: text.index("published: HIRO")]
    assert "0.25" in table and "0.75" in table and "<b>1.00</b>" not in table
    assert "at the last evaluation that all runs have" in text


def test_what_is_later_than_until_is_left_out(tmp_path):
    for seed in (0, 1):
        write_run(tmp_path / f"runs/seed{seed}", seed=seed, success={50: [0.25, 0, 0], 100: [1, 1, 1]})
    assert call("--mode=report", f"--root_dir={tmp_path / 'runs'}", "--until=60") == 0
    text = (tmp_path / "runs/report.html").read_text(encoding="utf-8")
    assert text.count("Newest evaluation at 50 environment steps") == 2 and "<b>1.00</b>" not in text


def test_one_target_has_no_column_for_all(tmp_path):
    for seed in (0, 1):
        write_run(
            tmp_path / f"runs/{seed}",
            seed=seed,
            gin_file="gin/hiro_ant_push.gin",
            env="AntPush",
            targets=ANT_PUSH,
            success={50: [0.5]},
        )
    assert call("--mode=report", f"--root_dir={tmp_path / 'runs'}") == 0
    text = (tmp_path / "runs/report.html").read_text(encoding="utf-8")
    assert "eval2 (0, 19)" in text and "0.92" in text and "all targets" not in text


def test_a_page_goes_where_it_is_told(tmp_path):
    for seed in (0, 1):
        write_run(tmp_path / "runs" / f"seed{seed}", seed=seed)
    out = tmp_path / "elsewhere"
    assert call("--mode=report", f"--root_dir={tmp_path / 'runs'}", f"--out_dir={out}") == 0
    assert (out / "report.html").is_file() and (out / "ant_maze/comparison_success.png").is_file()
    assert not (tmp_path / "runs/report.html").exists()


def test_a_page_goes_into_the_one_folder_that_is_named(tmp_path, capfd):
    below = tmp_path / "some" / "folder"
    for seed in (0, 1):
        write_run(below / "hiro" / f"seed{seed}", seed=seed)
    unrecorded = write_run(tmp_path / "kept", record=False)
    for named in (below, unrecorded):
        assert call("--mode=report", f"--root_dir={named}") == 0
        assert f"wrote {named / 'report.html'}" in capfd.readouterr().out
        assert [*named.glob("plots/*/comparison_success.png")]
    written = {path.parent for path in tmp_path.rglob("report.html")}
    assert written == {below, unrecorded}


def test_folders_around_it_may_have_names_that_are_no_text(tmp_path, monkeypatch, capfd):
    for seed in (0, 1):
        write_run(tmp_path / "h\udcff" / f"seed{seed}", seed=seed)
    monkeypatch.chdir(tmp_path / "h\udcff" / "seed0")
    assert call("--mode=plot", "--root_dir=..", "--group_by=folder") == 0
    assert call("--mode=report", "--root_dir=..", "--group_by=folder") == 0
    page = (tmp_path / "h\udcff" / "report.html").read_text(encoding="utf-8")
    assert r"<title>h\xff" in page and r"h\xff/seed0" in page


def test_a_named_folder_that_cannot_be_written_to_is_refused(tmp_path, capfd):
    write_run(tmp_path / "locked" / "run")
    (tmp_path / "locked").chmod(0o555)
    assert call("--mode=report", f"--root_dir={tmp_path / 'locked'}") == 2
    assert "locked/plots: not a folder that can be written to" in capfd.readouterr().err
    assert call("--mode=report", f"--root_dir={tmp_path / 'locked'}", f"--out_dir={tmp_path / 'b'}") == 0


def test_what_cannot_be_reported_is_one_line(tmp_path, capfd):
    a, b, c, d, e = (write_run(tmp_path / name, seed=seed) for seed, name in enumerate("abcde"))
    (b / "eval.csv").write_text("mine\n1\n")
    (c / "operative_config.gin").write_bytes(b"\xff\xfe")
    (d / "metrics.csv").write_text("env_steps,steps_per_s,high_episode_return\n10,x,-1\n")
    record = json.loads((e / "run.json").read_text())
    (e / "run.json").write_text(json.dumps(record | {"packages": 5}))
    before = snapshot(tmp_path)
    one = f"--root_dir={a}"
    for arguments, message in (
        ([], "--mode=report needs --root_dir=PATH"),
        ([f"--root_dir={tmp_path / 'none'}"], "none"),
        ([one, f"--root_dir={b}"], "b/eval.csv: not as this program writes it"),
        ([one, f"--root_dir={c}"], "c/operative_config.gin: not as this program writes it"),
        (
            [one, f"--root_dir={d}"],
            "d/metrics.csv: .*: line 2: steps_per_s = 'x'; allowed: a finite number from 0",
        ),
        ([one, f"--root_dir={e}"], "e.*: not "),
        ([one, f"--out_dir={tmp_path}"], "--out_dir=.*only for"),
    ):
        capfd.readouterr()
        assert call("--mode=report", *arguments) == 2
        out, err = capfd.readouterr()
        assert out == "" and len(err.splitlines()) == 1 and re.search(message, err), err
    assert snapshot(tmp_path) == before
