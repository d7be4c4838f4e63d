"""Every estimate against scipy, numpy or a slow version of itself."""

import warnings

import numpy as np
import pytest
import scipy.stats

from efficient_hrl import aggregate as module
from efficient_hrl.aggregate import ALL, aggregate, aggregate_returns, estimate, interquartile_mean
from efficient_hrl.run_groups import Group
from efficient_hrl.run_summary import read_run
from tests.runs_on_disk import write_run


@pytest.fixture(scope="module")
def scores():
    """[5 runs, 3 targets, 4 steps]"""
    return np.random.default_rng(1).uniform(0, 1, (5, 3, 4))


@pytest.fixture(scope="module")
def iqm(scores):
    return estimate(scores, "iqm")


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 8, 9, 30])
def test_interquartile_mean_is_that_of_rliable_and_scipy(size):
    from rliable import metrics

    values = np.random.default_rng(size).normal(size=(size, 3))
    expected = [scipy.stats.trim_mean(column, 0.25) for column in values.T]
    np.testing.assert_allclose(interquartile_mean(values), expected, rtol=1e-12)
    for column in values.T:
        np.testing.assert_allclose(interquartile_mean(column), metrics.aggregate_iqm(column[:, None]))


def test_interquartile_mean_by_hand():
    values = np.array([100.0, 3, 1, -50, 2, 4, 3, 8])[:, None]
    assert interquartile_mean(values).tolist() == [(2 + 3 + 3 + 4) / 4]
    values[2] = np.nan
    assert np.isnan(interquartile_mean(values)).all()  # and not dropped as if it were large


def test_iqm_takes_each_target_over_runs_and_all_over_runs_and_targets(scores, iqm):
    point, low, high = iqm
    assert point.shape == low.shape == high.shape == (4, 4)
    for n in range(4):
        for t in range(3):
            assert point[t, n] == pytest.approx(np.sort(scores[:, t, n])[1:4].mean())
        assert point[3, n] == pytest.approx(np.sort(scores[:, :, n].ravel())[3:12].mean())
    assert (low < point).all() and (point < high).all()


def test_the_interval_is_that_of_a_stratified_bootstrap():
    rng = np.random.default_rng(7)
    # Targets of which one is far easier: resampling over all of them at once would be another thing.
    scores = rng.uniform(0, 1, (12, 3, 1)) + np.array([0.0, 0.0, 5.0])[:, None]
    each, together = [], []
    for _ in range(4000):
        resampled = np.stack([scores[rng.integers(12, size=12), t, 0] for t in range(3)])
        each.append(np.sort(resampled)[:, 3:9].mean(axis=1))
        together.append(np.sort(resampled.ravel())[9:27].mean())
    _, low, high = estimate(scores, "iqm")
    for t in range(3):
        expected = np.percentile([values[t] for values in each], (2.5, 97.5))
        np.testing.assert_allclose((low[t, 0], high[t, 0]), expected, atol=0.02)
    np.testing.assert_allclose((low[3, 0], high[3, 0]), np.percentile(together, (2.5, 97.5)), atol=0.02)


def test_runs_are_resampled_for_each_target_on_its_own():
    # Three times the same scores: runs resampled as wholes would give the same interval over all.
    scores = np.repeat(np.linspace(0, 1, 9)[:, None], 3, axis=1)[..., None]
    _, low, high = estimate(scores, "iqm")
    width = high - low
    assert 0.4 * width[0, 0] < width[3, 0] < 0.75 * width[0, 0]  # about 1 / sqrt(3)


