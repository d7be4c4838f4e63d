import numpy as np
import pytest

from efficient_hrl.report.results import success_interval, target_results


@pytest.mark.parametrize("successes, episodes", [(0, 50), (7, 50), (50, 50), (1, 2)])
def test_the_interval_is_wilsons(successes, episodes):
    z = 1.959963984540054
    share = successes / episodes
    centre = (share + z**2 / (2 * episodes)) / (1 + z**2 / episodes)
    half = z / (1 + z**2 / episodes) * np.sqrt(share * (1 - share) / episodes + z**2 / (4 * episodes**2))
    low, high = success_interval(share, episodes)
    assert low == pytest.approx(centre - half, abs=1e-9)
    assert high == pytest.approx(centre + half, abs=1e-9)


def row(steps, target, success, last):
    values = {"env_steps": steps, "target": target, "episodes": 50}
    return {k: str(v) for k, v in (values | {"success_rate": success, "high_last_reward": last}).items()}


def test_whole_numbers_are_read_however_they_are_written():
    (found,) = target_results([row(100, "a", 0.5, -1) | {"episodes": "5e1", "env_steps": "100.0"}])
    assert (found.episodes, found.env_steps) == (50, 100)


def test_newest_and_best_evaluation_of_every_target():
    rows = [
        row(100, "b", 0.2, -3),
        row(100, "a", 0.0, -9),
        row(200, "b", 0.9, -1),
        row(200, "a", 0.1, -8),
        row(300, "b", 0.9, -2),
        row(300, "a", 0.04, -7.5),
    ]
    a, b = target_results(rows)
    assert (a.target, a.env_steps, a.episodes, a.success_rate, a.last_reward) == ("a", 300, 50, 0.04, -7.5)
    assert (a.best_success_rate, a.best_env_steps) == (0.1, 200)
    assert (b.success_rate, b.best_success_rate, b.best_env_steps) == (0.9, 0.9, 200)
    assert a.interval == success_interval(0.04, 50)
    assert a.steady_success_rate == pytest.approx((0.0 + 0.1 + 0.04) / 3)
    assert np.isnan(a.reached_rate)  # measured by newer runs only
    assert target_results([]) == []


def test_the_mean_of_the_last_five_evaluations_and_what_was_reached_at_any_step():
    rates = [0.9, 0.0, 0.2, 0.4, 0.6, 0.8]
    rows = [row(100 * i, "a", rate, -1) | {"reached_rate": str(rate + 0.1)} for i, rate in enumerate(rates)]
    (result,) = target_results(rows)
    assert result.steady_success_rate == pytest.approx(np.mean(rates[1:]))
    assert result.reached_rate == pytest.approx(0.9) and result.success_rate == 0.8
