"""Rows of redshift catalogs, redrock files and quasar catalogs, brought to one set of columns.

Only TARGETID and a redshift are needed; every other column is optional. A column that a source lacks gets a value that
passes the cut it would feed, and NaN or "" elsewhere: what is not known cuts nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from oddqso.desi.headers import FitsFile
from oddqso.desi.paths import CoaddFile
from oddqso.errors import DataError

CHUNK_ROWS: Final = 1 << 16

Rows: TypeAlias = dict[str, NDArray[Any]]
"""Columns of one length, by the names in `DEFAULTS`."""

DEFAULTS: Final[dict[str, tuple[str, Any]]] = {
    "TARGETID": ("i8", 0), "SURVEY": ("S8", b"tile"), "PROGRAM": ("S8", b"none"), "HEALPIX": ("i4", -1),
    "Z": ("f8", np.nan), "ZERR": ("f8", np.nan), "ZWARN": ("i8", 0), "SPECTYPE": ("S8", b""), "SUBTYPE": ("S20", b""),
    "DELTACHI2": ("f8", np.inf), "COADD_FIBERSTATUS": ("i4", 0), "TARGET_RA": ("f8", np.nan),
    "TARGET_DEC": ("f8", np.nan), "OBJTYPE": ("S3", b"TGT"), "EBV": ("f4", np.nan), "COADD_NUMEXP": ("i4", 0),
    "ZCAT_PRIMARY": ("?", False), "TSNR2_LRG": ("f4", 0.0), "COADD": ("i4", -1),
}  # fmt: skip
"""Columns of `Rows`: dtype, and the value where a source has no such column. COADD is a place in ``Inputs.coadds``."""

_FROM_CATALOG: Final = tuple(c for c in DEFAULTS if c != "COADD") + ("SPGRPVAL",)


@dataclass(frozen=True, slots=True, eq=False)
class QsoCatalog:
    """Quasar catalogs as one table: a row a TARGETID, ascending; the first catalog wins.

    Parameters
    ----------
    rows : Rows
        Columns as in `DEFAULTS`.
    """

    rows: Rows

    def find(self, target_id: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Whether each target stands in the catalog, and in which row (0 if not)."""
        return find_rows(self.rows["TARGETID"], target_id)


