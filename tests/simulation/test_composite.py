"""Many quasars together, against published figures; benchmarks/realism.py measures the same at length."""

import numpy as np
import pytest

from oddqso.simulation.population import draw_quasar
from oddqso.simulation.quasar import make_parts
from oddqso.simulation.settings import PhysicsParams
from oddqso.spectra.grid import native_grid

WAVE = native_grid()


def composite(low, high, z, n_quasar=120):
    """Median of noiseless quasars of r = 18.5 at a redshift over their power law, on 1 Angstrom of rest frame."""
    grid = np.arange(low, high, 1.0)
    rows = []
    for k in range(n_quasar):
        rng = np.random.default_rng([9, k])
        quasar = draw_quasar(rng, PhysicsParams(bal_fraction=0, lobal_fraction=0), z=z, r_mag=18.5)
        flux = np.interp(grid, WAVE / (1 + z), make_parts(WAVE, quasar, rng, PhysicsParams(bal_fraction=0))[0].total())
        rows.append(flux / flux.mean())
    return grid, np.median(rows, axis=0)


@pytest.mark.parametrize(
    ("low", "high", "z", "published"),
    [
        (1353.0, 1454.0, 2.2, 8.7),
        (1494.0, 1620.0, 2.2, 24.9),
        (1830.0, 1976.0, 2.2, 22.3),
        (2686.0, 2913.0, 1.3, 33.7),
        (4285.0, 4412.0, 0.5, 12.0),
        (4760.0, 4930.0, 0.5, 27.5),
    ],
)
def test_lines_are_as_strong_as_in_the_sdss_composite(low, high, z, published):
    # Vanden Berk et al. 2001: EW over a straight line between the window's edges; luminosities differ, hence 35 %
    grid, flux = composite(low - 10, high + 10, z)
    edges = [np.median(flux[np.abs(grid - edge) < 6]) for edge in (low, high)]
    line = np.interp(grid, [low, high], edges)
    inside = (grid >= low) & (grid <= high)
    assert np.sum(flux[inside] / line[inside] - 1) == pytest.approx(published, rel=0.35)


def test_the_continuum_is_as_blue_as_the_sdss_composite():
    grid, flux = composite(1340.0, 2250.0, 2.2)
    blue, red = (np.median(flux[np.abs(grid - wave) < 8]) for wave in (1355.0, 2230.0))
    assert -np.log(red / blue) / np.log(2230 / 1355) - 2 == pytest.approx(-0.5, abs=0.4)
