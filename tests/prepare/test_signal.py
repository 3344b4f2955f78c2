import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from oddqso.prepare.signal import median_of


def median(values, n_bad=0):
    values = np.asarray([*values, *[np.inf] * n_bad], np.float32)
    return median_of(values, len(values) - n_bad, np.empty(len(values) + 1, np.float32))


@given(arrays(np.float32, st.integers(1, 60), elements=st.floats(-1e6, 1e6, width=32)), st.integers(0, 9))
@settings(deadline=None)
def test_it_is_the_median_of_what_counts(values, n_bad):
    np.testing.assert_allclose(median(values, n_bad), np.median(values.astype(np.float64)), rtol=1e-6, atol=1e-30)


def test_many_values_many_ties_and_none():
    rng = np.random.default_rng(0)
    for n in (7780, 7781):
        np.testing.assert_allclose(median(rng.normal(0.5, 3, n)), np.median(rng.normal(0.5, 3, n)), atol=0.3)
        values = rng.normal(0.5, 3, n).astype(np.float32)
        np.testing.assert_allclose(median(values), np.median(values), rtol=1e-6)
    assert median(np.full(100, 2.0)) == 2
    assert median([-1.0, 1.0]) == 0
    assert np.isnan(median([]))
