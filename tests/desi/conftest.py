"""Small DESI files, written by astropy so that our reader meets another writer's."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from numpy.typing import NDArray

from oddqso.spectra.grid import ARMS, arm_grid

Edit = Callable[[fits.HDUList], Any]


def table_hdu(name: str, columns: dict[str, Any]) -> fits.BinTableHDU:
    arrays = {k: np.asarray(v) for k, v in columns.items()}
    n_rows = len(next(iter(arrays.values())))
    record = np.empty(
        n_rows, [(k, a.dtype if a.dtype.kind != "U" else f"S{a.dtype.itemsize // 4}") for k, a in arrays.items()]
    )
    for k, a in arrays.items():
        record[k] = a
    return fits.BinTableHDU(record, name=name)


def default_fibermap(target_ids: NDArray[np.int64]) -> dict[str, Any]:
    n = len(target_ids)
    return {
        "TARGETID": np.asarray(target_ids, np.int64),
        "COADD_FIBERSTATUS": np.zeros(n, np.int32),
        "TARGET_RA": np.linspace(10, 11, n),
        "TARGET_DEC": np.linspace(-5, -4, n),
        "OBJTYPE": np.full(n, "TGT"),
        "EBV": np.full(n, 0.03, np.float32),
        "COADD_NUMEXP": np.ones(n, np.int16),
    }


@pytest.fixture
def write_coadd() -> Callable[..., dict[str, NDArray[np.float32]]]:
    """A function that writes a coadd; it returns the fluxes by arm."""

    def write(
        path: Path, target_ids: Any, *, arms: str = "BRZ", seed: int = 0, fibermap: dict[str, Any] | None = None,
        edit: Edit | None = None, change: dict[str, Any] | None = None, header: dict[str, Any] | None = None,
    ) -> dict[str, NDArray[np.float32]]:  # fmt: skip
        rng = np.random.default_rng(seed)
        target_ids = np.asarray(target_ids, np.int64)
        columns = default_fibermap(target_ids) | (fibermap or {})
        hdus = fits.HDUList(
            [fits.PrimaryHDU(), table_hdu("FIBERMAP", {k: v for k, v in columns.items() if v is not None})]
        )
        hdus[0].header.update(header or {})
        fluxes = {}
        for arm in ARMS:
            if arm not in arms:
                continue
            shape = (len(target_ids), len(arm_grid(arm)))
            flux = rng.normal(3, 1, shape).astype(np.float32)
            images = {
                "WAVELENGTH": arm_grid(arm) + 1e-12,
                "FLUX": flux,
                "IVAR": rng.uniform(0.5, 2, shape).astype(np.float32),
                "MASK": np.zeros(shape, np.int32),
            }
            for kind, image in images.items():
                image = (change or {}).get(f"{arm}_{kind}", image)
                if image is not None:
                    hdus.append(fits.ImageHDU(image(images[kind]) if callable(image) else image, name=f"{arm}_{kind}"))
            fluxes[arm] = flux
        if edit is not None:
            edit(hdus)
        path.parent.mkdir(parents=True, exist_ok=True)
        hdus.writeto(path, overwrite=True)
        return fluxes

    return write


@pytest.fixture
def write_redrock() -> Callable[..., None]:
    """A function that writes a redrock file of quasars; columns can be replaced, or left out with None."""

    def write(
        path: Path, target_ids: Any, *, tsnr2: Any = None, fibermap: dict[str, Any] | None = None, **columns: Any
    ) -> None:
        target_ids = np.asarray(target_ids, np.int64)
        n = len(target_ids)
        redshifts = {
            "TARGETID": target_ids, "Z": np.linspace(1, 2, n), "ZERR": np.full(n, 1e-4), "ZWARN": np.zeros(n, np.int64),
            "SPECTYPE": np.full(n, "QSO"), "SUBTYPE": np.full(n, "LOZ"), "DELTACHI2": np.full(n, 100.0),
        } | columns  # fmt: skip
        hdus = [fits.PrimaryHDU(), table_hdu("REDSHIFTS", {k: v for k, v in redshifts.items() if v is not None})]
        if fibermap is not False:
            merged = default_fibermap(target_ids) | (fibermap or {})
            hdus.append(table_hdu("FIBERMAP", {k: v for k, v in merged.items() if v is not None}))
        if tsnr2 is not None:
            hdus.append(table_hdu("TSNR2", {"TARGETID": target_ids, "TSNR2_LRG": np.asarray(tsnr2, np.float32)}))
        path.parent.mkdir(parents=True, exist_ok=True)
        fits.HDUList(hdus).writeto(path, overwrite=True)

    return write


@pytest.fixture
def write_catalog() -> Callable[..., None]:
    """A function that writes a table as the only one of a file."""

    def write(path: Path, name: str = "ZCATALOG", **columns: Any) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        fits.HDUList([fits.PrimaryHDU(), table_hdu(name, columns)]).writeto(path, overwrite=True)

    return write


@pytest.fixture
def zcatalog_columns() -> Callable[..., dict[str, Any]]:
    """A function that makes the columns of a redshift catalog of quasars."""

    def columns(target_ids: Any, healpix: Any, **others: Any) -> dict[str, Any]:
        n = len(target_ids)
        made = {
            "TARGETID": np.asarray(target_ids, np.int64), "SURVEY": np.full(n, "main"), "PROGRAM": np.full(n, "dark"),
            "HEALPIX": np.asarray(healpix, np.int32), "Z": np.linspace(1, 2, n), "ZWARN": np.zeros(n, np.int64),
            "SPECTYPE": np.full(n, "QSO"), "DELTACHI2": np.full(n, 100.0), "OBJTYPE": np.full(n, "TGT"),
            "COADD_FIBERSTATUS": np.zeros(n, np.int32), "TARGET_RA": np.full(n, 10.0), "TARGET_DEC": np.full(n, 10.0),
            "ZCAT_PRIMARY": np.full(n, True),
        } | others  # fmt: skip
        return {k: v for k, v in made.items() if v is not None}

    return columns
