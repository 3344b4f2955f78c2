"""Spectra of some targets of a coadd file."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from oddqso.desi.checksum import ones_complement
from oddqso.desi.headers import FitsFile
from oddqso.errors import DataError
from oddqso.spectra import Quality
from oddqso.spectra.grid import ARMS, arm_grid

WAVE_TOLERANCE_ANGSTROM: Final = 1e-4
_KINDS: Final = ("FLUX", "IVAR", "MASK")


@dataclass(frozen=True, slots=True, eq=False)
class CoaddRows:
    """The wanted rows of a coadd file, as they stand there.

    Parameters
    ----------
    target_id : (n_spec,) int64
        The targets asked for, in that order.
    found : (n_spec,) bool
        Whether the file has the target; rows of others are 0.
    quality : (n_spec,) uint32
        `Quality.NO_SPECTRUM` and `Quality.DUPLICATE_ROW`.
    ebv : (n_spec,) float32
        E(B-V) of the FIBERMAP [mag]; NaN if it has none.
    flux, ivar : dict of (n_spec, n_arm) float32
        By arm, for the arms that the file has [1e-17 erg / (s cm2 Angstrom), and its inverse square].
    mask : dict of (n_spec, n_arm) uint32
        Pixel masks by arm; 0 is good. Empty if the file has none.
    """

    target_id: NDArray[np.int64]
    found: NDArray[np.bool_]
    quality: NDArray[np.uint32]
    ebv: NDArray[np.float32]
    flux: dict[str, NDArray[np.float32]]
    ivar: dict[str, NDArray[np.float32]]
    mask: dict[str, NDArray[np.uint32]]


def read_coadd(path: Path, target_ids: NDArray[np.int64]) -> CoaddRows:
    """The spectra of some targets; only their rows of the file are read.

    Rows are found by TARGETID. Masks are read as well: DR1 has ivar 0 wherever the mask is not, but earlier and later
    productions need not, and a flat folder does not say which production it is from.

    Parameters
    ----------
    path : Path
        A coadd, gzipped or not, with any number of arms.
    target_ids : (n_spec,) int64
        TARGETIDs, in any order.

    Raises
    ------
    DataError
        If the file is missing, cut short, no coadd, or on other wavelengths.
    """
    with FitsFile(path) as file:
        fibermap = file.table("FIBERMAP", ("TARGETID", "EBV"))
        if "TARGETID" not in fibermap:
            found_columns = ", ".join(list(file.hdu("FIBERMAP").columns)[:12])
            raise DataError(f"{path} has no column TARGETID in FIBERMAP (found {found_columns}); is it a coadd?")
        found, row, repeated = _rows_of(fibermap["TARGETID"], target_ids)
        arms = [arm for arm in ARMS if f"{arm}_FLUX" in file.hdus or f"{arm}_IVAR" in file.hdus]
        if not arms:
            raise DataError(f"{path} has no arm (found {', '.join(file.hdus)}); is it a coadd?")
        masked = [arm for arm in arms if f"{arm}_MASK" in file.hdus]
        if masked and masked != arms:
            lacking = ", ".join(f"{arm}_MASK" for arm in arms if arm not in masked)
            raise DataError(
                f"{path} has no HDU {lacking}, but masks of other arms; the file is damaged, fetch it again"
            )
        for arm in arms:
            _check_arm(file, arm, len(fibermap["TARGETID"]))
        names = [f"{arm}_{kind}" for arm in arms for kind in ("FLUX", "IVAR", *(["MASK"] if masked else []))]
        images = {name: _spread(image, found) for name, image in _images(file, names, row[found])}
    quality = np.where(found, 0, Quality.NO_SPECTRUM).astype(np.uint32)
    quality |= np.where(repeated, Quality.DUPLICATE_ROW, 0).astype(np.uint32)
    ebv = np.full(len(target_ids), np.nan, np.float32)
    if "EBV" in fibermap:
        ebv[found] = fibermap["EBV"][row[found]]
    flux, ivar, mask = ({arm: images[f"{arm}_{k}"] for arm in arms if f"{arm}_{k}" in images} for k in _KINDS)
    return CoaddRows(np.asarray(target_ids), found, quality, ebv, flux, ivar, mask)


def _rows_of(
    in_file: NDArray[np.int64], target_ids: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], NDArray[np.int64], NDArray[np.bool_]]:
    """Whether a file has each target, in which row first, and whether in a second one too."""
    order = np.argsort(in_file, kind="stable")
    ascending = in_file[order]
    left = np.searchsorted(ascending, target_ids, side="left")
    n_rows = np.searchsorted(ascending, target_ids, side="right") - left
    found = n_rows > 0
    row = np.zeros(len(target_ids), np.int64)
    row[found] = order[left[found]]
    return found, row, n_rows > 1


def _images(file: FitsFile, names: list[str], rows: NDArray[np.int64]) -> Iterator[tuple[str, NDArray[Any]]]:
    """Rows of some images, as float32 or uint32, all in one block of memory."""
    sizes = [-(-len(rows) * file.row_bytes(name) // 64) * 64 for name in names]
    room, start = np.empty(sum(sizes), np.uint8), 0
    for name, size in zip(names, sizes, strict=True):
        values = file.image_rows(name, rows, room[start : start + len(rows) * file.row_bytes(name)])
        dtype = np.dtype(np.uint32 if name.endswith("MASK") else np.float32)
        if values.dtype == np.dtype(np.int32) and name.endswith("MASK"):
            values = values.view(np.uint32)
        yield name, values.astype(dtype, copy=False)
        start += size


def _spread(values: NDArray[Any], found: NDArray[np.bool_]) -> NDArray[Any]:
    """Rows that were found to rows that were asked for; 0 elsewhere."""
    if found.all():
        return values
    out = np.zeros((len(found), *values.shape[1:]), values.dtype)
    out[found] = values
    return out


def _check_arm(file: FitsFile, arm: str, n_rows: int) -> None:
    """See that the images of an arm belong to the table, and that it lies on DESI's grid."""
    expected = arm_grid(arm)
    wave = file.image(f"{arm}_WAVELENGTH")
    if wave.shape != expected.shape or not (np.abs(wave - expected) < WAVE_TOLERANCE_ANGSTROM).all():
        span = f"{wave.flat[0]:.1f} to {wave.flat[-1]:.1f}" if wave.size else "nothing"
        raise DataError(
            f"{file.path}: {arm}_WAVELENGTH has {wave.size} pixels from {span} Angstrom, expected {len(expected)} from "
            f"{expected[0]:.1f} to {expected[-1]:.1f}; only DESI's grid can be read, rebin the spectra to it"
        )
    for name in (f"{arm}_FLUX", f"{arm}_IVAR", *([f"{arm}_MASK"] if f"{arm}_MASK" in file.hdus else [])):
        hdu = file.hdu(name)
        if not hdu.compressed and hdu.shape != (n_rows, len(expected)):
            raise DataError(
                f"{file.path}: {name} has shape {hdu.shape}, but FIBERMAP has {n_rows} rows and the arm "
                f"{len(expected)} pixels; the file is damaged, fetch it again"
            )


def verify_sums(path: Path) -> None:
    """Compare fluxes and inverse variances of a file with its DATASUM cards, where it has them.

    Raises
    ------
    DataError
        If the bytes are not those that were written.
    """
    with FitsFile(path) as file:
        for name in (f"{arm}_{kind}" for arm in ARMS for kind in ("FLUX", "IVAR")):
            if name not in file.hdus or file.hdus[name].compressed:
                continue
            written = str(file.hdus[name].header.get("DATASUM", "")).strip()
            found = 0
            for piece in file.raw(name):
                found = ones_complement(piece, found)
            if written.isdigit() and found != int(written):
                raise DataError(
                    f"{path} is damaged: the data of {name} add up to {found}, but its DATASUM is {written}; "
                    "fetch the file again"
                )
