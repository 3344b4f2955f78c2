import numpy as np
import pytest

from oddqso.prepare.normalize import WINDOWS_ANGSTROM, collect, continuum, scale_of, template
from oddqso.spectra.grid import N_MODEL, model_grid

SHAPE = template()


def gather(z, flux=None, ivar=None, min_pixels=40):
    flux = continuum(z).astype(np.float32) if flux is None else flux
    ivar = np.ones(N_MODEL, np.float32) if ivar is None else ivar
    f, t, w = np.empty(N_MODEL), np.empty(N_MODEL), np.empty(N_MODEL)
    n = collect(flux, ivar, z, SHAPE.log_wave, SHAPE.blue, SHAPE.red, SHAPE.windows, min_pixels, f, t, w)
    return f[:n], t[:n], w[:n], n


@pytest.mark.parametrize("z", [0.05, 0.3, 0.9, 1.5, 2.2, 3.0, 4.0, 5.0, 6.0])
def test_every_redshift_has_windows_and_its_own_template_has_scale_one(z):
    f, t, w, n = gather(z)
    rest = model_grid() / (1 + z)
    assert n == sum(((rest >= low) & (rest <= high)).sum() for low, high in WINDOWS_ANGSTROM)
    assert n >= 40
    np.testing.assert_allclose(f, t, rtol=1e-5)
    assert scale_of(f, t, w.copy(), n, 0.15, 3.0, 5)[0] == pytest.approx(1, rel=1e-5)


def test_without_windows_everything_redward_of_lyman_alpha_serves():
    z, ivar = 3.0, np.ones(N_MODEL, np.float32)
    rest = model_grid() / (1 + z)
    for low, high in WINDOWS_ANGSTROM:
        ivar[(rest >= low) & (rest <= high)] = 0
    *_, n = gather(z, ivar=ivar)
    assert n == ((rest > 1230) & (ivar > 0)).sum()
    ivar[rest > 1230] = 0
    assert gather(z, ivar=ivar)[3] == 0


def test_scale_and_error_follow_the_flux():
    rng = np.random.default_rng(0)
    f, t, w, n = gather(2.0)
    f = f + rng.normal(0, 0.5, n)
    scale, error = scale_of(f, t, w.copy(), n, 0.15, 3.0, 5)
    for factor in (1e-3, 7.0, 1e4):
        after = scale_of(factor * f, t, w / factor**2, n, 0.15, 3.0, 5)
        np.testing.assert_allclose(after, (factor * scale, factor * error), rtol=1e-9)


def test_wild_pixels_do_not_carry_the_scale_away():
    rng = np.random.default_rng(0)
    f, t, w, n = gather(2.0, ivar=np.full(N_MODEL, 100, np.float32))
    f = f + rng.normal(0, 0.1, n)
    clean, _ = scale_of(f, t, w.copy(), n, 0.15, 3.0, 5)
    spoiled = f.copy()
    spoiled[rng.choice(n, n // 50, replace=False)] = 1e5
    spoiled[100:160] = 0.0  # a broad trough
    assert scale_of(spoiled, t, w.copy(), n, 0.15, 3.0, 5)[0] == pytest.approx(clean, rel=0.02)


def test_the_error_is_that_of_the_noise():
    rng = np.random.default_rng(0)
    f, t, w, n = gather(1.0)
    scales = [scale_of(f + rng.normal(0, 1, n), t, w.copy(), n, 1e-6, 30.0, 5)[0] for _ in range(300)]
    assert np.std(scales) == pytest.approx(scale_of(f, t, w.copy(), n, 1e-6, 30.0, 5)[1], rel=0.12)


def test_the_template_is_continuous_at_its_break():
    shape = continuum(0.5)
    assert np.abs(np.diff(np.log(shape))).max() < 5e-4
