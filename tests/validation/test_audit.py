import pytest

from oddqso.errors import DataError
from oddqso.validation.audit import audit_bound, looks_for


def test_none_false_of_299_is_at_most_one_percent():
    assert audit_bound(0, 299, 100_000).upper <= 0.01
    assert looks_for(0.01) == 299


def test_a_finite_list_is_never_bounded_worse():
    for n_false in range(6):
        bound = audit_bound(n_false, 60, 200)
        assert bound.rate <= bound.upper_of_list <= bound.upper + 1 / 200


def test_a_whole_list_is_known_exactly():
    assert audit_bound(3, 50, 50).upper_of_list == 3 / 50


def test_all_false_bounds_nothing():
    bound = audit_bound(10, 10, 100)
    assert (bound.upper, bound.upper_of_list) == (1.0, 1.0)


@pytest.mark.parametrize("counts", [(1, 0, 10), (0, 0, 10), (-1, 5, 10), (6, 5, 10), (1, 11, 10)])
def test_counts_that_cannot_be_are_refused(counts):
    with pytest.raises(DataError, match="cannot be"):
        audit_bound(*counts)


def test_a_bound_is_a_share():
    with pytest.raises(DataError, match="no share"):
        looks_for(1.5)
