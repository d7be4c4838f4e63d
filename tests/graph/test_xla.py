"""What XLA says when it begins, and that nothing else is lost."""

import os
import subprocess
import sys

import pytest

from efficient_hrl.graph.xla import without_remarks

REMARKS = (
    b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n"
    b"I0000 00:00:1700000000.123456    4321 device_compiler.h:186] Compiled cluster using XLA!\n"
)
OTHERS = (
    b"E0000 00:00:1700000000.123456    4321 compiler.h:1] an error\n"
    b"W0000 00:00:1700000000.123456    4321 compiler.h:1] a warning\n"
    b"Important: this is no remark\nI am none either\nand I0000 00:00:17 stands inside; a torn end"
)
PROGRAM = """
import efficient_hrl
import tensorflow as tf
from efficient_hrl.representations.distances import HuberDistance
from efficient_hrl.representations.representation import log_mean_similarity

@tf.function
def learn(phi, prior):
    return log_mean_similarity(phi, prior, HuberDistance())

learn(tf.ones([3, 2]), tf.ones([5, 2]))
print("done")
tf.linalg.matmul(tf.ones([2, 3]), tf.ones([2, 3]))
"""


def test_remarks_are_left_out_and_all_else_is_written(capfd):
    with without_remarks():
        os.write(2, REMARKS)
        print("of Python", file=sys.stderr)
        os.write(2, OTHERS)
    assert capfd.readouterr().err == "of Python\n" + OTHERS.decode()
    os.write(2, REMARKS)
    assert capfd.readouterr().err == REMARKS.decode()  # only inside


def test_what_was_written_before_an_exception_is_not_lost(capfd):
    with pytest.raises(ZeroDivisionError), without_remarks():
        os.write(2, REMARKS + OTHERS)
        _ = 1 / 0
    assert capfd.readouterr().err == OTHERS.decode()


def test_without_a_standard_error_nothing_happens():
    kept = os.dup(2)
    os.close(2)
    try:
        with without_remarks():
            pass
        with pytest.raises(OSError):
            os.fstat(2)
    finally:
        os.dup2(kept, 2)
        os.close(kept)


@pytest.mark.parametrize("level, is_silent", [(None, True), ("0", False)])
def test_a_process_that_compiles_with_xla_is_silent_unless_asked_and_tells_of_errors(level, is_silent):
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    if level is not None:
        environment["TF_CPP_MIN_LOG_LEVEL"] = level
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, timeout=300
    )
    assert result.stdout == "done\n" and "InvalidArgumentError" in result.stderr
    said, _, _ = result.stderr.partition("Traceback (most recent call last)")
    assert (said == "") is is_silent, said
    assert ("Compiled cluster using XLA" in said) is not is_silent