def find_rows(
    ascending: NDArray[np.int64], target_id: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Whether each target stands in an ascending array, and where (0 if not).

    Examples
    --------
    >>> found, row = find_rows(np.array([3, 5, 9]), np.array([9, 4]))
    >>> found.tolist(), row.tolist()
    ([True, False], [2, 0])
    """
    if not len(ascending):
        return np.zeros(len(target_id), np.bool_), np.zeros(len(target_id), np.int64)
    row = np.minimum(np.searchsorted(ascending, target_id), len(ascending) - 1)
    found = ascending[row] == target_id
    return found, np.where(found, row, 0)


def standard_rows(found: Rows, n_rows: int, **constants: Any) -> Rows:
    """Columns as in `DEFAULTS`, from those a source has, from constants, or by default."""
    rows: Rows = {}
    for name, (dtype, default) in DEFAULTS.items():
        if name in found:
            rows[name] = found[name].astype(dtype)
        else:
            rows[name] = np.full(n_rows, constants.get(name, default), dtype)
    return rows


def join_rows(parts: list[Rows]) -> Rows:
    """Rows below each other."""
    if not parts:
        return standard_rows({}, 0)
    return {name: np.concatenate([part[name] for part in parts]) for name in DEFAULTS}


def pixel_keys(survey: NDArray[Any], program: NDArray[Any], healpix: NDArray[Any]) -> NDArray[np.uint64]:
    """One number for each (survey, program, healpix): equal for equal, different for different.

    Examples
    --------
    >>> keys = pixel_keys(np.array([b"main", b"sv3"]), np.array([b"dark", b"dark"]), np.array([7, 7]))
    >>> bool(keys[0] != keys[1])
    True
    """
    key = mix(np.ascontiguousarray(survey.astype("S8")).view(np.uint64))
    key = mix(key ^ np.ascontiguousarray(program.astype("S8")).view(np.uint64))
    return mix(key ^ healpix.astype(np.int64).view(np.uint64))


def mix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """A one-to-one scramble of 64 bits: splitmix64 (Steele, Lea & Flood 2014).

    Examples
    --------
    >>> [hex(i) for i in mix(np.array([0, 1], dtype=np.uint64))]
    ['0xe220a8397b1dcdaf', '0x910a2dec89025cc1']
    """
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def zcatalog_chunks(path: Path) -> Iterator[Rows]:
    """The rows of a redshift catalog, some ten thousand at a time; the catalog may be larger than memory.

    Raises
    ------
    DataError
        If the file is no redshift catalog.
    """
    with FitsFile(path) as file:
        name = _table_with(file, ("TARGETID", "Z"))
        n_rows = file.hdu(name).shape[0]
        constants = _survey_of(path)
        for start in range(0, n_rows, CHUNK_ROWS):
            found = file.table(name, _FROM_CATALOG, start, start + CHUNK_ROWS)
            if "HEALPIX" not in found and "SPGRPVAL" in found:
                found["HEALPIX"] = found["SPGRPVAL"]
            missing = [c for c in ("SURVEY", "PROGRAM", "HEALPIX") if c not in found and c not in constants]
            if missing:
                raise DataError(
                    f"{path} has no column {', '.join(missing)}, so its rows cannot be found in coadd files; "
                    "use zall-pix-*.fits, or take the catalog away to use redrock files"
                )
            yield standard_rows(found, len(found["TARGETID"]), **constants)


def redrock_rows(root: Path, coadd: CoaddFile, index: int) -> Rows:
    """The rows of the redrock file of a coadd.

    Parameters
    ----------
    root : Path
        The input folder.
    coadd : CoaddFile
        With a redrock file.
    index : int
        The place of the coadd in ``Inputs.coadds``.
    """
    with FitsFile(root / str(coadd.redrock)) as file:
        name = _table_with(file, ("TARGETID", "Z"))
        found = file.table(name, _FROM_CATALOG)
        target_id = found["TARGETID"]
        for other in ("FIBERMAP", "TSNR2"):
            if other in file.hdus:
                _add_columns(found, target_id, file.table(other, _FROM_CATALOG))
        return _placed(found, len(target_id), coadd, index, file)


def coadd_rows(root: Path, coadd: CoaddFile, index: int) -> Rows:
    """What the FIBERMAP of a coadd says of its targets: everything but redshifts."""
    with FitsFile(root / coadd.file) as file:
        found = file.table("FIBERMAP", _FROM_CATALOG)
        if "TARGETID" not in found:
            raise DataError(f"{root / coadd.file} has no column TARGETID in FIBERMAP; is it a coadd?")
        return _placed(found, len(found["TARGETID"]), coadd, index, file)


def qso_catalog(paths: list[Path]) -> QsoCatalog:
    """Quasar catalogs as one; repeats, as in catalogs per tile, are dropped.

    Raises
    ------
    DataError
        If a file has no table with TARGETID and Z.
    """
    parts = []
    for path in paths:
        with FitsFile(path) as file:
            found = file.table(_table_with(file, ("TARGETID", "Z")), _FROM_CATALOG)
            parts.append(standard_rows(found, len(found["TARGETID"]), SPECTYPE=b"QSO"))
    rows = join_rows(parts)
    _, first = np.unique(rows["TARGETID"], return_index=True)
    return QsoCatalog({name: column[first] for name, column in rows.items()})


def sky_pixels(ra: NDArray[np.float64], dec: NDArray[np.float64]) -> NDArray[np.int32]:
    """HEALPix pixels as DESI numbers them (nside 64, nested); -1 where there is no position.

    Examples
    --------
    >>> sky_pixels(np.array([83.633, np.nan]), np.array([22.0145, 0.0])).tolist()
    [24185, -1]
    """
    from astropy import units  # both slow to import, and only needed for files per tile
    from astropy_healpix import HEALPix

    known = np.isfinite(ra) & np.isfinite(dec) & (np.abs(dec) <= 90)
    pixel = np.full(len(ra), -1, np.int32)
    if known.any():
        sphere = HEALPix(nside=64, order="nested")
        pixel[known] = sphere.lonlat_to_healpix(ra[known] * units.deg, dec[known] * units.deg)
    return pixel


def _table_with(file: FitsFile, columns: tuple[str, ...]) -> str:
    """The first table that has all the columns."""
    for name, hdu in file.hdus.items():
        if all(c in hdu.columns for c in columns):
            return name
    tables = "; ".join(f"{n}: {', '.join(list(h.columns)[:12])}" for n, h in file.hdus.items() if h.columns)
    raise DataError(
        f"{file.path} has no table with {' and '.join(columns)} (found {tables or 'no table'}); is it a catalog?"
    )


def _survey_of(path: Path) -> dict[str, bytes]:
    parts = path.name.removesuffix(".gz").removesuffix(".fits").split("-")
    return {"SURVEY": parts[1].encode(), "PROGRAM": parts[2].encode()} if len(parts) == 3 and parts[1] != "pix" else {}


def _add_columns(found: Rows, target_id: NDArray[np.int64], other: Rows) -> None:
    """Columns of another table, joined by TARGETID, never by row; targets that it lacks keep the defaults."""
    if "TARGETID" not in other:
        return
    order = np.argsort(other["TARGETID"], kind="stable")
    ascending = other["TARGETID"][order]
    row = np.searchsorted(ascending, target_id)  # the first of equals
    inside = row < len(ascending)
    inside[inside] = ascending[row[inside]] == target_id[inside]
    for name, column in other.items():
        if name not in found and name in DEFAULTS:
            dtype, default = DEFAULTS[name]
            joined = np.full(len(target_id), default, dtype)
            joined[inside] = column[order[row[inside]]]
            found[name] = joined


def _placed(found: Rows, n_rows: int, coadd: CoaddFile, index: int, file: FitsFile) -> Rows:
    """Standard rows of one coadd, with its survey, program and sky pixel."""
    header = file.hdu("PRIMARY").header
    for name in ("SURVEY", "PROGRAM", "HEALPIX"):
        found.pop(name, None)
    survey = coadd.survey or header.get("SURVEY")
    program = coadd.program or header.get("PROGRAM")
    healpix = coadd.healpix if coadd.healpix is not None else header.get("HPXPIXEL")
    if isinstance(survey, str) and isinstance(program, str) and isinstance(healpix, int):
        where = {"SURVEY": survey.encode(), "PROGRAM": program.encode(), "HEALPIX": healpix}
        return standard_rows(found, n_rows, COADD=index, **where)
    rows = standard_rows(found, n_rows, COADD=index)
    rows["HEALPIX"] = sky_pixels(rows["TARGET_RA"], rows["TARGET_DEC"])
    return rows
