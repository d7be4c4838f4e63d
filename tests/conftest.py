"""Every test begins with an empty gin configuration and the paper's soft-update rate."""

import gin
import pytest

from efficient_hrl import config  # noqa: F401  (registers what gin can bind)


@pytest.fixture(autouse=True)
def clean_gin():
    gin.clear_config()
    gin.bind_parameter("td3_update_targets.tau", 0.005)
    yield
    gin.clear_config()
