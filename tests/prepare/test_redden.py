import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from oddqso.prepare.redden import dimming
from oddqso.spectra.dust import galactic_extinction
from oddqso.spectra.grid import native_grid


@given(st.floats(-2, 3))
@settings(max_examples=30, deadline=None)
def test_the_series_is_the_exponential(ebv):
    exact = 10 ** (0.4 * ebv * galactic_extinction(native_grid()))
    np.testing.assert_allclose(dimming(native_grid(), ebv), exact, rtol=1e-9)


@given(st.floats(0, 2))
@settings(max_examples=30, deadline=None)
def test_reddening_undoes_dereddening(ebv):
    np.testing.assert_allclose(dimming(native_grid(), ebv) * dimming(native_grid(), -ebv), 1, rtol=1e-9)


def test_no_dust_changes_nothing_and_blue_suffers_most():
    assert (dimming(native_grid(), 0.0) == 1).all()
    assert (np.diff(dimming(native_grid(), 0.1)) < 0).all()
