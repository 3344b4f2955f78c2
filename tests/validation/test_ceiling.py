import numpy as np
import pytest

from oddqso.validation.ceiling import blind_search, one_trial, optimum


def test_one_trial_is_the_gaussian_of_the_textbook():
    assert one_trial(0.0, 0.01) == pytest.approx(0.01)
    assert one_trial(2.3263, 0.01) == pytest.approx(0.5, abs=1e-4)


def search(scales, sigmas=(3.0, 5.0), rate=0.01, n_pixel=3000):
    return blind_search(scales, (16.0, 64.0), sigmas, rate, n_pixel, 600, np.random.default_rng(4))


def test_not_knowing_where_to_look_costs():
    blind = search([16, 32, 64])
    assert blind["threshold_sigma"] > 3.5
    for level in blind["levels"]:
        assert level["share"] < level["one_trial"] - 0.1


def test_more_filters_and_more_pixels_cost_more():
    assert search([1, 2, 4, 16, 64])["threshold_sigma"] > search([16, 64])["threshold_sigma"]
    assert search([16, 64], n_pixel=9000)["threshold_sigma"] > search([16, 64], n_pixel=1000)["threshold_sigma"]


def test_stronger_features_are_found_more_often():
    shares = [level["share"] for level in search([16, 32, 64], sigmas=(0.0, 3.0, 5.0, 9.0))["levels"]]
    assert shares == sorted(shares)
    assert shares[0] == pytest.approx(0.01, abs=0.015)
    assert shares[-1] > 0.99


def test_a_looser_rate_needs_less():
    strict, loose = search([16, 64], rate=0.01), search([16, 64], rate=0.2)
    assert strict["needed_sigma"]["0.9"] > loose["needed_sigma"]["0.9"] > loose["threshold_sigma"]


def test_the_best_of_all_tests_is_better_than_the_strongest_answer_and_worse_than_knowing_the_place():
    best = optimum((16.0, 64.0), (3.0, 5.0), 0.01, 3000, 600, np.random.default_rng(5))
    for level, share in zip(search([16, 32, 64])["levels"], best, strict=True):
        assert level["share"] - 0.06 < share < level["one_trial"]
