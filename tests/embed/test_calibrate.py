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
    assert 0.8 < width < 1.25
