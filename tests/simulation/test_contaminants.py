import numpy as np
import pytest

from oddqso.simulation.contaminants import STAR_TYPES, draw_galaxy, galaxy, star
from oddqso.spectra.grid import native_grid

WAVE = native_grid()


@pytest.mark.parametrize("kind", STAR_TYPES)
def test_every_star_is_light_without_holes(kind):
    flux = star(WAVE, kind)
    assert np.isfinite(flux).all()
    assert flux.min() > 0


def test_hot_stars_are_blue():
    colors = [
        star(np.array([4500.0]), kind)[0] / star(np.array([7400.0]), kind)[0] for kind in ("WD", "A", "G", "K", "M")
    ]
    assert colors == sorted(colors, reverse=True)


def test_a_star_in_motion_is_shifted():
    still, moving = star(WAVE, "A"), star(WAVE, "A", velocity_kms=3000.0)
    near = (WAVE > 4800) & (WAVE < 4950)
    gap = WAVE[near][np.argmin(moving[near])] - WAVE[near][np.argmin(still[near])]
    assert gap == pytest.approx(48.6, abs=2)


def test_lines_of_galaxies_have_their_equivalent_width():
    one = draw_galaxy(np.random.default_rng(3), z=0.5)
    flux = galaxy(WAVE, one)
    near = np.abs(WAVE - 3728.5 * 1.5) < 30
    level = np.interp(WAVE[near], WAVE[near][[0, -1]], flux[near][[0, -1]])
    assert 0.8 * np.sum(flux[near] / level - 1) / 1.5 == pytest.approx(one.ew_o2, rel=0.15)
