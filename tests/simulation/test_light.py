"""Continuum, dust, iron, lines and absorbers: the physics against its formulas."""

import numpy as np
import pytest

from oddqso.simulation import absorbers, continuum, dust, emission, forest, iron
from oddqso.simulation.population import PhysicsParams, draw_quasar

REST = np.arange(1000.0, 9000.0, 1.0)


def test_the_power_law_is_continuous_and_has_its_slopes():
    slopes = np.array([-1.5, -0.5, -0.3, -0.4, -1.7])
    law = continuum.power_law(REST, slopes)
    assert np.abs(np.diff(np.log(law))).max() < 0.005
    for low, high, slope in ((1010, 1090, -1.5), (1200, 2100, -0.5), (2300, 5600, -0.3), (5800, 8900, -0.4)):
        a, b = continuum.power_law(np.array([low, high], dtype=float), slopes)
        assert np.log(b / a) / np.log(high / low) == pytest.approx(-(slope + 2))


def test_the_balmer_continuum_ends_at_its_edge():
    bump = continuum.balmer_continuum(REST)
    assert bump[REST == 3000] == pytest.approx(1, rel=0.01)
    assert bump[REST > 4000].max() < 0.01


def test_the_old_galaxy_breaks_at_4000():
    def break_strength(light):
        return light[(REST > 4050) & (REST < 4250)].mean() / light[(REST > 3750) & (REST < 3950)].mean()

    assert break_strength(continuum.old_galaxy(REST)) > 1.5 > break_strength(continuum.young_galaxy(REST)) > 0.9


def test_smc_dust_follows_the_table_of_gordon_et_al():
    table = {
        1216: 17.4,
        1300: 16.1,
        1450: 13.8,
        1700: 11.0,
        2000: 9.3,
        2175: 8.6,
        2500: 7.0,
        2800: 6.0,
        3500: 4.8,
        4400: 3.8,
        5500: 2.7,
    }
    wave = np.array(list(table), dtype=float)
    np.testing.assert_allclose(dust.smc_extinction(wave), list(table.values()), rtol=0.06)


def test_dust_multiplies():
    np.testing.assert_allclose(
        dust.smc_transmission(REST, 0.1) * dust.smc_transmission(REST, 0.2), dust.smc_transmission(REST, 0.3)
    )


def test_the_bump_is_deepest_at_2175():
    passed = dust.bump_transmission(REST, 1.0)
    assert REST[np.argmin(passed)] == pytest.approx(2175, abs=15)
    assert -2.5 * np.log10(passed.min()) == pytest.approx(1.0, rel=0.03)


@pytest.mark.parametrize("fwhm", [1500.0, 3000.0, 8000.0])
def test_iron_has_the_equivalent_width_asked_for_whatever_its_width(fwhm):
    assert iron.iron(REST, fwhm, 2.0, 0.0)[(REST >= 2250) & (REST < 2650)].sum() == pytest.approx(76, rel=0.02)
    assert iron.iron(REST, fwhm, 0.0, 1.0)[(REST >= 4434) & (REST < 4684)].sum() == pytest.approx(17, rel=0.02)


def test_bright_quasars_have_weaker_lines():
    def mean_ew(magnitude):
        ews = []
        for k in range(300):
            rng = np.random.default_rng(k)
            quasar = draw_quasar(rng, PhysicsParams(), z=2.0, r_mag=magnitude)
            lines = emission.draw_lines(quasar, rng)
            ews.append(lines.ew[(np.abs(lines.center - 1546) < 25)].sum())
        return np.median(ews)

    # EW ~ L^-0.23: 3 magnitudes are a factor 1.9 (simqso's trends)
    assert 1.4 < mean_ew(21.5) / mean_ew(18.5) < 2.2


def test_o3_and_n2_keep_their_ratios():
    rng = np.random.default_rng(2)
    lines = emission.draw_lines(draw_quasar(rng, PhysicsParams(), z=0.3, r_mag=19.0), rng)
    ew = lambda low, high: lines.ew[lines.narrow & (lines.center > low) & (lines.center < high) & (lines.sigma < 7)]  # noqa: E731
    assert ew(5006, 5012).max() / ew(4958.5, 4963).max() == pytest.approx(2.98, rel=1e-6)


def test_c4_is_blueshifted_on_average_by_hundreds_of_km_s():
    shifts = []
    for k in range(400):
        rng = np.random.default_rng(k)
        shifts.append(emission.draw_lines(draw_quasar(rng, PhysicsParams()), rng).civ_shift_kms)
    assert -700 < np.mean(shifts) < -250
    assert 400 < np.std(shifts) < 900


def test_an_absorption_line_has_its_equivalent_width_even_if_saturated():
    wave = np.arange(5000.0, 5200.0, 0.2)
    for ew in (0.1, 1.0, 20.0):
        passed = absorbers.line_transmission(wave, np.array([5100.0]), np.array([ew]), np.array([2.0]))
        assert 0.2 * np.sum(1 - passed) == pytest.approx(ew, rel=0.02)


def test_doublets_go_from_two_to_one_to_equal():
    wave = np.arange(5550.0, 5650.0, 0.05)

    def ratio(ew):
        passed = absorbers.metal_transmission(wave, 1.0, absorbers.MG2, ew, 40.0)
        middle = wave < 2 * 2799.9
        return np.sum((1 - passed)[middle]) / np.sum((1 - passed)[~middle])

    assert ratio(0.02) == pytest.approx(2.0, rel=0.05)
    assert ratio(4.0) < 1.3


@pytest.mark.parametrize(("log_nhi", "width"), [(20.3, 7.0), (21.0, 16.0), (21.5, 28.0), (22.0, 50.0)])
def test_damped_lines_are_as_wide_as_their_columns_ask(log_nhi, width):
    rest = np.arange(1100.0, 1330.0, 0.05)
    found = 0.05 * np.sum(absorbers.dla_transmission(rest, 0.0, log_nhi)[rest > 1150] < 0.5)
    assert found == pytest.approx(width, rel=0.08)


def test_a_trough_lies_where_its_velocity_says():
    wave = np.arange(3600.0, 9824.0, 0.8)
    passed = absorbers.bal_transmission(
        wave, 2.0, ((1549.06, 1.0),), np.array([5000.0]), np.array([8000.0]), np.array([0.8]), np.zeros((1, 3))
    )
    velocity = absorbers.outflow_velocity(wave, 2.0, 1549.06)
    assert passed[(velocity > 6500) & (velocity < 9000)].max() < 0.45
    np.testing.assert_allclose(passed[(velocity < 2000) | (velocity > 19_000)], 1, atol=0.02)


@pytest.mark.parametrize(("z_forest", "expected"), [(2.25, 0.79), (3.0, 0.63), (3.5, 0.52)])
def test_the_forest_has_the_mean_transmission_of_kamble_et_al(z_forest, expected):
    center = 1215.67 * (1 + z_forest)
    wave = center + 0.8 * np.arange(-60, 60)
    means = [forest.forest_transmission(wave, z_forest + 0.4, np.random.default_rng(k)).mean() for k in range(150)]
    assert np.mean(means) == pytest.approx(expected, abs=0.03)


def test_the_forest_never_amplifies_and_ends_at_lyman_alpha():
    wave = np.arange(3600.0, 9824.0, 0.8)
    passed = forest.forest_transmission(wave, 2.5, np.random.default_rng(0))
    assert passed.min() >= 0
    assert passed.max() <= 1
    assert (passed[wave > 1215.67 * 3.5] == 1).all()
