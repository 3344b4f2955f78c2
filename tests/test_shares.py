import numpy as np

from oddqso.shares import cut_at, share_interval, upper_limit


def test_the_cut_keeps_the_false_positive_rate():
    rng = np.random.default_rng(0)
    score, ordinary = rng.normal(size=5000), rng.random(5000) < 0.8
    for rate in (0.0, 0.001, 0.01, 0.1):
        cut = cut_at(score, ordinary, rate)
        assert (score[ordinary] > cut).mean() <= rate


def test_intervals_hold_the_share_and_end_at_the_ends():
    for found, n in ((0, 5), (5, 5), (2, 7), (300, 1000)):
        low, high = share_interval(found, n)
        assert 0 <= low <= found / n <= high <= 1
        assert upper_limit(found, n) >= found / n
    assert share_interval(0, 5)[0] == 0
    assert share_interval(5, 5)[1] == 1
