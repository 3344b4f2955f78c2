"""`Spectra`: a frozen batch of spectra on one wavelength grid."""

from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddqso.errors import DataError
from oddqso.spectra.columns import matrix_column, matrix_from, wave_from, wave_metadata

_DTYPES = {
    "target_id": np.int64, "z": np.float64, "ebv": np.float32, "scale": np.float32, "quality": np.uint32,
    "wave": np.float64, "flux": np.float32, "ivar": np.float32,
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Spectra:
    """``n_spec`` spectra on one grid of ``n_wave`` pixels; never changed in place.

    Parameters
    ----------
    target_id : (n_spec,) int64
        DESI TARGETID.
    z : (n_spec,) float64
        Redshift.
    ebv : (n_spec,) float32
        Galactic reddening E(B-V) of SFD98 that stands in the DESI files [mag].
    scale : (n_spec,) float32
        What the flux was divided by; 1 before normalizing [1e-17 erg / (s cm2 Angstrom)].
    quality : (n_spec,) uint32
        `Quality` bits of the whole spectrum; 0 is good.
    wave : (n_wave,) float64
        Vacuum wavelength in the observed frame, ascending [Angstrom].
    flux, ivar : (n_spec, n_wave) float32
        F_lambda [1e-17 erg / (s cm2 Angstrom)], or in units of ``scale``, and its inverse variance;
        ``ivar == 0`` where nothing is known.

    Raises
    ------
    DataError
        If a shape or a dtype is wrong, or the wavelengths do not ascend.

    Examples
    --------
    >>> from oddqso.testing import make_spectra
    >>> spectra = make_spectra(n_spec=3)
    >>> len(spectra), len(spectra[:2])
    (3, 2)
    >>> again = Spectra.from_table(spectra.to_table())
    >>> bool((again.flux == spectra.flux).all())
    True
    """

    target_id: NDArray[np.int64]
    z: NDArray[np.float64]
    ebv: NDArray[np.float32]
    scale: NDArray[np.float32]
    quality: NDArray[np.uint32]
    wave: NDArray[np.float64]
    flux: NDArray[np.float32]
    ivar: NDArray[np.float32]

    def __post_init__(self) -> None:
        n_spec, n_wave = len(self.target_id), len(self.wave)
        shapes: dict[str, tuple[int, ...]] = dict.fromkeys(("target_id", "z", "ebv", "scale", "quality"), (n_spec,))
        shapes |= {"wave": (n_wave,), "flux": (n_spec, n_wave), "ivar": (n_spec, n_wave)}
        for name, shape in shapes.items():
            array = getattr(self, name)
            if array.shape != shape or array.dtype != _DTYPES[name]:
                raise DataError(
                    f"Spectra.{name} is {array.dtype} {array.shape}, expected {np.dtype(_DTYPES[name])} {shape}"
                )
        if n_wave > 1 and not (np.diff(self.wave) > 0).all():
            raise DataError("Spectra.wave does not ascend; sort the pixels by wavelength")

    def __len__(self) -> int:
        return len(self.target_id)

    def __getitem__(self, rows: slice | NDArray[Any]) -> Self:
        """Some of the spectra, by slice, indices or boolean mask; the grid is shared."""
        return replace(self, **{f.name: getattr(self, f.name)[rows] for f in fields(self) if f.name != "wave"})

    def to_table(self) -> pa.Table:
        """An Arrow table of one row a spectrum; the grid stands in the schema's metadata."""
        columns = {
            "TARGETID": pa.array(self.target_id), "Z": pa.array(self.z), "EBV": pa.array(self.ebv),
            "SCALE": pa.array(self.scale), "QUALITY": pa.array(self.quality),
            "FLUX": matrix_column(self.flux), "IVAR": matrix_column(self.ivar),
        }  # fmt: skip
        return pa.table(columns).replace_schema_metadata(wave_metadata(self.wave))

    @classmethod
    def from_table(cls, table: pa.Table) -> Self:
        """The spectra of a table made by `to_table`; arrays of one chunk are not copied."""
        return cls(
            target_id=table["TARGETID"].to_numpy(),
            z=table["Z"].to_numpy(),
            ebv=table["EBV"].to_numpy(),
            scale=table["SCALE"].to_numpy(),
            quality=table["QUALITY"].to_numpy(),
            wave=wave_from(table),
            flux=matrix_from(table, "FLUX"),
            ivar=matrix_from(table, "IVAR"),
        )
