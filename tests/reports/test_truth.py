import numpy as np
import pyarrow as pa
import pytest

from oddqso.reports.truth import (
    completeness,
    cut_at,
    realized_fdr,
    share_interval,
    top_lists,
    true_classes,
    upper_limit,
)


def test_a_class_wins_over_the_kind_and_a_wrong_redshift_is_found():
    truth = pa.table({
        "TARGETID": [1, 2, 3, 4], "KIND": ["quasar", "quasar", "galaxy", "quasar"],
        "CLASS": ["bal", "", "", ""], "Z_TRUE": [1.0, 1.0, 0.5, 1.0],
    })  # fmt: skip
    classes = true_classes(np.array([4, 3, 2, 1]), np.array([1.019, 1.0, 1.021, 1.0]), truth)
    assert classes == ["", "galaxy", "wrong_redshift", "bal"]


def test_the_cut_keeps_the_false_positive_rate():
    rng = np.random.default_rng(0)
    score, ordinary = rng.normal(size=5000), rng.random(5000) < 0.8
    for rate in (0.0, 0.001, 0.01, 0.1):
        cut = cut_at(score, ordinary, rate)
        assert (score[ordinary] > cut).mean() <= rate


def test_completeness_counts_each_class_by_itself():
    classes = np.array([""] * 100 + ["a"] * 4 + ["b"] * 2)
    score = np.concatenate([np.linspace(0, 1, 100), [2, 2, 2, 0], [0, 0]])
    table = completeness(classes, {"SCORE": score, "X": -score}, 0.01)
    assert [(row["class"], row["n"], row["found"]) for row in table] == [("a", 4, 3), ("b", 2, 0)]
    assert table[0]["low"] < 0.75 < table[0]["high"]


def test_intervals_hold_the_share_and_end_at_the_ends():
    for found, n in ((0, 5), (5, 5), (2, 7), (300, 1000)):
        low, high = share_interval(found, n)
        assert 0 <= low <= found / n <= high <= 1
        assert upper_limit(found, n) >= found / n
    assert share_interval(0, 5)[0] == 0
    assert share_interval(5, 5)[1] == 1


def test_realized_fdr_of_an_empty_list_is_unknown():
    assert realized_fdr(np.array(["", "a"]), np.array([0.5, 0.5]), [0.1])[0]["fdp"] is None
    assert realized_fdr(np.array(["", "a"]), np.array([0.05, 0.05]), [0.1])[0]["fdp"] == pytest.approx(0.5)


def test_lists_that_are_too_long_are_not_shown():
    assert [row["n"] for row in top_lists([""] * 50)] == [10, 30]
