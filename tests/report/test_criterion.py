import re

import pytest

from efficient_hrl.report.criterion import success_in_words


@pytest.mark.parametrize(
    "config, words",
    [
        ({}, "nearer than 5 m .*, the protocol of HIRO and NORL."),
        ({"evaluate.success_distance": "5.0"}, "nearer than 5 m .*, the protocol of HIRO and NORL."),
        (
            {"evaluate.success_distance": "0.5"},
            r"nearer than 0\.5 m .* episode\.$",
        ),
        ({"evaluate.success_distance": "%FAR", "FAR": "3"}, r"nearer than 3 m .* episode\.$"),
        ({"evaluate.success_distance": "@far()"}, r"depends on evaluate\.success_distance = @far\(\)"),
        ({"evaluate.success_distance": "1" + "0" * 400}, r"depends on evaluate\.success_distance = 10+\."),
        ({"evaluate.success_distance": "None"}, "There is no success: the task has no target"),
        ({"evaluate.max_steps_per_episode": "50"}, r"nearer than 5 m .* episode\.$"),
        ({"evaluate.success_fn": "@plain_rewards"}, "what @plain_rewards says"),
        (
            {"train_uvf.environment": "@create_gymnasium_env()", "evaluate.success_distance": "1.0"},
            "reward of the last step .* is above -1",
        ),
    ],
)
def test_the_criterion_is_that_of_the_configuration(config, words):
    assert re.search(words, success_in_words(config))
