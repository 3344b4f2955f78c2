"""The model's error in the rest frame, set right with spectra that were held out.

On spectra that it has learned from a model looks better than it is. What the fit believes of its error, and what it
knows of its own want of data, is scaled here to the residuals of held-out spectra: by one factor for all, and from
there by wavelength, as far as the spectra tell.
"""

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from oddqso.embed.basis import spread
from oddqso.embed.igm import igm_variance
from oddqso.embed.linear import stretch
from oddqso.embed.module import Batch
from oddqso.embed.vae import Vae

Float = NDArray[np.float64]

_SMOOTH_PIXELS = 48.0
_CHI2_CLIP = 9.0
_CLIPPED = 0.995
"""What is left of the variance of a Gaussian whose chi^2 is clipped there."""
_PRIOR_WIDTH = 0.5
"""How far the error at a wavelength may stray from the common factor before the spectra must say so."""


@torch.inference_mode()
def calibrate_rest_error(vae: Vae, batches: Iterable[Batch], n_turn: int = 3) -> None:
    """Set the squared fractional error of the rest frame from held-out spectra, in place.

    Parameters
    ----------
    vae : Vae
        The trained model.
    batches : iterable
        Held-out spectra; walked through once a turn.
    n_turn : int
        How often; the weights of the pixels depend on the error.
    """
    linear = vae.linear
    before = _rest_variance(vae)
    linear.log_sigma_rest.fill_(-12.0)
    now = before
    for _ in range(n_turn):
        linear.mean_variance.copy_(torch.from_numpy(now.astype(np.float32)))
        top, bottom, forest = np.zeros(len(before)), np.zeros(len(before)), np.zeros(2)
        for batch in batches:
            _gather(vae, batch, top, bottom, forest)
        _set_forest(vae, forest)
        total = max(float((bottom * before**2).sum()), 1e-30)
        factor = float(np.clip((top * before).sum() / total, 0.02, 4.0))
        # top / bottom has the variance 2 / bottom; the prior is factor * before, that far off at most.
        prior = 2 / (_PRIOR_WIDTH * factor * before) ** 2
        # A Gaussian of n pixels summed to its width holds 2 sqrt(pi) sigma pixels' worth of information.
        share = 2 * np.sqrt(np.pi) * _SMOOTH_PIXELS
        top, bottom = (share * gaussian_filter1d(part, _SMOOTH_PIXELS, mode="constant") for part in (top, bottom))
        now = np.clip((top + prior * factor * before) / (bottom + prior), 1e-6, 0.25)
    linear.mean_variance.copy_(torch.from_numpy(now.astype(np.float32)))


def _rest_variance(vae: Vae) -> Float:
    total = stretch(torch.exp(2 * vae.linear.log_sigma_rest), vae.grid.n_wave) + vae.linear.mean_variance
    return total.double().numpy()


def _set_forest(vae: Vae, forest: Float) -> None:
    """Change the share of the forest's largest variance by what its residuals say, drawn to no change."""
    share = float(torch.sigmoid(vae.linear.forest_share))
    prior = 2 / (_PRIOR_WIDTH * share) ** 2
    share = float(np.clip((forest[0] + prior * share) / (forest[1] + prior), 0.02, 0.95))
    vae.linear.forest_share.fill_(float(np.log(share / (1 - share))))


def _gather(vae: Vae, batch: Batch, top: Float, bottom: Float, forest: Float) -> None:
    """Add what a batch says about the squared fractional error of each rest-frame pixel, and about the forest."""
    flux, ivar, z = batch
    frame = vae.grid.frame(z)
    transmission, fraction = vae.context(frame)
    encoded = vae.encode(flux, ivar, frame, transmission, fraction)
    model = vae.decode(encoded.mean, frame, transmission)
    variance = vae.linear.variance(ivar, model, fraction, 0.05 * encoded.linear.amplitude[:, None])
    squared = torch.minimum((flux - model) ** 2, _CHI2_CLIP * variance) / _CLIPPED
    rest = vae.linear.rest_variance(frame)
    excess = squared - (variance - rest * model**2)
    weight = torch.where(ivar > 0, (model / variance) ** 2, 0)  # inverse variance of excess / model^2, twice
    largest = igm_variance(transmission)
    share = float(torch.sigmoid(vae.linear.forest_share))
    beyond = excess - rest * model**2 + share * largest * model**2  # of the forest alone
    forest += [
        float((beyond * largest * weight).double().sum()),
        float((largest**2 * model**2 * weight).double().sum()),
    ]
    low = min(frame.start)
    for out, value in ((top, excess * weight), (bottom, model**2 * weight)):
        wide = spread(frame, low, value)
        out[low : low + wide.shape[1]] += wide.sum(axis=0, dtype=np.float64)
