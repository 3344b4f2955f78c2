"""Small synthetic evidence, for tests, doctests and the authors of detectors; quick to make, not meant to be real."""

from dataclasses import replace

import numpy as np

from oddqso.score.evidence import Evidence
from oddqso.score.lines import WINDOWS
from oddqso.score.protocol import Training
from oddqso.spectra.grid import LOG_STEP, N_MODEL, native_grid
from oddqso.spectra.templates import RestTemplates
from oddqso.testing import make_embedding

_Z_RANGE = (1.02, 7.5)
"""Of 1 + z."""


def make_evidence(n_spec: int = 20, *, seed: int = 0, snr: float = 5.0, model_error: float = 0.02) -> Evidence:
    """Quasars of power laws, lines and a mean forest, reconstructed perfectly, white noise, and latent vectors.

    Parameters
    ----------
    n_spec : int
        How many spectra.
    seed : int
        Same seed, same evidence.
    snr : float
        Signal-to-noise ratio of a pixel.
    model_error : float
        What the model says of its own error, as a share of itself.

    Examples
    --------
    >>> make_evidence(3).flux.shape
    (3, 7781)
    """
    rng = np.random.default_rng(seed)
    wave = native_grid()
    slope = rng.normal(-1.5, 0.3, n_spec)[:, None]
    z = rng.uniform(0.8, 3.0, n_spec)
    rest = wave / (1 + z[:, None])  # (n_spec, n_wave)
    lines = np.ones_like(rest)
    for line in WINDOWS:
        height = line.ew * rng.lognormal(0, 0.2, n_spec) / (np.sqrt(2 * np.pi) * 0.008 * line.wave)
        lines += height[:, None] * np.exp(-0.5 * ((rest - line.wave) / (0.008 * line.wave)) ** 2)
    forest = np.exp(-np.where(rest < 1215.67, 5.54e-3 * (wave / 1215.67) ** 3.182, 0))  # Kamble et al. 2020
    model = (rng.lognormal(0, 1, n_spec)[:, None] * (wave / 6000) ** slope * lines * forest).astype(np.float32)
    embedding = make_embedding(n_spec, seed=seed)
    return Evidence(
        target_id=embedding.target_id,
        z=z,
        quality=np.zeros(n_spec, np.uint32),
        wave=wave,
        flux=(model * (1 + rng.normal(0, 1 / snr, model.shape))).astype(np.float32),
        ivar=((snr / model) ** 2).astype(np.float32),
        model=model,
        model_sigma=(model_error * model).astype(np.float32),
        latent=embedding.latent,
        latent_sigma=embedding.latent_sigma,
        kl=embedding.kl,
    )


def make_templates() -> RestTemplates:
    """The mean of `make_evidence`'s quasars, and components that vary their slope and the strength of each line.

    Examples
    --------
    >>> templates = make_templates()
    >>> templates.flux.shape == (12, len(templates.wave))
    True
    """
    n_rest = N_MODEL + 2 + round(float(np.log(_Z_RANGE[1] / _Z_RANGE[0])) / LOG_STEP)
    wave = native_grid()[0] / _Z_RANGE[1] * np.exp(LOG_STEP * np.arange(n_rest))
    continuum = (wave / 3000.0) ** -1.5
    profiles = np.array([
        line.ew / (np.sqrt(2 * np.pi) * 0.008 * line.wave)
        * np.exp(-0.5 * ((wave - line.wave) / (0.008 * line.wave)) ** 2)
        for line in WINDOWS
    ])  # fmt: skip
    mean = continuum * (1 + profiles.sum(axis=0))
    slope = 0.3 * np.log(wave / 3000.0) * mean
    return RestTemplates(wave, np.vstack([mean, slope, 0.2 * profiles * continuum]).astype(np.float32))


def make_training(n_spec: int = 200, *, seed: int = 0) -> Training:
    """Something that every detector can be fitted to.

    Examples
    --------
    >>> len(make_training(30).embedding)
    30
    """
    return Training(make_embedding(n_spec, seed=seed), make_templates())


def plant(
    evidence: Evidence, row: int, *, wave_angstrom: float, sigma_angstrom: float, height: float, latent: float = 0.0
) -> Evidence:
    """The same evidence with a Gaussian feature in one row, and its latent vector moved.

    Parameters
    ----------
    evidence : Evidence
        Left as it is.
    row : int
        The row to make odd.
    wave_angstrom, sigma_angstrom : float
        Center and standard deviation of the feature [Angstrom].
    height : float
        As a share of the model; negative takes light away.
    latent : float
        Added to every latent unit; the divergence grows by half its square a unit.

    Examples
    --------
    >>> odd = plant(make_evidence(2), 1, wave_angstrom=5000, sigma_angstrom=20, height=-0.8)
    >>> bool(odd.flux[1].sum() < make_evidence(2).flux[1].sum())
    True
    """
    flux, vector, kl = evidence.flux.copy(), evidence.latent.copy(), evidence.kl.copy()
    flux[row] += height * evidence.model[row] * np.exp(-0.5 * ((evidence.wave - wave_angstrom) / sigma_angstrom) ** 2)
    vector[row] += latent
    kl[row] += 0.5 * latent**2 * evidence.latent.shape[1]
    return replace(evidence, flux=flux, latent=vector, kl=kl)
