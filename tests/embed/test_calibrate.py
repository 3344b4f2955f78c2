import numpy as np
import pytest
import torch

from oddqso.embed.calibrate import calibrate_rest_error
from oddqso.embed.encoding import encode
from oddqso.embed.weights import load_model
from oddqso.testing import make_spectra


@pytest.mark.parametrize("believed", [0.003, 0.1])
def test_whatever_error_is_believed_the_residuals_come_out_standard(trained, believed):
    model = load_model(trained)
    linear = model.vae.linear
    linear.log_sigma_rest.fill_(float(np.log(believed)))
    linear.mean_variance.zero_()
    linear.log_sigma_observed.fill_(-8)
    held_out = make_spectra(60, seed=77, snr=60.0)  # the noise is small: the error of the model counts
    batch = (torch.from_numpy(held_out.flux), torch.from_numpy(held_out.ivar), held_out.z)
    calibrate_rest_error(model.vae, [batch])
    fresh = make_spectra(60, seed=78, snr=60.0)
    made = encode(model, fresh)
    red = made.wave > 1216 * (1 + fresh.z[:, None])
    variance = 1 / fresh.ivar + (made.model_sigma.astype(np.float32) * made.model) ** 2
    width = np.percentile(np.abs((fresh.flux - made.model) / np.sqrt(variance))[red], 68.27)
    assert 0.75 < width < 1.25  # 60 spectra do not wholly overrule what was believed


def _calibrated(trained, ivar_factor, rng):
    """Squared error and noise found of spectra with an error of 5 % in every pixel, whose ivar is off by a factor."""
    model, batches = load_model(trained), []
    for seed, snr in ((91, 3.0), (92, 12.0)):
        one = make_spectra(40, seed=seed, snr=snr)
        flux = one.flux * (1 + 0.05 * rng.normal(size=one.flux.shape))
        batches.append((torch.from_numpy(flux.astype(np.float32)), torch.from_numpy(ivar_factor * one.ivar), one.z))
    noise = calibrate_rest_error(model.vae, batches)
    return model.vae.linear.mean_variance.numpy(), noise


def test_noise_that_is_not_there_does_not_drive_the_error_to_nothing(trained):
    wave = load_model(trained).vae.grid.wave()
    covered = (wave > 1300) & (wave < 3000)
    (right, all_there), (wrong, less) = (
        _calibrated(trained, np.float32(factor), np.random.default_rng(5)) for factor in (1.0, 0.6)
    )
    assert np.median(all_there) > 0.95
    assert np.median(less) == pytest.approx(0.6, abs=0.15)  # ivar 0.6 of what it is: 0.6 of that noise is there
    assert np.sqrt(np.median(wrong[covered]) / np.median(right[covered])) > 0.65  # 0.2 if all of it were believed


def test_spectra_that_cannot_tell_noise_from_error_leave_the_noise_alone(trained):
    model = load_model(trained)
    bright = make_spectra(40, seed=93, snr=200.0)
    noise = calibrate_rest_error(model.vae, [(torch.from_numpy(bright.flux), torch.from_numpy(bright.ivar), bright.z)])
    assert noise.min() > 0.8
