"""What tests of sweeps share."""

import pytest

from tests.sweeps import pretender


@pytest.fixture
def notes(tmp_path, monkeypatch):
    """A folder with gin files to name, and runs that only pretend; their notes."""
    monkeypatch.chdir(tmp_path)
    for name in ("first", "second", "wrong"):
        (tmp_path / f"{name}.gin").touch()
    return pretender.install(tmp_path, monkeypatch)
