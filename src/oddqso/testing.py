"""Small synthetic batches for tests, doctests and tutorials: quick to make, not meant to be realistic."""

import numpy as np

from oddqso.spectra.batch import Spectra
from oddqso.spectra.embedding import Embedding
from oddqso.spectra.grid import model_grid
from oddqso.spectra.lines import LINES


def make_spectra(n_spec: int = 4, *, seed: int = 0, scale: float = 1.0, snr: float = 5.0) -> Spectra:
    """Power laws with a few Gaussian emission lines and white noise, on the model grid.

    Parameters
    ----------
    n_spec : int
        How many spectra.
    seed : int
        Same seed, same spectra.
    scale : float
        The mean flux [1e-17 erg / (s cm2 Angstrom)].
    snr : float
        Signal-to-noise ratio of a pixel at 6000 Angstrom.

    Examples
    --------
    >>> make_spectra(n_spec=2).flux.shape
    (2, 4000)
    """
    rng = np.random.default_rng(seed)
    wave = model_grid()
    z = rng.uniform(0.8, 3.0, n_spec)
    rest = wave / (1 + z[:, None])  # (n_spec, n_wave)
    flux = (wave / 6000.0) ** rng.normal(-1.5, 0.2, n_spec)[:, None]
    for line in LINES:
        if line.broad:
            strength = 0.5 * rng.lognormal(0, 0.3, n_spec)[:, None]
            flux = flux + strength * np.exp(-0.5 * ((rest - line.wave_angstrom) / (0.008 * line.wave_angstrom)) ** 2)
    sigma = 1.0 / snr
    flux = flux + rng.normal(0, sigma, flux.shape)
    return Spectra(
        target_id=39_627_568_982_000_000 + np.arange(n_spec, dtype=np.int64),
        z=z,
        ebv=np.full(n_spec, 0.03, np.float32),
        scale=np.ones(n_spec, np.float32),
        quality=np.zeros(n_spec, np.uint32),
        wave=wave,
        flux=(scale * flux).astype(np.float32),
        ivar=np.full(flux.shape, 1 / (scale * sigma) ** 2, np.float32),
    )


def make_embedding(n_spec: int = 50, *, n_latent: int = 6, seed: int = 0) -> Embedding:
    """Latent vectors from a standard normal, half of them active, with flat models.

    Examples
    --------
    >>> make_embedding(5).latent.shape
    (5, 6)
    """
    rng = np.random.default_rng(seed)
    active = np.arange(n_latent) < (n_latent + 1) // 2
    latent = rng.normal(0, np.where(active, 1.0, 0.02), (n_spec, n_latent)).astype(np.float32)
    sigma = np.broadcast_to(np.where(active, 0.2, 1.0), latent.shape).astype(np.float32)
    kl = (0.5 * (latent**2 + sigma**2 - 1) - np.log(sigma)).sum(axis=1)
    wave = model_grid()
    return Embedding(
        target_id=39_627_568_982_000_000 + np.arange(n_spec, dtype=np.int64),
        latent=latent,
        latent_sigma=sigma,
        kl=kl.astype(np.float32),
        wave=wave,
        model=np.ones((n_spec, len(wave)), np.float32),
        model_sigma=np.full((n_spec, len(wave)), 0.03, np.float16),
    )
