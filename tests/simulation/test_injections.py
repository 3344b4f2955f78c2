"""What every injection class promises."""

import json

import numpy as np
import pytest

from oddqso.errors import ConfigError
from oddqso.simulation.injection import Kind
from oddqso.simulation.injections import INJECTIONS, inject, injection_named, split_light
from oddqso.simulation.population import draw_quasar
from oddqso.simulation.quasar import make_parts
from oddqso.simulation.settings import PhysicsParams
from oddqso.spectra.grid import native_grid

WAVE = native_grid()
PARAMS = PhysicsParams(bal_fraction=0, lobal_fraction=0)
EACH = pytest.mark.parametrize("injection", INJECTIONS, ids=[injection.name for injection in INJECTIONS])
LIGHT = pytest.mark.parametrize("injection", [i for i in INJECTIONS if i.kind is Kind.LIGHT], ids=lambda i: i.name)


def redshift(injection):
    return float(np.clip(0.5 * (injection.z_min + min(injection.z_max, 3.2)), injection.z_min, injection.z_max))


def parts_for(injection, seed=0):
    rng = np.random.default_rng(seed)
    return make_parts(WAVE, draw_quasar(rng, PARAMS, z=redshift(injection), r_mag=20.0), rng, PARAMS)[0]


def observed(injection, noise=0.02, seed=0):
    """Flux around 1 and ivar of a quasar in the injection's range of redshift."""
    flux = parts_for(injection, seed).total()
    flux = flux / np.median(flux)
    ivar = np.full(len(WAVE), noise**-2)
    return flux + noise * np.random.default_rng(1).standard_normal(len(WAVE)), ivar


def test_names_are_unique_and_found():
    assert len({injection.name for injection in INJECTIONS}) == len(INJECTIONS) == 32
    assert injection_named("bal").amplitude == "depth"
    with pytest.raises(ConfigError, match="no injection class 'bla'; choose from bal, lobal"):
        injection_named("bla")


@EACH
def test_draws_are_plain_numbers_with_the_amplitude_among_them(injection):
    draws = injection.draws(np.random.default_rng(0), redshift(injection))
    assert injection.low <= draws[injection.amplitude] <= injection.high
    assert json.loads(json.dumps(draws)) == draws


@EACH
def test_the_same_seed_plants_the_same_anomaly(injection):
    flux, ivar = observed(injection)
    one, two = (inject(injection, WAVE, flux, ivar, redshift(injection), np.random.default_rng(4)) for _ in range(2))
    np.testing.assert_array_equal(one[0], two[0])
    assert one[2:] == two[2:]


@EACH
def test_what_is_planted_can_be_seen_and_is_finite(injection):
    z = redshift(injection)
    flux, ivar = observed(injection)
    new, new_ivar, new_z, _ = inject(injection, WAVE, flux, ivar, z, np.random.default_rng(1), amplitude=injection.high)
    if injection.name in ("weak_line", "changing_look"):  # for them the low end is the strong one
        new, new_ivar, new_z, _ = inject(
            injection, WAVE, flux, ivar, z, np.random.default_rng(1), amplitude=injection.low
        )
    assert np.isfinite(new).all()
    assert np.isfinite(new_ivar).all()
    assert (new_ivar >= 0).all()
    if injection.kind is Kind.LABEL:
        assert abs(new_z - z) / (1 + z) > 0.009
        np.testing.assert_array_equal(new, flux)
    else:
        assert new_z == z
        assert np.sum((new - flux) ** 2 * ivar) > 200 if injection.name != "telluric_residual" else 50


@EACH
def test_the_inputs_stay_as_they_were(injection):
    flux, ivar = observed(injection)
    kept = flux.copy(), ivar.copy()
    inject(injection, WAVE, flux, ivar, redshift(injection), np.random.default_rng(1))
    np.testing.assert_array_equal(flux, kept[0])
    np.testing.assert_array_equal(ivar, kept[1])


@EACH
def test_pixels_without_data_stay_without(injection):
    flux, ivar = observed(injection)
    ivar[2000:2100] = 0
    new_ivar = inject(injection, WAVE, flux, ivar, redshift(injection), np.random.default_rng(1))[1]
    assert not new_ivar[2000:2100].any()


@LIGHT
def test_light_stays_light(injection):
    parts = parts_for(injection)
    for seed in range(5):
        draws = injection.draws(np.random.default_rng(seed), parts.z)
        total = injection.light(parts, draws).total()
        assert np.isfinite(total).all()
        assert total.min() >= -1e-9


@pytest.mark.parametrize(
    "name", ["bal", "lobal", "felobal", "redshifted_bal", "dla", "proximate_dla", "strong_mg2", "reddened", "dust_bump"]
)
def test_absorbers_only_take_away(name):
    injection = injection_named(name)
    parts = parts_for(injection)
    after = injection.light(parts, injection.draws(np.random.default_rng(2), parts.z)).total()
    assert (after <= parts.total() * (1 + 1e-12)).all()


@pytest.mark.parametrize(
    "name",
    [
        "bal",
        "dla",
        "strong_mg2",
        "reddened",
        "extreme_iron",
        "nitrogen_rich",
        "oiii_outflow",
        "sky_residual",
        "arm_offset",
        "amplifier_bias",
        "cosmic_ray",
    ],
)
def test_a_larger_amplitude_changes_more(name):
    injection = injection_named(name)
    flux, ivar = observed(injection, noise=1e-4)
    changes = []
    for amplitude in (injection.low, injection.high):
        new = inject(injection, WAVE, flux, ivar, redshift(injection), np.random.default_rng(3), amplitude=amplitude)[0]
        changes.append(np.sum((new - flux) ** 2))
    assert changes[1] > changes[0]


def test_variance_is_kept_where_light_is_taken_away():
    ivar = np.full(len(WAVE), 25.0)
    rng = np.random.default_rng(0)
    flux = 1 + 0.2 * rng.standard_normal(len(WAVE))
    new, new_ivar, _, _ = inject(injection_named("reddened"), WAVE, flux, ivar, 2.0, rng, amplitude=1.5)
    blue = WAVE < 4200
    assert np.std(new[blue]) == pytest.approx(0.2, rel=0.1)
    np.testing.assert_allclose(new_ivar, 25.0)


def test_the_division_of_an_observed_spectrum_gives_back_its_light():
    flux, ivar = observed(injection_named("peaked_line"), noise=0.05)
    parts = split_light(WAVE, flux, ivar, redshift(injection_named("peaked_line")))
    assert (parts.broad >= 0).all()
    assert np.median(np.abs(parts.total() - flux)) < 0.1


def test_a_swapped_line_gives_a_redshift_off_by_the_ratio_of_the_lines():
    injection = injection_named("line_swap")
    draws = injection.draws(np.random.default_rng(0), 1.5, 1.45)
    assert draws["ratio"] == pytest.approx(2798.75 / 1908.73)
    assert (1 + injection.label(1.5, draws)) / 2.5 == pytest.approx(draws["ratio"] ** draws["sign"])


def test_a_wrong_redshift_is_off_by_its_velocity():
    injection = injection_named("wrong_redshift")
    z = injection.label(1.5, injection.draws(np.random.default_rng(0), 1.5, 9000.0))
    assert abs(z - 1.5) / 2.5 * 299_792.458 == pytest.approx(9000.0)
