"""Every test begins with an empty gin configuration and the paper's soft-update rate.

Property-based tests look at the same examples in every run, and keep no record of them.
"""

import signal

import gin
import hypothesis
import pytest

from efficient_hrl.configuration import config  # noqa: F401  (registers what gin can bind)

hypothesis.settings.register_profile(
    "repeatable", derandomize=True, deadline=None, database=None, max_examples=100
)
hypothesis.settings.load_profile("repeatable")


@pytest.fixture
def signals_of_a_terminal():
    """Signals act as they do in a terminal, also under nohup or in a script's background.

    There SIGHUP or SIGINT is ignored, here and in the processes begun here, and a test that sends one
    would wait for it.
    """
    actions = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGTERM: signal.SIG_DFL,
        signal.SIGHUP: signal.SIG_DFL,
    }
    before = {number: signal.signal(number, action) for number, action in actions.items()}
    yield
    for number, action in before.items():
        signal.signal(number, action)


@pytest.fixture(autouse=True)
def clean_gin():
    gin.clear_config()
    gin.bind_parameter("td3_update_targets.tau", 0.005)
    yield
    gin.clear_config()
