"""Blocks as bytes."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from efficient_hrl.remote.block import Block, block_bytes, packed, unpacked
from efficient_hrl.replay import row_dtype, rows_of, segment_spec, transition_spec

SPECS = (transition_spec(3, 2, 2), segment_spec(3, 2, 2, 2, 4))
DTYPES = [row_dtype(spec) for spec in SPECS]
ROOMS = (5, 3)
SIZE = block_bytes(ROOMS, DTYPES)
WHOLE = st.integers(0, 2**40)


def rows(seed, count, dtype):
    """Any bits, NaN among them."""
    data = np.random.default_rng(seed).integers(0, 256, count * dtype.itemsize, np.uint8)
    return np.frombuffer(data.tobytes(), dtype)


@given(
    st.lists(WHOLE, min_size=10, max_size=10),
    st.integers(0, ROOMS[0]),
    st.integers(0, ROOMS[1]),
    st.integers(0, 2**32 - 1),
    st.text(max_size=40),
)
def test_a_block_comes_out_as_it_went_in(numbers, transitions, segments, seed, fault):
    block = Block(
        *numbers,
        finished=np.float32([1.5, -2.25, 3.0]),
        transitions=rows(seed, transitions, DTYPES[0]),
        segments=rows(seed, segments, DTYPES[1]),
        fault=fault.encode(errors="replace").decode(),
    )
    data = packed(block, SIZE)
    assert data.shape == (SIZE,) and data.dtype == np.uint8
    found = unpacked(data, *DTYPES)
    for name in Block._fields:
        left, right = getattr(block, name), getattr(found, name)
        if isinstance(left, np.ndarray):
            assert left.tobytes() == right.tobytes() and left.shape == right.shape, name
        else:
            assert left == right, name


@given(st.binary(max_size=2 * SIZE))
def test_other_bytes_are_no_block(data):
    with pytest.raises(ValueError, match="no block of this configuration"):
        unpacked(np.frombuffer(data, np.uint8), *DTYPES)


def test_a_block_that_is_cut_is_none():
    data = packed(Block(1, 2, 3, 4, transitions=rows(0, 5, DTYPES[0])), SIZE)
    for size in (0, 1, 50, 100, 200):
        with pytest.raises(ValueError, match="no block"):
            unpacked(data[:size], *DTYPES)


def test_rows_keep_names_order_and_values():
    items = tf.nest.map_structure(lambda s: np.random.default_rng(0).normal(size=(4, *s.shape)), SPECS[0])
    found = rows_of(items, DTYPES[0])
    assert found.dtype.names == SPECS[0]._fields
    for name, values in items._asdict().items():
        np.testing.assert_array_equal(found[name], values.astype(np.float32))


def test_the_longest_message_has_room():
    block = Block(1, 2, 3, 4, fault="é" * 5000)
    assert unpacked(packed(block, SIZE), *DTYPES).fault.startswith("é" * 400)
