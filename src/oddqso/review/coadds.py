"""From which file of the input an object came, and its single exposures as the page draws them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from oddqso.desi.exposures import Exposure
from oddqso.review.payload import encoded
from oddqso.runs.directory import RunDirectory
from oddqso.spectra.grid import STEP_ANGSTROM


@dataclass(frozen=True, slots=True, eq=False)
class Coadds:
    """The coadd file of each object of a run.

    Parameters
    ----------
    root : Path
        The input folder.
    target_id : (n,) int64
        Ascending.
    file : (n,) int32
        Place in ``names``; -1 where the input has no spectrum.
    names : tuple of str
        Files, relative to ``root``.
    """

    root: Path
    target_id: NDArray[np.int64]
    file: NDArray[np.int32]
    names: tuple[str, ...]

    @classmethod
    def of_run(cls, directory: RunDirectory) -> Self:
        """Those of a run's sample."""
        table = pq.read_table(directory.stage("sample") / "sample.parquet", columns=["TARGETID", "FILE"])
        coded = table["FILE"].combine_chunks().dictionary_encode()
        target_id, code = table["TARGETID"].to_numpy(), coded.indices.fill_null(-1).to_numpy()
        order = np.argsort(target_id, kind="stable")
        root = Path((directory.record() or {}).get("input") or "")
        return cls(root, target_id[order], code[order], tuple(coded.dictionary.to_pylist()))

    def of(self, target_id: int) -> Path | None:
        """The coadd of an object; None if there is none."""
        place = int(np.searchsorted(self.target_id, target_id))
        if place == len(self.target_id) or self.target_id[place] != target_id or self.file[place] < 0:
            return None
        name: str = self.names[self.file[place]]
        return self.root / name


def exposure_json(exposure: Exposure) -> dict[str, Any]:
    """An exposure ready for JSON: each arm with its grid, flux and error as base64 of little-endian float32."""
    arms = []
    for name, flux in exposure.flux.items():
        known = exposure.ivar[name] > 0
        sigma = np.full(len(flux), np.nan, np.float32)
        sigma[known] = 1 / np.sqrt(exposure.ivar[name][known])
        wave = exposure.wave[name]
        arms.append({
            "name": name,
            "wave0": float(wave[0]),
            "wave_step": STEP_ANGSTROM,
            "n": len(wave),
            "arrays": {"flux": encoded(np.where(known, flux, np.nan)), "sigma": encoded(sigma)},
        })  # fmt: skip
    return {
        "night": exposure.night,
        "expid": exposure.exposure,
        "tileid": exposure.tile,
        "fiber": exposure.fiber,
        "fiberstatus": exposure.fiber_status,
        "mjd": exposure.mjd,
        "exptime_s": exposure.seconds,
        "arms": arms,
    }
