import numpy as np
import pytest

from oddqso.reports.truth import completeness, realized_fdr, top_lists


def test_completeness_counts_each_class_by_itself():
    classes = np.array([""] * 100 + ["a"] * 4 + ["b"] * 2)
    score = np.concatenate([np.linspace(0, 1, 100), [2, 2, 2, 0], [0, 0]])
    table = completeness(classes, {"SCORE": score, "X": -score}, 0.01)
    assert [(row["class"], row["n"], row["found"]) for row in table] == [("a", 4, 3), ("b", 2, 0)]
    assert table[0]["low"] < 0.75 < table[0]["high"]


def test_realized_fdr_of_an_empty_list_is_unknown():
    assert realized_fdr(np.array(["", "a"]), np.array([0.5, 0.5]), [0.1])[0]["fdp"] is None
    assert realized_fdr(np.array(["", "a"]), np.array([0.05, 0.05]), [0.1])[0]["fdp"] == pytest.approx(0.5)


def test_lists_that_are_too_long_are_not_shown():
    assert [row["n"] for row in top_lists([""] * 50)] == [10, 30]
