"""The model's error in the rest frame, set right with spectra that were held out.

On spectra that it has learned from a model looks better than it is. What the fit believes of its error, and what it
knows of its own want of data, is scaled here to the residuals of held-out spectra: by one factor for all, and from
there by wavelength, as far as the spectra tell.

What they tell hangs on the noise. Where ivar allows for more noise than there is, as in pixels that were interpolated,
residuals are smaller than noise alone would make them, and pixels in which the error hardly counts would drive it to
nothing. So the share of the noise that is there is fitted beside the error, smooth in observed wavelength, by pixels in
which noise rules.

Of one quasar all pixels miss together: however bright, it says of the common factor no more than one draw does that
scatters as quasars do. So what counts is how many spectra there are, and a few leave the error what it was.
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
_SCATTER = 1.4
"""Scatter of ln(squared error) from quasar to quasar."""
_UNKNOWN = 0.005**2
"""Squared fractional error below which no one can say how large it is."""
_MOST_MISSED = 4.0
"""What a spectrum may say of its squared error at most, in units of what is believed."""
_NOISE_DOUBT = 0.1
"""How well the share of the noise is known; noise that is ten times the error drowns what a spectrum says of that."""
_FACTOR_WIDTHS = (3.0, 0.7)
"""How far ln(common factor) may stray from 0 before the spectra must say so: of what a fit believes, and of an error
that was measured before."""
_LEAST_FACTOR = 0.03
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
    known: float = 0.0  # information on ln(common factor): its inverse variance


@torch.inference_mode()
def calibrate_rest_error(vae: Vae, batches: Iterable[Batch], *, measured: bool = False, n_turn: int = 4) -> Float:
    """Set the squared fractional error of the rest frame from held-out spectra, in place.

    Parameters
    ----------
    vae : Vae
        The trained model.
    batches : iterable
        Held-out spectra; walked through twice a turn.
    measured : bool
        The error that the model has was measured on other spectra, and is not only what the fit believes.
    n_turn : int
        How often the share of the noise is found given the error, and then the error given that; the weights of the
        pixels depend on both. Spectra that cannot tell noise from error leave all of the noise.

    Returns
    -------
    (n_wave,) float64
        Share of the noise variance in `LinearModel.variance` that was found, at most 1. Scoring does not use it.
    """
    linear = vae.linear
    before, forest = _rest_variance(vae), float(torch.sigmoid(linear.forest_share))
    linear.log_sigma_rest.fill_(-12.0)
    now, noise = before, np.ones(N_MODEL)
    for step in range(2 * n_turn):
        linear.mean_variance.copy_(torch.from_numpy(now.astype(np.float32)))
        said = _Said(np.zeros((2, len(before))), np.zeros(2), np.zeros((2, N_MODEL)))
        for batch in batches:
            _gather(vae, batch, torch.from_numpy(noise.astype(np.float32)), said)
        if step % 2:
            _set_forest(vae, said.forest, forest)
            excess = _common(said, before, _FACTOR_WIDTHS[measured])
            expected = before + excess * (before + _UNKNOWN)
            now = _rest_error(said.rest, np.maximum(expected, _LEAST_FACTOR * before))
        else:
            top, bottom = _together(said.noise)
            prior = 2 / _NOISE_WIDTH**2
            noise = np.clip((top + prior) / (bottom + prior), _LEAST_NOISE, 1)
    linear.mean_variance.copy_(torch.from_numpy(now.astype(np.float32)))
    return noise


def _rest_variance(vae: Vae) -> Float:
    total = stretch(torch.exp(2 * vae.linear.log_sigma_rest), vae.grid.n_wave) + vae.linear.mean_variance
    return total.double().numpy()


def _common(said: _Said, before: Float, width: float) -> float:
    """By how much the squared error exceeds what was believed, at all wavelengths, in units of that plus `_UNKNOWN`."""
    (top, bottom), unit = said.rest, before + _UNKNOWN
    known = max(float((bottom * unit**2).sum()), 1e-30)
    found = max(float((top * unit).sum()) / known, _LEAST_FACTOR)
    believed = max(float((bottom * unit * before).sum()) / known, _LEAST_FACTOR)
    weight = said.known / (said.known + 1 / width**2)
    return float(believed * ((found / believed) ** weight - 1))


def _rest_error(said: Float, expected: Float) -> Float:
    """The squared fractional error, (n_rest,): what is expected, and what every wavelength adds."""
    # top / bottom has the variance 2 / bottom; the prior is what is expected, that far off at most.
    prior = 2 / (_PRIOR_WIDTH * expected) ** 2
    top, bottom = _together(said)
    now: Float = np.clip((top + prior * expected) / (bottom + prior), 1e-6, 0.25)
    return now


def _together(sums: Float) -> Float:
    """Sums (2, n) over a neighborhood: a Gaussian of n pixels holds 2 sqrt(pi) n pixels' worth of information."""
    share = 2 * np.sqrt(np.pi) * _SMOOTH_PIXELS
    return np.asarray(share * gaussian_filter1d(sums, _SMOOTH_PIXELS, axis=1, mode="constant"))


def _set_forest(vae: Vae, said: Float, before: float) -> None:
    """Change the share of the forest's largest variance by what its residuals say, drawn to what it was."""
    prior = 2 / (_PRIOR_WIDTH * before) ** 2
    share = float(np.clip((said[0] + prior * before) / (said[1] + prior), 0.02, 0.95))
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
    unit = rest + _UNKNOWN
    error = unit * model**2
    alone = 0.5 * (weight * unit * error).sum(dim=1, keepdim=True)  # if its pixels missed one by one
    ratio = (weight * noise).sum(dim=1, keepdim=True) / (weight * error).sum(dim=1, keepdim=True).clamp(min=1e-30)
    part = 1 / (1 + alone * (_SCATTER**2 + (_NOISE_DOUBT * ratio) ** 2))
    misses = 0.5 * (weight * unit * excess).sum(dim=1, keepdim=True) / alone.clamp(min=1e-30)
    excess = excess * (_MOST_MISSED / misses.clamp(min=_MOST_MISSED))  # a rare kind does not speak for all
    said.known += float((part * alone).double().sum())
    weight = weight * part
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
