"""The spectra of one shard, from coadd files to one table on the native grid."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddqso.desi.coadd import CoaddRows, read_coadd, verify_sums
from oddqso.desi.params import IngestParams
from oddqso.errors import DataError
from oddqso.spectra import Quality, Spectra
from oddqso.spectra.grid import N_NATIVE, native_grid
from oddqso.spectra.join import join_arms

_ROWS_AT_ONCE: Final = 256


def ingest(root: Path, sample_rows: pa.Table, params: IngestParams) -> pa.Table:
    """The spectra of some objects of a sample, arms joined, flux as in the files.

    Parameters
    ----------
    root : Path
        The input folder.
    sample_rows : pa.Table
        Rows of a sample, made by `make_sample`; usually those of one shard.
    params : IngestParams
        Settings.

    Returns
    -------
    pa.Table
        A table of `Spectra`, one row for each row of the sample, in its order. E(B-V) is the catalog's, else the
        coadd's, else 0 with `Quality.NO_EBV`. A target that its file does not hold has ivar 0 and
        `Quality.NO_SPECTRUM`.

    Raises
    ------
    DataError
        If files cannot be read; all of them are named.
    """
    n_spec = len(sample_rows)
    target_id = sample_rows["TARGETID"].to_numpy()
    quality = sample_rows["QUALITY"].to_numpy().astype(np.uint32)
    ebv = sample_rows["EBV"].to_numpy().astype(np.float32)
    flux, ivar = np.zeros((n_spec, N_NATIVE), np.float32), np.zeros((n_spec, N_NATIVE), np.float32)
    absent = (quality & Quality.NO_SPECTRUM) != 0
    quality[absent] |= np.uint32(Quality.NO_DATA)
    bad: list[str] = []
    verified: set[str] = set()
    for file, rows in _parts(sample_rows["FILE"], ~absent):
        try:
            read = read_coadd(root / file, target_id[rows])
            flux[rows], ivar[rows], bits = _join(read, params)
            if file not in verified and (bits & (Quality.NONFINITE | Quality.NEGATIVE_IVAR)).any():
                verify_sums(root / file)  # values that cannot be: of the pipeline's making, or of a damaged file
                verified.add(file)
        except DataError as error:
            bad.append(str(error))
            continue
        quality[rows] |= bits
        ebv[rows] = np.where(np.isfinite(ebv[rows]), ebv[rows], read.ebv)
    if bad:
        raise DataError("\n".join(dict.fromkeys(bad)))
    unknown = ~np.isfinite(ebv)
    quality |= np.where(unknown, Quality.NO_EBV, 0).astype(np.uint32)
    return Spectra(
        target_id=target_id,
        z=sample_rows["Z"].to_numpy(),
        ebv=np.where(unknown, 0, ebv).astype(np.float32),
        scale=np.ones(n_spec, np.float32),
        quality=quality,
        wave=native_grid(),
        flux=flux,
        ivar=ivar,
    ).to_table()


def _join(read: CoaddRows, params: IngestParams) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.uint32]]:
    flux, ivar, bits = join_arms(read.flux, read.ivar, read.mask, len(read.target_id), params.min_good_ivar)
    missing = Quality.MISSING_B | Quality.MISSING_R | Quality.MISSING_Z
    bits[~read.found] &= np.uint32(~missing & 0xFFFFFFFF)  # nothing is known of their arms
    return flux, ivar, bits | read.quality


def _parts(files: pa.ChunkedArray, wanted: NDArray[np.bool_]) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """Files in order of name, each with the rows that it serves, a few hundred at a time."""
    encoded = pa.chunked_array(files).combine_chunks().dictionary_encode()
    names, code = encoded.dictionary.to_pylist(), encoded.indices.to_numpy()
    for place in sorted(range(len(names)), key=names.__getitem__):
        rows = np.flatnonzero((code == place) & wanted)
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            yield names[place], rows[start : start + _ROWS_AT_ONCE]
