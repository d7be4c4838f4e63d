import base64

import numpy as np
import pytest
from matplotlib import image as mpl_image

from efficient_hrl.report.embedded import data_address, image, videos


def picture(path, width=31, height=17):
    mpl_image.imsave(path, np.zeros([height, width, 3], np.uint8))
    return path


def test_a_picture_keeps_its_bytes_and_size(tmp_path):
    path = picture(tmp_path / "a.png")
    shown = image(path)
    assert (shown.width, shown.height) == (31, 17)
    head, _, data = shown.source.partition(",")
    assert head == "data:image/png;base64" and base64.b64decode(data) == path.read_bytes()


def test_what_is_no_picture_is_refused(tmp_path):
    (tmp_path / "a.png").write_text("not one")
    with pytest.raises(ValueError, match="a.png: not a PNG picture"):
        image(tmp_path / "a.png")


def test_videos_are_inside_the_page_while_there_is_room(tmp_path):
    folder = tmp_path / "videos"
    folder.mkdir()
    for name, size in (("eval1", 100), ("eval2", 300), ("eval3", 50)):
        (folder / f"{name}.mp4").write_bytes(b"x" * size)
    picture(folder / "eval2_strip.png")
    (first, second, third), left = videos(folder, tmp_path / "reports" / "a.html", room=399)
    assert left == 0
    assert first.is_embedded and first.source == data_address(folder / "eval1.mp4", "video/mp4")
    assert not second.is_embedded and second.source == "../videos/eval2.mp4"
    assert second.poster == image(folder / "eval2_strip.png") and first.poster is None
    assert not third.is_embedded  # no video jumps the queue
    assert videos(tmp_path / "none", tmp_path / "a.html", room=7) == ([], 7)
    everything, left = videos(folder, tmp_path / "a.html", room=1000)
    assert all(video.is_embedded for video in everything) and left == 550


def test_links_to_videos_are_addresses(tmp_path):
    folder = tmp_path / "50% of a#1\udcff" / "videos"
    folder.mkdir(parents=True)
    (folder / "eval1.mp4").write_bytes(b"x")
    (video,), _ = videos(folder, tmp_path / "a.html", room=0)
    assert video.source == "50%25%20of%20a%231%FF/videos/eval1.mp4"
