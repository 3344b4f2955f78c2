import numpy as np
import pytest

from oddqso.simulation.injection import Kind
from oddqso.simulation.injections import INJECTIONS
from oddqso.simulation.settings import PhysicsParams
from oddqso.simulation.targets import band_flux, make_quasar, make_target
from oddqso.spectra.grid import native_grid

PARAMS = PhysicsParams()


@pytest.mark.parametrize("kind", ["quasar", "galaxy", "star"])
def test_targets_have_the_magnitude_they_were_given(kind):
    for seed in range(6):
        target = make_target(kind, np.random.default_rng(seed), PARAMS)
        assert 22.5 - 2.5 * np.log10(band_flux(native_grid(), target.model)["R"]) == pytest.approx(
            target.r_mag, abs=1e-6
        )


@pytest.mark.parametrize("kind", ["sky", "stuck"])
def test_empty_fibers_have_no_light(kind):
    assert not make_target(kind, np.random.default_rng(0), PARAMS).model.any()


@pytest.mark.parametrize("injection", INJECTIONS, ids=lambda injection: injection.name)
def test_anomalies_lie_in_their_range_of_redshift(injection):
    target = make_quasar(np.random.default_rng(0), PARAMS, injection)
    assert injection.z_min <= target.z_true <= injection.z_max
    assert injection.low <= target.amplitude <= injection.high
    assert np.isfinite(target.model).all()


def test_only_wrong_labels_are_far_from_the_truth():
    for injection in INJECTIONS:
        target = make_quasar(np.random.default_rng(1), PARAMS, injection)
        far = abs(target.z - target.z_true) / (1 + target.z_true) > 0.009
        assert far == (injection.kind is Kind.LABEL), injection.name


def test_some_galaxies_and_stars_pass_for_quasars():
    for kind in ("galaxy", "star"):
        confused = [make_target(kind, np.random.default_rng(seed), PARAMS) for seed in range(150)]
        assert {one.spectype == "QSO" for one in confused if one.confused} == {True}
        assert 0.01 < np.mean([one.confused for one in confused]) < 0.15
