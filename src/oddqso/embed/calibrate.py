"""The model's error in the rest frame, set right with spectra that were held out.

On spectra that it has learned from a model looks better than it is. What the fit believes of its error, and what it
knows of its own want of data, is scaled here to the residuals of held-out spectra: by one factor for all, and from
there by wavelength, as far as the spectra tell.

What they tell hangs on the noise. Where ivar allows for more noise than there is, as in pixels that were interpolated,
residuals are smaller than noise alone would make them, and pixels in which the error hardly counts would drive it to
nothing. So the share of the noise that is there is fitted beside the error, smooth in observed wavelength, by pixels in
which noise rules.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from oddqso.embed.igm import igm_variance
from oddqso.embed.linear import stretch
from oddqso.embed.module import Batch
from oddqso.embed.sums import spread
from oddqso.embed.vae import Vae
from oddqso.spectra.grid import N_MODEL

Float = NDArray[np.float64]

_SMOOTH_PIXELS = 48.0
_CHI2_CLIP = 9.0
_CLIPPED = 0.995
"""What is left of the variance of a Gaussian whose chi^2 is clipped there."""
_PRIOR_WIDTH = 0.5
"""How far the error at a wavelength may stray from the common factor before the spectra must say so."""
_NOISE_WIDTH = 0.3
"""How far the share of the noise that is there may stray from 1 before the spectra must say so."""
_RULES = 2 / 3
"""Noise rules in a pixel if it is this much of the variance: what is not known of the error is less there."""
_LEAST_NOISE = 0.25


@dataclass
class _Said:
    """What the spectra say, gathered over the batches: pairs of a weighted sum and the sum of its weights."""

    rest: Float  # (2, n_rest), of the squared fractional error
    forest: Float  # (2,), of the share of the forest's largest variance
    noise: Float  # (2, n_wave), of the share of the noise that is there


@torch.inference_mode()
def calibrate_rest_error(vae: Vae, batches: Iterable[Batch], n_turn: int = 4) -> Float:
    """Set the squared fractional error of the rest frame from held-out spectra, in place.

    Parameters
    ----------
    vae : Vae
        The trained model.
    batches : iterable
        Held-out spectra; walked through once a turn.
    n_turn : int
        How often; the weights of the pixels depend on the error, and so does the share of the noise. In the first
        turn all of the noise is there: spectra that cannot tell noise from error leave it at that.

    Returns
    -------
    (n_wave,) float64
        Share of the noise variance in `LinearModel.variance` that was found, at most 1. Scoring does not use it.
    """
    linear = vae.linear
    before = _rest_variance(vae)
    linear.log_sigma_rest.fill_(-12.0)
    now, noise = before, np.ones(N_MODEL)
    for _ in range(n_turn):
        linear.mean_variance.copy_(torch.from_numpy(now.astype(np.float32)))
        said = _Said(np.zeros((2, len(before))), np.zeros(2), np.zeros((2, N_MODEL)))
        for batch in batches:
            _gather(vae, batch, torch.from_numpy(noise.astype(np.float32)), said)
        _set_forest(vae, said.forest)
        now = _rest_error(said.rest, before)
        top, bottom = _together(said.noise)
        prior = 2 / _NOISE_WIDTH**2
        noise = np.clip((top + prior) / (bottom + prior), _LEAST_NOISE, 1)
    linear.mean_variance.copy_(torch.from_numpy(now.astype(np.float32)))
    return noise


def _rest_variance(vae: Vae) -> Float:
    total = stretch(torch.exp(2 * vae.linear.log_sigma_rest), vae.grid.n_wave) + vae.linear.mean_variance
    return total.double().numpy()


def _rest_error(said: Float, before: Float) -> Float:
    """The squared fractional error, (n_rest,): one factor on what was believed, and what every wavelength adds."""
    top, bottom = said
    total = max(float((bottom * before**2).sum()), 1e-30)
    factor = float(np.clip((top * before).sum() / total, 0.02, 4.0))
    # top / bottom has the variance 2 / bottom; the prior is factor * before, that far off at most.
    prior = 2 / (_PRIOR_WIDTH * factor * before) ** 2
    top, bottom = _together(said)
    now: Float = np.clip((top + prior * factor * before) / (bottom + prior), 1e-6, 0.25)
    return now


def _together(sums: Float) -> Float:
    """Sums (2, n) over a neighborhood: a Gaussian of n pixels holds 2 sqrt(pi) n pixels' worth of information."""
    share = 2 * np.sqrt(np.pi) * _SMOOTH_PIXELS
    return np.asarray(share * gaussian_filter1d(sums, _SMOOTH_PIXELS, axis=1, mode="constant"))


def _set_forest(vae: Vae, forest: Float) -> None:
    """Change the share of the forest's largest variance by what its residuals say, drawn to no change."""
    share = float(torch.sigmoid(vae.linear.forest_share))
    prior = 2 / (_PRIOR_WIDTH * share) ** 2
    share = float(np.clip((forest[0] + prior * share) / (forest[1] + prior), 0.02, 0.95))
    vae.linear.forest_share.fill_(float(np.log(share / (1 - share))))


def _gather(vae: Vae, batch: Batch, noise_share: torch.Tensor, said: _Said) -> None:
    """Add what a batch says of the error of each rest-frame pixel, of the forest, and of the noise."""
    flux, ivar, z = batch
    made = vae.reconstruct(flux, ivar, z)
    frame, model = made.frame, made.flux
    variance = vae.linear.variance(ivar, model, made.fraction, made.floor)
    known = ivar > 0
    noise = torch.where(known, vae.linear.noise_factor() / ivar.clamp(min=1e-30), 0)
    squared = torch.minimum((flux - model) ** 2, _CHI2_CLIP * variance) / _CLIPPED
    rest = vae.linear.rest_variance(frame)
    excess = squared - (variance - rest * model**2) + (1 - noise_share) * noise
    weight = torch.where(known, (model / variance) ** 2, 0)  # inverse variance of excess / model^2, twice
    largest = igm_variance(made.transmission)
    share = float(torch.sigmoid(vae.linear.forest_share))
    beyond = excess - rest * model**2 + share * largest * model**2  # of the forest alone
    said.forest += [
        float((beyond * largest * weight).double().sum()),
        float((largest**2 * model**2 * weight).double().sum()),
    ]
    low = min(frame.start)
    for out, value in zip(said.rest, (excess * weight, model**2 * weight), strict=True):
        wide = spread(frame, low, value)
        out[low : low + wide.shape[1]] += wide.sum(axis=0, dtype=np.float64)
    ruled = torch.where(noise > _RULES * variance, noise / variance**2, 0)
    for out, value in zip(said.noise, ((squared - variance + noise) * ruled, noise * ruled), strict=True):
        out += value.double().sum(dim=0).numpy()
