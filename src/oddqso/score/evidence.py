"""`Evidence`: what a detector sees of a batch of spectra."""

from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from oddqso.errors import DataError
from oddqso.spectra import UNSCORABLE

_FLOATS = ("flux", "ivar", "model", "model_sigma")


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """Data, reconstruction and latent vectors of ``n_spec`` spectra; never changed in place.

    The whitened residual is ``chi = (flux - model) / s`` with ``s**2 = 1 / ivar + model_sigma**2``.

    Parameters
    ----------
    target_id : (n_spec,) int64
        DESI TARGETID.
    z : (n_spec,) float64
        Redshift.
    quality : (n_spec,) uint32
        `Quality` bits; rows with any of `UNSCORABLE` get no score.
    wave : (n_wave,) float64
        Native grid, vacuum, observed frame [Angstrom].
    flux, ivar : (n_spec, n_wave) float32
        F_lambda as in the files [1e-17 erg / (s cm2 Angstrom)] and inverse variance; 0 where nothing is known.
    model, model_sigma : (n_spec, n_wave) float32
        Reconstruction and its standard deviation, both in the units of ``flux``.
    latent, latent_sigma : (n_spec, n_latent) float32
        Mean and standard deviation of the encoder's posterior.
    kl : (n_spec,) float32
        Divergence of the posterior from the prior, summed over latents [nat].

    Raises
    ------
    DataError
        If a shape is wrong.

    Examples
    --------
    >>> row = np.ones((2, 3), np.float32)
    >>> evidence = Evidence(np.arange(2), np.ones(2), np.zeros(2, np.uint32), np.array([4e3, 5e3, 6e3]),
    ...                     row, row, row, row, row, row, row[:, 0])
    >>> len(evidence), len(evidence[:1]), evidence.scorable.tolist()
    (2, 1, [True, True])
    """

    target_id: NDArray[np.int64]
    z: NDArray[np.float64]
    quality: NDArray[np.uint32]
    wave: NDArray[np.float64]
    flux: NDArray[np.float32]
    ivar: NDArray[np.float32]
    model: NDArray[np.float32]
    model_sigma: NDArray[np.float32]
    latent: NDArray[np.float32]
    latent_sigma: NDArray[np.float32]
    kl: NDArray[np.float32]

    def __post_init__(self) -> None:
        n_spec, n_wave = len(self.target_id), len(self.wave)
        n_latent = self.latent.shape[-1]
        shapes: dict[str, tuple[int, ...]] = dict.fromkeys(("z", "quality", "kl"), (n_spec,))
        shapes |= dict.fromkeys(_FLOATS, (n_spec, n_wave))
        shapes |= dict.fromkeys(("latent", "latent_sigma"), (n_spec, n_latent))
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                raise DataError(f"Evidence.{name} has shape {getattr(self, name).shape}, expected {shape}")

    def __len__(self) -> int:
        return len(self.target_id)

    def __getitem__(self, rows: slice | NDArray[Any]) -> Self:
        """Some of the rows, by slice, indices or boolean mask; the grid is shared."""
        return replace(self, **{f.name: getattr(self, f.name)[rows] for f in fields(self) if f.name != "wave"})

    @property
    def scorable(self) -> NDArray[np.bool_]:
        """(n_spec,) bool, True where the quality allows a score."""
        return np.asarray((self.quality & np.uint32(UNSCORABLE)) == 0)

    def pixels(self) -> tuple[NDArray[np.float32], ...]:
        """Flux, ivar, model, model_sigma as the kernels want them: (n_spec, n_wave) float32, contiguous, read-only."""
        return tuple(_read_only(getattr(self, name)) for name in _FLOATS)


def _read_only(array: NDArray[Any]) -> NDArray[np.float32]:
    """The array, or a copy if need be; one form only, so that a kernel is compiled once."""
    view = np.ascontiguousarray(array, dtype=np.float32).view()
    view.flags.writeable = False
    return view
