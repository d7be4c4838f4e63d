"""Following a folder of checkpoints."""

import shutil
import types

import gin
import pytest
import tensorflow as tf

from efficient_hrl.errors import UsageError
from efficient_hrl.evaluation import eval_repeatedly
from efficient_hrl.evaluation.eval_repeatedly import evaluate_checkpoint_repeatedly
from efficient_hrl.storage.checkpoints import Checkpoints


@pytest.fixture
def writer(tmp_path):
    """A function that writes the next checkpoint, numbered 1, 2, ..., and returns its path."""
    number = tf.Variable(0)
    checkpoints = Checkpoints(tmp_path, {"number": number}, {})

    def write():
        number.assign_add(1)
        return checkpoints.save(int(number)).path

    return write


def follow(folder, evaluate, **arguments):
    return evaluate_checkpoint_repeatedly(
        folder, evaluate, **{"eval_interval_secs": 0, "checkpoint_timeout": 0.1} | arguments
    )


def test_new_checkpoints_are_evaluated_until_the_time_is_over(tmp_path, writer):
    seen, expected = [], [writer()]

    def evaluate(path):
        seen.append(path)
        if len(expected) < 3:
            expected.append(writer())

    assert follow(tmp_path, evaluate) == 3
    assert seen == expected


def test_the_newest_checkpoint_is_evaluated_once(tmp_path, writer):
    newest = [writer() for _ in range(3)][-1]
    seen = []
    assert follow(tmp_path, seen.append) == 1
    assert seen == [newest]


def test_an_empty_folder_times_out(tmp_path):
    assert follow(tmp_path, lambda path: pytest.fail("there is none")) == 0


@pytest.mark.parametrize("number", [1, 2, 4])
def test_the_number_of_evaluations_is_limited(tmp_path, writer, number):
    writer()
    seen = []

    def evaluate(path):
        seen.append(path)
        writer()

    # Without the limit it would go on for ever.
    assert follow(tmp_path, evaluate, max_number_of_evaluations=number) == number == len(seen)


def test_a_true_result_ends_it(tmp_path, writer):
    writer()
    results = iter([None, False, True])

    def evaluate(path):
        writer()
        return next(results)

    assert follow(tmp_path, evaluate) == 3


def test_the_timeout_function_decides_whether_to_go_on(tmp_path, writer):
    writer()
    asked, seen = [], []

    def timeout_fn():
        asked.append(True)
        if len(asked) == 2:
            writer()
        return len(asked) == 4

    assert follow(tmp_path, seen.append, timeout_fn=timeout_fn) == 2
    assert len(asked) == 4 and len(seen) == 2


def test_evaluations_are_an_interval_apart(tmp_path, writer, monkeypatch):
    now, slept = [0.0], []

    def sleep(seconds):
        slept.append(seconds)
        now[0] += seconds

    writer()
    clock = types.SimpleNamespace(monotonic=lambda: now[0], sleep=sleep)
    monkeypatch.setattr(eval_repeatedly, "time", clock)
    began = []

    def evaluate(path):
        began.append(now[0])
        now[0] += 7.0
        writer()

    follow(tmp_path, evaluate, eval_interval_secs=20, max_number_of_evaluations=3)
    assert began == [0.0, 20.0, 40.0]
    began.clear()
    gin.bind_parameter("evaluate_checkpoint_repeatedly.eval_interval_secs", 50)
    start = now[0]
    evaluate_checkpoint_repeatedly(tmp_path, evaluate, max_number_of_evaluations=2)
    assert [time - start for time in began] == [0.0, 50.0]


@pytest.mark.parametrize("number", [0, -1])
def test_less_than_one_evaluation_is_refused(tmp_path, number):
    with pytest.raises(ValueError, match=f"max_number_of_evaluations = {number}; allowed: None, 1 or more"):
        follow(tmp_path, lambda path: None, max_number_of_evaluations=number)


def test_a_damaged_newest_checkpoint_is_named_once_and_waited_for(tmp_path, writer, capsys):
    first, second = writer(), writer()
    seen, asked = [], []

    def evaluate(path):
        seen.append(path)
        third = writer()
        (third / "python.json").write_bytes(b"")

    def timeout_fn():
        asked.append(True)
        return len(asked) == 3

    assert follow(tmp_path, evaluate, timeout_fn=timeout_fn) == 1
    assert seen == [second] != [first] and len(asked) == 3
    assert capsys.readouterr().out.count("ckpt-3 is damaged and skipped") == 1


def test_a_checkpoint_that_is_deleted_before_it_is_read_is_passed_over(tmp_path, writer):
    first, seen = writer(), []

    def evaluate(path):
        if path == first:
            writer()
            shutil.rmtree(first, ignore_errors=True)
            raise UsageError(f"{path}: damaged or deleted")
        seen.append(path)

    assert follow(tmp_path, evaluate, max_number_of_evaluations=1) == 1
    assert seen == [first.with_name("ckpt-2")]


def test_a_checkpoint_that_does_not_fit_ends_the_following(tmp_path, writer):
    writer()

    def evaluate(path):
        raise UsageError(f"{path}: does not fit")

    with pytest.raises(UsageError, match="does not fit"):
        follow(tmp_path, evaluate)
