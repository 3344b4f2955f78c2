"""Spectra to latent vectors and reconstructions, and back, with a trained model."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from oddqso.embed.devices import find_device, halving
from oddqso.embed.threads import threads
from oddqso.embed.vae import Vae
from oddqso.embed.weights import Model
from oddqso.errors import DataError
from oddqso.spectra import Embedding, Spectra

_Arrays = tuple[NDArray[Any], ...]
_LARGEST_ERROR = 6.0e4  # float16 ends at 65504


def encode(model: Model, spectra: Spectra, batch_size: int = 64, n_thread: int = 1, device: str = "cpu") -> Embedding:
    """Latent vectors, reconstructions and their errors.

    Parameters
    ----------
    model : Model
        From `oddqso.embed.weights.load_model`.
    spectra : Spectra
        Prepared, on the model grid. Masked pixels (``ivar == 0``) carry nothing; a spectrum without any pixel, or with
        a redshift outside the range of the model, gets the prior.
    batch_size : int
        Rows a batch. Batches are padded to this size, so that a row comes out the same alone and in company.
    n_thread : int
        Threads; processes share the work better than threads do.
    device : {"cpu", "gpu", "auto"}
        Where; the model stays there. If memory runs out there, batches are halved.

    Returns
    -------
    Embedding
        Of the same rows; ``model`` in the units of the prepared flux.
    """
    if not (len(spectra.wave) == len(model.wave) and np.allclose(spectra.wave, model.wave, rtol=1e-9)):
        raise DataError(
            f"the spectra have {len(spectra.wave)} pixels and are not on the model grid; prepare them first"
        )
    model.vae.to(find_device(device))
    with threads(n_thread):
        return halving(lambda n_row: _encode(model, spectra, n_row), batch_size, "encoding")


def _encode(model: Model, spectra: Spectra, batch_size: int) -> Embedding:
    n_spec, n_wave, n_latent = len(spectra), len(model.wave), model.n_latent
    latent, latent_sigma = np.zeros((2, n_spec, n_latent), np.float32)
    kl = np.zeros(n_spec, np.float32)
    flux = np.zeros((n_spec, n_wave), np.float32)
    error = np.zeros((n_spec, n_wave), np.float16)
    for first in range(0, n_spec, batch_size):
        rows = slice(first, min(first + batch_size, n_spec))
        n_row = rows.stop - first
        parts = _encode_batch(model, spectra[rows], batch_size)
        latent[rows], latent_sigma[rows], kl[rows], flux[rows], error[rows] = (part[:n_row] for part in parts)
    return Embedding(spectra.target_id, latent, latent_sigma, kl, model.wave, flux, error)


@torch.inference_mode()
def _encode_batch(model: Model, spectra: Spectra, batch_size: int) -> _Arrays:
    vae = model.vae
    n_row, n_wave = spectra.flux.shape
    inside = (spectra.z >= vae.grid.z_min) & (spectra.z <= vae.grid.z_max)
    flux, ivar = np.zeros((2, batch_size, n_wave), np.float32)
    flux[:n_row], ivar[:n_row] = spectra.flux, spectra.ivar
    known = np.isfinite(flux) & np.isfinite(ivar) & (ivar > 0)
    known[:n_row] &= inside[:, None]
    for given in (flux, ivar):
        torch.nan_to_num_(torch.from_numpy(given), 0.0, 0.0, 0.0)
        given *= known
    z = np.full(batch_size, vae.grid.z_max)
    z[:n_row] = spectra.z
    arrays = _through(vae, flux, ivar, z)
    overflown = np.zeros(batch_size, dtype=bool)
    for array in arrays:
        overflown |= ~np.isfinite(array.reshape(batch_size, -1)).all(axis=1)
    if overflown.any():  # numbers beyond all measure: nothing can be said, so it is the prior
        flux[overflown], ivar[overflown] = 0, 0
        arrays = _through(vae, flux, ivar, z)
    *rest, error = arrays
    return *rest, torch.from_numpy(error).half().numpy()


def _through(vae: Vae, flux: NDArray[np.float32], ivar: NDArray[np.float32], z: NDArray[np.float64]) -> _Arrays:
    device = vae.linear.table.device
    flux_tensor, ivar_tensor = (torch.from_numpy(array).to(device) for array in (flux, ivar))
    made = vae.reconstruct(flux_tensor, ivar_tensor, z)
    error = vae.error(ivar_tensor, made.flux, made.fraction, made.floor).clamp(max=_LARGEST_ERROR)
    tensors = (made.encoded.mean, made.encoded.sigma, made.encoded.kl, made.flux, error)
    latent, sigma, kl, flux_model, fractional = (tensor.cpu().numpy() for tensor in tensors)
    return latent, sigma, kl, flux_model, fractional


@torch.inference_mode()
def decode(
    model: Model, latent: NDArray[np.float32], z: NDArray[np.float64], wave: NDArray[np.float64] | None = None
) -> NDArray[np.float32]:
    """Spectra of latent vectors.

    Parameters
    ----------
    model : Model
        From `oddqso.embed.weights.load_model`.
    latent : (n_spec, n_latent) float32
        Latent vectors.
    z : (n_spec,) float64
        Redshifts.
    wave : (n_wave,) float64, optional
        Observed-frame wavelengths at which the spectra are wanted [Angstrom]; the model grid by default. Outside the
        grid the first or last value is repeated.

    Returns
    -------
    (n_spec, n_wave) float32
        In the units of the prepared flux.
    """
    device = model.vae.linear.table.device
    with threads(1):
        frame = model.vae.grid.frame(z, device)
        transmission, _ = model.vae.context(frame)
        given = torch.from_numpy(np.ascontiguousarray(latent, np.float32)).to(device)
        flux = model.vae.decode(given, frame, transmission).cpu().numpy()
    if wave is None:
        return np.asarray(flux, np.float32)
    return np.stack([np.interp(wave, model.wave, row) for row in flux]).astype(np.float32)
