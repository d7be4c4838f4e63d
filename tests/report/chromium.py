"""Pages as headless Chromium shows them."""

import json
import pathlib
import shutil
import subprocess

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Without these Chromium looks for updates and its maker's hosts while it starts.
_OFFLINE = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--allow-file-access-from-files",
    "--virtual-time-budget=10000",
)
# Looks at the page in a frame, because a window cannot be as narrow as a telephone.
_LOOK = """<!DOCTYPE html><body><iframe id="frame" src="{page}" width="{width}" height="900"></iframe><script>
const frame = document.getElementById("frame");
frame.addEventListener("load", () => {{
  const page = frame.contentDocument;
  page.querySelectorAll("details").forEach(part => part.open = true);
  const visible = [...page.querySelectorAll("h1, h2, h3, td, th, p, figcaption, summary, img, video")];
  const edge = frame.contentWindow.innerWidth + 1;
  const links = [...page.querySelectorAll('a[href^="#"]')];
  const inside = part => part.closest(".scroll, pre, nav");
  document.body.textContent = JSON.stringify({{
    width: page.documentElement.clientWidth,
    scrollWidth: page.documentElement.scrollWidth,
    tooWide: visible.filter(part => !inside(part) && part.getBoundingClientRect().right > edge)
      .map(part => part.outerHTML.slice(0, 80)),
    broken: [...page.images].filter(image => !image.naturalWidth).length,
    images: page.images.length,
    requests: frame.contentWindow.performance.getEntriesByType("resource").map(entry => entry.name)
      .filter(name => !name.startsWith("data:")),
    background: frame.contentWindow.getComputedStyle(page.body).backgroundColor,
    ink: frame.contentWindow.getComputedStyle(page.body).color,
    lostLinks: links.filter(link => !page.getElementById(link.hash.slice(1))).length,
    headings: [...page.querySelectorAll("h1, h2")].map(heading => heading.textContent),
  }});
}});
</script></body>
"""


def chromium() -> str:
    """Path of Chromium; a test without it is skipped."""
    found = [path for path in map(shutil.which, _NAMES) if path]
    if not found:
        pytest.skip("Chromium is not installed (Debian package chromium)")
    return found[0]


def looked_at(page: pathlib.Path, width: int, folder: pathlib.Path, dark: bool = False) -> dict:
    """What a page looks like in a window `width` pixels wide.

    Args:
      page: an HTML file.
      width: pixels.
      folder: for Chromium's profile.
      dark: whether the user prefers dark colours.
    """
    look = folder / "look.html"
    look.write_text(_LOOK.format(page=page.as_uri(), width=width))
    scheme = "--blink-settings=preferredColorScheme=" + ("0" if dark else "1")
    command = [chromium(), *_OFFLINE, scheme, f"--user-data-dir={folder / 'profile'}"]
    result = subprocess.run(
        [*command, "--window-size=1600,1000", "--dump-dom", look.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    body = result.stdout.partition("<body>")[2].partition("</body>")[0]
    assert body.startswith("{"), result.stdout[-500:]
    return json.loads(body.replace("&gt;", ">").replace("&lt;", "<").replace("&amp;", "&"))
