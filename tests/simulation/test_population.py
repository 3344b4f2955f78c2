import numpy as np
import pytest

from oddqso.simulation.population import (
    absolute_magnitude,
    draw_magnitude,
    draw_quasar,
    draw_redshift,
    measured_redshift,
)
from oddqso.simulation.settings import PhysicsParams

PARAMS = PhysicsParams()


def test_redshifts_are_those_of_the_survey():
    rng = np.random.default_rng(0)
    z = np.array([draw_redshift(rng) for _ in range(20_000)])
    assert np.median(z) == pytest.approx(1.7, abs=0.06)
    assert np.mean(z > 2.1) == pytest.approx(0.30, abs=0.03)
    assert np.mean(z > 4) < 0.02


def test_magnitudes_rise_then_stay_flat_to_the_limit():
    rng = np.random.default_rng(1)
    r = np.array([draw_magnitude(rng, PARAMS) for _ in range(40_000)])
    assert r.min() >= PARAMS.magnitude_bright
    assert r.max() <= PARAMS.magnitude_faint
    assert 21.4 < np.median(r) < 22.0
    counts = np.histogram(r, [20.0, 20.5, 21.0, 21.5])[0]
    np.testing.assert_allclose(np.diff(np.log10(counts)), 0.5 * PARAMS.magnitude_slope, atol=0.04)
    flat = np.histogram(r, [22.0, 22.3, 22.6, 22.9])[0]
    np.testing.assert_allclose(flat / flat.mean(), 1, atol=0.06)


def test_farther_is_brighter_at_the_same_magnitude():
    assert absolute_magnitude(20.0, 3.0) < absolute_magnitude(20.0, 1.0) < absolute_magnitude(20.0, 0.3)


def test_the_same_seed_draws_the_same_quasar():
    one, two = (draw_quasar(np.random.default_rng(5), PARAMS) for _ in range(2))
    assert one.z == two.z
    assert (one.slopes == two.slopes).all()


def test_faint_quasars_have_worse_redshifts():
    def scatter(r_mag):
        quasar = draw_quasar(np.random.default_rng(0), PARAMS, z=1.2, r_mag=r_mag)
        rng = np.random.default_rng(1)
        return np.std([measured_redshift(quasar, -500.0, rng)[0] for _ in range(500)])

    assert scatter(22.8) > 1.3 * scatter(19.0)
    assert 50 < scatter(19.0) / 2.2 * 299_792 < 300
