"""Arrays of a file are what is declared, or the file is named."""

import io
import zipfile

import numpy as np
import pytest

from efficient_hrl.errors import UsageError
from efficient_hrl.storage.arrays import Array, checked_arrays

DECLARED = {
    "count": Array((), is_whole=True, least=0),
    "edges": Array(("n+1",), is_increasing=True),
    "xy": Array(("n", "2"), least=-9, most=9),
}
GOOD = {"count": np.int64(3), "edges": np.arange(4.0), "xy": np.ones([3, 2], np.float32)}


def test_what_is_declared_is_read(tmp_path):
    np.savez(tmp_path / "a.npz", **GOOD, other=np.zeros(5))
    found = checked_arrays(tmp_path / "a.npz", DECLARED, "a map")
    assert found.keys() == DECLARED.keys()
    for name, value in GOOD.items():
        np.testing.assert_array_equal(found[name], value)
    with pytest.raises(FileNotFoundError):
        checked_arrays(tmp_path / "b.npz", DECLARED, "a map")


@pytest.mark.parametrize(
    "name, value, message",
    [
        ("count", np.int64(-1), "count has -1 to -1; allowed: finite numbers from 0"),
        ("count", np.float64(1), "count holds float64; allowed: whole numbers"),
        ("count", np.zeros(1, int), r"count has shape \[1\]; allowed: \[\]"),
        ("edges", np.array(["a", "b"]), "edges holds <U1; allowed: numbers"),
        ("edges", np.array([0.0, 1, 1, 2]), "edges does not increase"),
        ("edges", np.array([0.0, 1, np.nan, 2]), "edges has nan to nan; allowed: finite numbers"),
        ("xy", np.ones([3, 3]), r"xy has shape \[3, 3\]; allowed: \[n, 2\]\)"),
        ("xy", np.ones([4, 2]), r"xy has shape \[4, 2\]; allowed: \[n, 2\], n = 3"),
        ("xy", np.full([3, 2], 10), "xy has 10 to 10; allowed: -9 to 9"),
        ("xy", np.full([3, 2], np.inf), "xy has inf to inf; allowed: -9 to 9"),
    ],
)
def test_what_is_not_as_declared_is_named(name, value, message, tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, **GOOD | {name: value})
    with pytest.raises(
        UsageError, match=rf"a.npz: not a map as this program writes it \({message}.*deleted$"
    ):
        checked_arrays(path, DECLARED, "a map")


def test_an_array_that_says_it_is_huge_is_not_made(tmp_path):
    content = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        content, {"descr": "<f8", "fortran_order": False, "shape": (10**12,)}
    )
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as file:
        file.writestr("count.npy", content.getvalue())
    with pytest.raises(
        UsageError, match="count has shape .*1000000000000.*; allowed: up to 10,000,000 numbers"
    ):
        checked_arrays(tmp_path / "a.npz", DECLARED, "a map")
