"""Every estimate against scipy, numpy or a slow version of itself."""

import warnings

import numpy as np
import pytest
import scipy.stats

from efficient_hrl.comparison import aggregate as module
from efficient_hrl.comparison.aggregate import (
    ALL,
    aggregate,
    aggregate_returns,
    estimate,
    interquartile_mean,
    with_all_targets,
)
from efficient_hrl.comparison.run_groups import Group
from efficient_hrl.comparison.run_summary import read_run
from tests.runs_on_disk import write_run


@pytest.fixture(scope="module")
def scores():
    """[5 runs, 3 targets, 4 steps]"""
    return np.random.default_rng(1).uniform(0, 1, (5, 3, 4))


@pytest.fixture(scope="module")
def iqm(scores):
    return estimate(with_all_targets(scores), "iqm")


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


def test_iqm_is_over_runs_for_each_target_and_for_their_means(scores, iqm):
    point, low, high = iqm
    assert point.shape == low.shape == high.shape == (4, 4)
    for n in range(4):
        for t in range(3):
            assert point[t, n] == pytest.approx(np.sort(scores[:, t, n])[1:4].mean())
        of_runs = [(run[0, n] + run[1, n] + run[2, n]) / 3 for run in scores]
        assert point[3, n] == pytest.approx(np.sort(of_runs)[1:4].mean())
    assert (low < point).all() and (point < high).all()


@pytest.mark.parametrize("kind", module.KINDS)
def test_seeds_that_are_alike_score_as_one_of_them_does(kind):
    one = np.array([1.0, 0.0, 0.0])[None, :, None]
    for scores in (one, np.repeat(one, 3, axis=0), np.repeat(one, 10, axis=0)):
        point, low, high = estimate(with_all_targets(scores), kind)
        np.testing.assert_allclose(point[:, 0], [1, 0, 0, 1 / 3])
        if len(scores) > 1:
            np.testing.assert_allclose([low, high], [point, point], atol=1e-12)


def test_the_interval_is_that_of_a_bootstrap_of_runs():
    rng = np.random.default_rng(7)
    # Targets of which one is far easier: resampling over all of them at once would be another thing.
    scores = rng.uniform(0, 1, (12, 3, 1)) + np.array([0.0, 0.0, 5.0])[:, None]
    each, together = [], []
    for _ in range(4000):
        drawn = scores[rng.integers(12, size=12), :, 0]
        each.append(np.sort(drawn, axis=0)[3:9].mean(axis=0))
        together.append(np.sort(drawn.mean(axis=1))[3:9].mean())
    _, low, high = estimate(with_all_targets(scores), "iqm")
    for t in range(3):
        expected = np.percentile([values[t] for values in each], (2.5, 97.5))
        np.testing.assert_allclose((low[t, 0], high[t, 0]), expected, atol=0.02)
    np.testing.assert_allclose((low[3, 0], high[3, 0]), np.percentile(together, (2.5, 97.5)), atol=0.02)


def test_targets_that_repeat_each_other_do_not_narrow_the_interval():
    scores = np.repeat(np.linspace(0, 1, 9)[:, None], 3, axis=1)[..., None]
    _, low, high = estimate(with_all_targets(scores), "iqm")
    width = high - low
    np.testing.assert_allclose(width[3], width[0], rtol=0.15)  # and not 1 / sqrt(3) = 0.58 of it


def test_the_interval_over_correlated_targets_covers_the_truth():
    # 400 experiments of 20 runs, whose targets share most of what a run is by chance; the truth is 0.
    rng = np.random.default_rng(2)
    scores = rng.normal(size=(20, 1, 400)) + 0.3 * rng.normal(size=(20, 3, 400))
    _, low, high = estimate(with_all_targets(scores), "iqm")
    covered = ((low[3] < 0) & (high[3] > 0)).mean()
    assert 0.88 < covered < 0.98  # of 95 %; targets drawn one by one cover 75 %


def test_the_bootstrap_repeats_itself_and_leaves_numpys_generator_alone(scores, iqm):
    np.random.seed(3)
    before = np.random.get_state()[1].copy()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = estimate(with_all_targets(scores), "iqm")
    np.testing.assert_array_equal(again, iqm)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_an_error_within_the_bootstrap_restores_the_generator(scores, monkeypatch):
    before = np.random.get_state()[1].copy()
    with pytest.raises(ZeroDivisionError), module._seeded():
        raise ZeroDivisionError
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_mean_and_standard_error(scores):
    point, low, high = estimate(with_all_targets(scores), "mean")
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
    point, low, high = estimate(with_all_targets(scores), "median")
    for t in range(3):
        np.testing.assert_allclose(point[t], np.median(scores[:, t], axis=0))
    np.testing.assert_allclose(point[3], np.median(scores.mean(axis=1), axis=0))
    # By hand: of 11 values 0 to 100 in tens, percentile p is p.
    point, low, high = estimate(np.arange(0.0, 101, 10)[::-1, None, None], "median")
    np.testing.assert_allclose(np.ravel([low, point, high]), [30, 50, 70])


@pytest.mark.parametrize("kind", module.KINDS)
def test_one_seed_has_no_interval(scores, kind):
    point, low, high = estimate(with_all_targets(scores[:1]), kind)
    np.testing.assert_allclose(point[:3], scores[0])
    np.testing.assert_allclose(point[3], scores[0].mean(axis=0))
    assert np.isnan(low).all() and np.isnan(high).all()


@pytest.mark.parametrize("kind", module.KINDS)
def test_a_missing_score_is_missing_in_what_depends_on_it(scores, kind):
    broken = scores.copy()
    broken[1, 2, 3] = np.nan
    for values in estimate(with_all_targets(broken), kind):
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
