"""XLA begins to compile without the lines that its C++ code writes then."""

import contextlib
import functools
import os
import re
import sys
import tempfile
from collections.abc import Iterator

import tensorflow as tf

_STDERR = 2
# What absl's C++ logging writes of level INFO, and its own remark before the first line.
_REMARK = re.compile(rb"WARNING: All log messages before absl::InitializeLog\(\)|I\d{4} \d\d:\d\d:")


@functools.cache
def begin_xla() -> None:
    """Lets XLA compile something small, so that what it says once in a process is said and not shown.

    These lines come from a copy of absl's logging inside of TensorFlow's library, which heeds neither
    `TF_CPP_MIN_LOG_LEVEL` nor anything else that can be reached from Python (tensorflow 2.15).  Who has set
    that variable to 0 sees them.  Call it where XLA's functions are traced: it is done the first time only.
    """
    if os.environ.get("TF_CPP_MIN_LOG_LEVEL", "0") in ("", "0"):
        return
    with without_remarks(), tf.init_scope(), tf.device("CPU:0"):
        _successor(tf.constant(0))


@tf.function(jit_compile=True, autograph=False)
def _successor(x):
    return x + 1


@contextlib.contextmanager
def without_remarks() -> Iterator[None]:
    """Inside, what the process writes to standard error waits, and comes out at the end without remarks.

    Errors and warnings are not remarks.  Where there is no standard error, nothing is done.
    """
    try:
        kept = os.dup(_STDERR)
    except OSError:  # it is closed
        yield
        return
    with tempfile.TemporaryFile() as waiting:
        _flush()
        os.dup2(waiting.fileno(), _STDERR)
        try:
            yield
        finally:
            _flush()
            os.dup2(kept, _STDERR)
            os.close(kept)
            waiting.seek(0)
            for line in waiting:
                if not _REMARK.match(line):
                    _write(line)


def _flush():
    with contextlib.suppress(AttributeError, OSError, ValueError):
        sys.stderr.flush()


def _write(line):
    with contextlib.suppress(OSError):  # the terminal is gone
        os.write(_STDERR, line)
