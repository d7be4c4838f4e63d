"""Every test begins with an empty gin configuration and the paper's soft-update rate.

Property-based tests look at the same examples in every run, and keep no record of them.
"""

import gin
import hypothesis
import pytest

from efficient_hrl import config  # noqa: F401  (registers what gin can bind)

hypothesis.settings.register_profile(
    "repeatable", derandomize=True, deadline=None, database=None, max_examples=100
)
hypothesis.settings.load_profile("repeatable")


@pytest.fixture(autouse=True)
def clean_gin():
    gin.clear_config()
    gin.bind_parameter("td3_update_targets.tau", 0.005)
    yield
    gin.clear_config()
