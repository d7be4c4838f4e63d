"""Files as text inside a page, so that the page needs no other file."""

import base64
import os
import pathlib
import struct
import urllib.parse
from typing import NamedTuple

from efficient_hrl.storage.run_name import printable

# All videos of a page together; mail and hosting sites stop at little more.
VIDEO_BYTES = 20 * 2**20

_PNG_HEADER = b"\x89PNG\r\n\x1a\n"


class Image(NamedTuple):
    """A picture inside a page.

    Attributes:
      source: a data: address.
      width, height: pixels, so that a browser keeps room for it.
    """

    source: str
    width: int
    height: int


class Video(NamedTuple):
    """A video inside a page or beside it.

    Attributes:
      name: of what it shows.
      source: a data: address, or a path relative to the page.
      is_embedded: which of both.
      poster: its still picture, or None.
    """

    name: str
    source: str
    is_embedded: bool
    poster: Image | None


def data_address(path: pathlib.Path, kind: str) -> str:
    """A file's content as a data: address; `kind` is its media type."""
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"


def image(path: pathlib.Path) -> Image:
    """A PNG file as an image inside the page.

    Raises:
      ValueError: it is no PNG.
    """
    with open(path, "rb") as file:
        head = file.read(24)
    if len(head) < 24 or not head.startswith(_PNG_HEADER):
        raise ValueError(f"{path}: not a PNG picture")
    return Image(data_address(path, "image/png"), *struct.unpack(">II", head[16:24]))


def videos(folder: pathlib.Path, page: pathlib.Path, room: int = VIDEO_BYTES) -> tuple[list[Video], int]:
    """The MP4 files of a folder: inside the page while there is room, else as links.

    Args:
      folder: where they are; it need not exist.
      page: the page's own path, from which links lead.
      room: bytes of video that may be inside the page.

    Returns:
      The videos, and what is left of the room: 0 once a video did not fit.
    """
    found = []
    for path in sorted(folder.glob("*.mp4")):
        size = path.stat().st_size
        fits = size <= room
        room = room - size if fits else 0
        still = path.with_name(f"{path.stem}_strip.png")
        beside = pathlib.Path(os.path.relpath(path, page.parent)).as_posix()
        source = data_address(path, "video/mp4") if fits else urllib.parse.quote(os.fsencode(beside))
        poster = image(still) if still.is_file() else None
        found.append(Video(printable(path.stem), source, fits, poster))
    return found, room
