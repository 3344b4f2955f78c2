"""Settings of the detectors: how they are fitted, and how they look at a spectrum."""

from typing import Annotated

from pydantic import AfterValidator, Field

from oddqso.params import Params


def _scales(scales: tuple[int, ...]) -> tuple[int, ...]:
    if not scales or any(s < 1 or s & (s - 1) for s in scales) or list(scales) != sorted(set(scales)):
        raise ValueError(f"scales must be ascending powers of two, as 1, 2, 4; found {scales}")
    return scales


Scales = Annotated[tuple[int, ...], AfterValidator(_scales)]
"""Standard deviations of Gaussian filters, ascending powers of two [native pixels]."""


class FitParams(Params):
    """How the latent detectors learn what is ordinary.

    Examples
    --------
    >>> FitParams().forest_trees
    200
    """

    max_spectra: int = Field(100_000, ge=1)
    """At most this many spectra are used."""
    plugins: bool = False
    """Also use the detectors that other packages offer under the entry point group ``oddqso.scores``."""
    active_kl_nat: float = Field(0.1, ge=0)
    """A latent unit is active if its mean divergence from the prior is above this [nat]."""
    gmm_components: tuple[int, ...] = (1, 2, 3, 4, 6, 8)
    """Numbers of Gaussians to try; the Bayesian information criterion picks one."""
    gmm_min_weight: float = Field(0.02, ge=0, lt=1)
    """Gaussians that hold a smaller share of the spectra are dropped: a handful of odd ones is no population."""
    gmm_regularization: float = Field(1e-3, gt=0)
    """Added to the variances of standardized latents."""
    forest_trees: int = Field(200, ge=1)
    """Number of trees of the Isolation Forest."""
    forest_samples: int = Field(256, ge=2)
    """Spectra that one tree sees."""
    knn_neighbors: int = Field(16, ge=1)
    """Nearest spectra whose mean distance is the score KNN."""
    knn_reference: int = Field(10_000, ge=1)
    """At most this many spectra to be near to; time and memory grow with them."""
    redshift_templates: int = Field(11, ge=2)
    """Mean and strongest components of the model, together, that other redshifts are tried with."""
    pyod: tuple[str, ...] = ()
    """Detectors of the package PyOD to use as well, by the names of their classes, as "LOF"; each becomes PYOD_<NAME>.
    Those whose scores depend on which spectra are scored together, as "ECOD", are refused."""
    pyod_reference: int = Field(5_000, ge=2)
    """At most this many spectra teach a detector of PyOD."""


class ScoreParams(Params):
    """How the residual detectors look at a spectrum.

    Examples
    --------
    >>> ScoreParams(broad_scales=(8, 24))
    Traceback (most recent call last):
        ...
    pydantic_core._pydantic_core.ValidationError: 1 validation error for ScoreParams
    ...
    """

    batch_size: int = Field(256, ge=1)
    """Spectra that are scored at a time; bounds the memory and changes nothing else."""
    chi_clip: float = Field(10.0, gt=0)
    """Whitened residuals are clipped here in chi2, so that one cosmic ray does not own it [sigma]."""
    narrow_scales: Scales = (1, 2, 4, 8)
    """Widths (standard deviation) of the narrow matched filters [native pixels of 0.8 Angstrom]."""
    broad_scales: Scales = (16, 32, 64, 128, 256)
    """Widths (standard deviation) of the broad matched filters [native pixels of 0.8 Angstrom]."""
    coherence: float = Field(0.2, ge=0, le=1)
    """Share of the model's error that all pixels under one filter have in common; 0 takes pixels as independent."""
    join_length_angstrom: float = Field(200.0, gt=0)
    """Pixels count for the step at an arm join with a weight that falls by e over this distance from it [Angstrom]."""
    line_scatter: float = Field(2.0, ge=0)
    """Scatter of the strength of forbidden lines among ordinary quasars, in units of their mean strength; wide, for the
    distribution has a long tail."""
    redshift_error: float = Field(0.05, ge=0)
    """Error of the templates where other redshifts are tried, as a share of the flux, per 1200 km/s."""
    redshift_scan_templates: int = Field(5, ge=2)
    """Templates of the first look at every redshift; the most promising ones are fitted with all."""
    redshift_candidates: int = Field(2, ge=1)
    """Other redshifts that are fitted with all templates."""
    redshift_apart_kms: float = Field(2000.0, gt=0)
    """A redshift is another one at this velocity from the filed one [km/s]."""
    min_filter_coverage: float = Field(0.5, ge=0, le=1)
    """A filter counts where at least this share of its weight lies on good pixels."""
    model_floor: float = Field(0.1, gt=0)
    """Filters scale with the model, but with no less than this share of its mean, so that light can be found
    where the model has none."""
    sky_noise_factor: float = Field(1.0, ge=1)
    """Noise is multiplied by this inside strong sky lines and deep telluric bands."""


class DetectorParams(Params):
    """What a detector is made with."""

    fit: FitParams = FitParams()
    """How the latent detectors learn what is ordinary."""
    score: ScoreParams = ScoreParams()
    """How the residual detectors look at a spectrum."""
