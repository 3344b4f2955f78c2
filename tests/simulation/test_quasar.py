import numpy as np
import pytest

from oddqso.simulation.population import draw_quasar
from oddqso.simulation.quasar import make_parts
from oddqso.simulation.settings import PhysicsParams
from oddqso.spectra.grid import native_grid

WAVE = native_grid()


def parts_of(seed=0, z=2.4, **settings):
    params = PhysicsParams(**settings)
    rng = np.random.default_rng(seed)
    return make_parts(WAVE, draw_quasar(rng, params, z=z, r_mag=20.0), rng, params)


@pytest.mark.parametrize("z", [0.15, 0.9, 2.0, 3.5, 5.2])
def test_every_part_is_finite_and_none_is_negative(z):
    parts, _, _ = parts_of(3, z)
    for name in ("continuum", "iron", "broad", "narrow", "host", "passed"):
        array = getattr(parts, name)
        assert np.isfinite(array).all(), name
        assert (array >= 0).all(), name
    assert parts.passed.max() <= 1


def test_brighter_means_every_part_of_the_light():
    parts, _, _ = parts_of()
    np.testing.assert_allclose(parts.scaled(3.0).total(), 3.0 * parts.total())


def test_what_dims_the_quasar_spares_its_host():
    parts, _, _ = parts_of(1, 0.5)
    np.testing.assert_allclose(parts.dimmed(np.zeros(len(WAVE))).total(), parts.host)


def test_lines_stand_at_their_redshift():
    parts, _, _ = parts_of(2, 2.4, bal_fraction=0, lobal_fraction=0)
    near = (WAVE > 1500 * 3.4) & (WAVE < 1600 * 3.4)
    assert WAVE[near][np.argmax(parts.broad[near])] / 3.4 == pytest.approx(1546, abs=14)


def test_absorbers_come_at_their_natural_rates():
    found = [parts_of(seed, 2.3)[2] for seed in range(300)]
    assert np.mean([one["bal"] > 0 for one in found]) == pytest.approx(0.16, abs=0.06)
    # dN/dz = 0.6 exp(-7 / z^2), 1.6 times that above 19.5, over z = 1.96-2.3
    assert 0.01 < np.mean([one["dla"] > 0 for one in found]) < 0.15
    assert 0.4 < np.mean([one["mg2"] > 0.3 for one in found]) < 0.95
