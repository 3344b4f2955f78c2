"""What the report is made from: tables and arrays, and a way to ask for single spectra."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddqso.errors import DataError


@dataclass(frozen=True, slots=True, eq=False)
class SpectrumView:
    """One spectrum and its reconstruction, on native pixels in the units of the files.

    Parameters
    ----------
    target_id : int
        DESI TARGETID.
    z : float
        Redshift.
    wave : (n_wave,) float64
        Vacuum wavelength, observed frame [Angstrom].
    flux, ivar : (n_wave,) float32
        F_lambda as in the files, not dereddened [1e-17 erg / (s cm2 Angstrom)], and inverse variance; 0 where nothing
        is known.
    model, model_sigma : (n_wave,) float32
        Reconstruction and its standard deviation, in the units of ``flux``; NaN where there is none.

    Raises
    ------
    DataError
        If a shape is wrong.

    Examples
    --------
    >>> row = np.ones(3, np.float32)
    >>> view = SpectrumView(39627, 1.0, np.array([4000.0, 5000.0, 6000.0]), 2 * row, row, row, 0 * row)
    >>> view.chi.tolist(), view.rest.tolist()
    ([1.0, 1.0, 1.0], [2000.0, 2500.0, 3000.0])
    """

    target_id: int
    z: float
    wave: NDArray[np.float64]
    flux: NDArray[np.float32]
    ivar: NDArray[np.float32]
    model: NDArray[np.float32]
    model_sigma: NDArray[np.float32]

    def __post_init__(self) -> None:
        for name in ("flux", "ivar", "model", "model_sigma"):
            if getattr(self, name).shape != self.wave.shape:
                raise DataError(
                    f"SpectrumView.{name} has shape {getattr(self, name).shape}, expected {self.wave.shape}"
                )

    @property
    def rest(self) -> NDArray[np.float64]:
        """Rest-frame wavelength (n_wave,) [Angstrom]."""
        return self.wave / (1 + self.z)

    @property
    def good(self) -> NDArray[np.bool_]:
        """Pixels with data and a model, (n_wave,)."""
        return (self.ivar > 0) & np.isfinite(self.flux) & np.isfinite(self.model)

    @property
    def chi(self) -> NDArray[np.float64]:
        """Whitened residual (n_wave,): (flux - model) / sqrt(1/ivar + model_sigma**2); NaN where nothing is known."""
        chi = np.full(len(self.wave), np.nan)
        good = self.good
        error = np.sqrt(1 / self.ivar[good].astype(np.float64) + np.nan_to_num(self.model_sigma[good]) ** 2)
        chi[good] = (self.flux[good] - self.model[good]) / error
        return chi


class TrueFlux(NamedTuple):
    """What a simulated spectrum would be without its noise, and the light behind it, in the units of the files.

    Parameters
    ----------
    without_noise : (n_wave,) float32
        The spectrum as the instrument delivers it, errors of the flux calibration included, but without noise.
    light : (n_wave,) float32
        The light of the quasar behind Galactic dust and the optics: without those errors, too.
    """

    without_noise: NDArray[np.float32]
    light: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Results:
    """What a run found.

    Parameters
    ----------
    title : str
        What the data are, in a few words.
    is_simulated : bool
        Whether the spectra are simulated.
    catalog : pa.Table
        The released catalog.
    waterfall : sequence of mapping
        One step a cut: ``name``, ``description``, ``n_in``, ``n_out``; ``n_flagged`` and ``strict`` where known.
    claim : mapping
        What the list may claim: ``sentence`` and counts.
    curves : pa.Table
        One row an epoch and split of the training: ``epoch``, ``split`` and what was measured.
    model_card : mapping
        What is known of the model.
    spectra : callable
        Gives the spectra of some TARGETIDs, in their order.
    ordinary : sequence of int
        TARGETIDs of held-out strict spectra, which measure the reconstruction.
    truth : pa.Table, optional
        Of a simulated survey: TARGETID, KIND, CLASS, AMPLITUDE, Z_TRUE.
    settings, provenance : mapping
        Settings a stage; version, input, seed and fingerprints.
    noiseless : callable, optional
        Of a simulated survey: the `TrueFlux` of some TARGETIDs, of those for which it is known.
    """

    title: str
    is_simulated: bool
    catalog: pa.Table
    waterfall: Sequence[Mapping[str, Any]]
    claim: Mapping[str, Any]
    curves: pa.Table
    model_card: Mapping[str, Any]
    spectra: Callable[[Sequence[int]], Sequence[SpectrumView]]
    ordinary: Sequence[int]
    truth: pa.Table | None
    settings: Mapping[str, Any]
    provenance: Mapping[str, Any]
    noiseless: Callable[[Sequence[int]], Mapping[int, TrueFlux]] | None = None