def test_the_bootstrap_repeats_itself_and_leaves_numpys_generator_alone(scores, iqm):
    np.random.seed(3)
    before = np.random.get_state()[1].copy()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = estimate(scores, "iqm")
    np.testing.assert_array_equal(again, iqm)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_an_error_within_the_bootstrap_restores_the_generator(scores, monkeypatch):
    before = np.random.get_state()[1].copy()
    with pytest.raises(ZeroDivisionError), module._seeded():
        raise ZeroDivisionError
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_mean_and_standard_error(scores):
    point, low, high = estimate(scores, "mean")
    for t in range(3):
        np.testing.assert_allclose(point[t], scores[:, t].mean(axis=0))
        np.testing.assert_allclose(high[t] - point[t], scipy.stats.sem(scores[:, t], axis=0))
    of_runs = scores.mean(axis=1)
    np.testing.assert_allclose(point[3], of_runs.mean(axis=0))
    np.testing.assert_allclose(point[3] - low[3], scipy.stats.sem(of_runs, axis=0))
    # By hand: 0, 1, 5 have a variance of 7 with n - 1.
    point, low, high = estimate(np.array([0.0, 1.0, 5.0])[:, None, None], "mean")
    np.testing.assert_allclose(np.ravel([point, low, high]), [2, 2 - (7 / 3) ** 0.5, 2 + (7 / 3) ** 0.5])


def test_median_and_percentiles(scores):
    point, low, high = estimate(scores, "median")
    for t in range(3):
        np.testing.assert_allclose(point[t], np.median(scores[:, t], axis=0))
    np.testing.assert_allclose(point[3], np.median(scores.mean(axis=1), axis=0))
    # By hand: of 11 values 0 to 100 in tens, percentile p is p.
    point, low, high = estimate(np.arange(0.0, 101, 10)[::-1, None, None], "median")
    np.testing.assert_allclose(np.ravel([low, point, high]), [30, 50, 70])


@pytest.mark.parametrize("kind", module.KINDS)
def test_one_seed_has_no_interval(scores, kind):
    point, low, high = estimate(scores[:1], kind)
    np.testing.assert_allclose(point[:3], scores[0])
    np.testing.assert_allclose(point[3], scores[0].mean(axis=0))
    assert np.isnan(low).all() and np.isnan(high).all()


@pytest.mark.parametrize("kind", module.KINDS)
def test_a_missing_score_is_missing_in_what_depends_on_it(scores, kind):
    broken = scores.copy()
    broken[1, 2, 3] = np.nan
    for values in estimate(broken, kind):
        missing = np.isnan(values)
        assert missing[2, 3] and missing[3, 3] and missing.sum() == 2


def test_another_kind_is_refused(scores):
    with pytest.raises(ValueError, match="kind = 'best'; allowed: iqm, mean, median"):
        estimate(scores, "best")


def test_a_group_is_summed_up_where_all_its_runs_were_evaluated(tmp_path):
    rates = ({50: [0, 0, 0], 100: [1, 0.5, 0], 150: [1, 1, 1]}, {100: [0, 0.5, 1], 50: [0.2, 0, 0]})
    runs = tuple(
        read_run(write_run(tmp_path / f"s{seed}", seed, success=success))
        for seed, success in enumerate(rates)
    )
    found = aggregate(Group("hiro", "hiro", runs), "success_rate", "mean")
    assert found.steps.tolist() == [50, 100] and found.seeds == 2
    assert found.names == ("eval1", "eval2", "eval3", ALL)
    np.testing.assert_allclose(found.point, [[0.1, 0.5], [0, 0.5], [0, 0.5], [0.1 / 3, 0.5]], atol=1e-12)
    np.testing.assert_allclose(found.high[0], [0.2, 1.0])
    reward = aggregate(Group("hiro", "hiro", runs), "high_last_reward", "mean", ("eval2",))
    assert reward.names == ("eval2",)
    np.testing.assert_allclose(reward.point, [[-10, -9.5]])


def test_returns_are_means_of_20_000_steps_and_thinned_from_the_end(tmp_path):
    logged = {1000 * n: float(n) for n in range(1, 701)}
    run = read_run(write_run(tmp_path / "a", returns={**logged, 3000: float("nan")}))
    group = Group("hiro", "hiro", (run, run))
    found = aggregate_returns(group, "mean")
    assert found.steps[-1] == 700_000 and len(found.steps) <= 300
    assert set(np.diff(found.steps)) == {3000}
    np.testing.assert_allclose(found.point[0, -1], np.mean(range(681, 701)))
    np.testing.assert_allclose(found.point[0, :2], [1, np.mean([1, 2, 4])])
