"""Single exposures of a target, from the ``spectra-*.fits`` file beside its coadd."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from oddqso.desi.headers import FitsFile
from oddqso.errors import DataError
from oddqso.spectra.grid import ARMS, arm_grid

_COLUMNS: Final = ("TARGETID", "NIGHT", "EXPID", "MJD", "EXPTIME", "TILEID", "FIBER", "FIBERSTATUS")


@dataclass(frozen=True, slots=True, eq=False)
class Exposure:
    """One exposure of a target; arms stay apart, as in the file.

    Parameters
    ----------
    night, exposure, tile, fiber, fiber_status : int or None
        NIGHT (yyyymmdd of the evening), EXPID, TILEID, FIBER, FIBERSTATUS; None where the file does not say.
    mjd, seconds : float or None
        Modified Julian date of the beginning [d] and duration [s].
    wave : dict of (n_arm,) float64
        By arm, vacuum wavelength in the observed frame [Angstrom].
    flux, ivar : dict of (n_arm,) float32
        By arm [1e-17 erg / (s cm2 Angstrom), and its inverse square]; ivar is 0 where nothing is known.
    """

    night: int | None
    exposure: int | None
    tile: int | None
    fiber: int | None
    fiber_status: int | None
    mjd: float | None
    seconds: float | None
    wave: dict[str, NDArray[np.float64]]
    flux: dict[str, NDArray[np.float32]]
    ivar: dict[str, NDArray[np.float32]]


def spectra_file(coadd: Path) -> Path | None:
    """The file of single exposures beside a coadd, gzipped or not; None if there is none.

    Examples
    --------
    >>> spectra_file(Path("/nowhere/coadd-main-dark-1.fits")) is None
    True
    """
    if not coadd.name.startswith("coadd-"):
        return None
    stem = "spectra-" + coadd.name.removeprefix("coadd-").removesuffix(".gz")
    for name in (stem, f"{stem}.gz"):
        if (coadd.parent / name).is_file():
            return coadd.parent / name
    return None


def read_exposures(coadd: Path, target_id: int) -> list[Exposure]:
    """The exposures of a target in order of time; none where there is no such file, or it does not have the target.

    Pixels with a mask get ivar 0. DESI packs these files: of a packed one all is unpacked up to the last row that is
    wanted, which takes seconds a gigabyte; of an unpacked one only these rows are read.

    Parameters
    ----------
    coadd : Path
        The target's coadd.
    target_id : int
        DESI TARGETID.

    Raises
    ------
    DataError
        If the file is damaged, or on other wavelengths.
    """
    path = spectra_file(coadd)
    if path is None:
        return []
    with FitsFile(path) as file:
        table = file.table("FIBERMAP", _COLUMNS)
        if "TARGETID" not in table:
            raise DataError(f"{path} has no column TARGETID in FIBERMAP; is it a file of spectra?")
        rows = np.flatnonzero(table["TARGETID"] == target_id)
        if not len(rows):
            return []
        arms = [arm for arm in ARMS if f"{arm}_FLUX" in file.hdus and f"{arm}_IVAR" in file.hdus]
        wave = {arm: _wave_of(file, arm) for arm in arms}
        pixels: dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]] = {}
        for arm in arms:
            flux, ivar = (file.image_rows(f"{arm}_{kind}", rows).astype(np.float32) for kind in ("FLUX", "IVAR"))
            good = np.isfinite(flux) & np.isfinite(ivar) & (ivar > 0)
            if f"{arm}_MASK" in file.hdus:
                good &= file.image_rows(f"{arm}_MASK", rows) == 0
            pixels[arm] = np.where(good, flux, 0).astype(np.float32), np.where(good, ivar, 0).astype(np.float32)
    found = [
        Exposure(
            night=_whole(table, "NIGHT", row),
            exposure=_whole(table, "EXPID", row),
            tile=_whole(table, "TILEID", row),
            fiber=_whole(table, "FIBER", row),
            fiber_status=_whole(table, "FIBERSTATUS", row),
            mjd=_real(table, "MJD", row),
            seconds=_real(table, "EXPTIME", row),
            wave=wave,
            flux={arm: pixels[arm][0][i] for arm in arms},
            ivar={arm: pixels[arm][1][i] for arm in arms},
        )
        for i, row in enumerate(rows.tolist())
    ]
    return sorted(found, key=lambda one: (one.mjd or 0.0, one.exposure or 0))


def _wave_of(file: FitsFile, arm: str) -> NDArray[np.float64]:
    wave = file.image(f"{arm}_WAVELENGTH").astype(np.float64)
    if len(wave) != len(arm_grid(arm)):
        raise DataError(f"{file.path}: {arm}_WAVELENGTH has {len(wave)} pixels, expected {len(arm_grid(arm))}")
    return wave


def _whole(table: dict[str, Any], name: str, row: int) -> int | None:
    return int(table[name][row]) if name in table else None


def _real(table: dict[str, Any], name: str, row: int) -> float | None:
    return float(table[name][row]) if name in table and np.isfinite(table[name][row]) else None
