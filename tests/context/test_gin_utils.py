import gin
import numpy as np
import pytest

from efficient_hrl.context.gin_utils import gin_range, gin_sparse_array, gin_sum
from efficient_hrl.context.rewards_functions import negative_distance


@pytest.mark.parametrize(
    "values, indices, expected",
    [
        ([3, 4.5], [0, -1], [3, -1, -1, 4.5]),
        ((3, 4.5), (2, 1), [-1, 4.5, 3, -1]),
        (7, [1, 2], [-1, 7, 7, -1]),
        (7, 3, [-1, -1, -1, 7]),
        ([], [], [-1, -1, -1, -1]),
    ],
)
def test_sparse_array_is_filled_except_at_the_indices(values, indices, expected):
    array = gin_sparse_array(4, values, indices, fill_value=-1)
    assert array.dtype == np.float64
    np.testing.assert_array_equal(array, expected)


def test_sparse_array_is_filled_with_zeros_unless_said():
    np.testing.assert_array_equal(gin_sparse_array(3, [2.5], [1]), [0, 2.5, 0])


@pytest.mark.parametrize(
    "values, expected",
    [([1, 2.5, -3], 0.5), ([[1], [2, 3], []], [1, 2, 3]), ([(1,), (2,)], (1, 2)), ([5], 5)],
)
def test_sum_adds_numbers_and_joins_lists(values, expected):
    assert gin_sum(values) == expected


def test_sum_leaves_its_argument_as_it_is():
    lists, arrays = [[1], [2]], [np.zeros(2), np.ones(2)]
    gin_sum(lists)
    np.testing.assert_array_equal(gin_sum(arrays), [1, 1])
    assert lists == [[1], [2]]
    np.testing.assert_array_equal(arrays, [[0, 0], [1, 1]])


def test_range_counts_from_zero():
    assert gin_range(3) == range(3)
    assert list(gin_range(0)) == []


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: gin_sparse_array(3, [1], [3]), r"gin_sparse_array.indices = \[3\]; .* -3 to 2"),
        (
            lambda: gin_sparse_array(3, [1, 2], [0]),
            r"gin_sparse_array.values = \[1, 2\] .*one value for each",
        ),
        (lambda: gin_sum(["a", "b"]), r"gin_sum.values = \['a', 'b'\]; allowed: numbers, lists, arrays"),
        (lambda: gin_sum([]), r"gin_sum.values = \[\]; allowed: 1 value or more"),
        (lambda: gin_range(-1), r"gin_range.n = -1; allowed: 0 or more"),
    ],
)
def test_wrong_parameters_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_values_can_be_used_in_a_gin_file():
    states = np.array([[1.0, 2.0, 50.0]], np.float32)
    gin.parse_config("""
        size/gin_sum.values = [1, 1]
        gin_range.n = @size/gin_sum()
        gin_sparse_array.size = @size/gin_sum()
        gin_sparse_array.values = [3.0]
        gin_sparse_array.indices = [1]
        negative_distance.state_indices = @gin_range()
        negative_distance.state_scales = @gin_sparse_array()
    """)
    reward, _ = negative_distance(states, None, None, states, [np.zeros((1, 2), np.float32)])
    np.testing.assert_allclose(reward, [-6.0], rtol=1e-6)
