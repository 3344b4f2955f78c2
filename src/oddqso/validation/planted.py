"""What the laboratory has to look at: the run's held-out spectra, and what became of the injections."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """The run's own held-out strict spectra, which cuts are set on.

    Parameters
    ----------
    target_id : (n_spec,) int64
    snr : (n_spec,) float64
    ordinary : (n_spec,) bool
        Those that count as ordinary for the cuts.
    score : (n_spec,) float64
        The final score.
    tails : dict of str to (n_spec,) float64
        TAIL_<NAME> by the detector's name.
    group : (n_spec,) str
        Calibration group.
    """

    target_id: NDArray[np.int64]
    snr: NDArray[np.float64]
    ordinary: NDArray[np.bool_]
    score: NDArray[np.float64]
    tails: dict[str, NDArray[np.float64]]
    group: NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Planted:
    """What became of the injections.

    Parameters
    ----------
    name : (n,) str
        The class.
    amplitude : (n,) float64
        How strong.
    place : (n,) int64
        S/N bin of the host.
    z : (n,) float64
        Redshift of the host.
    host : (n,) int64
        Its TARGETID.
    score : (n,) float64
        The final score; NaN where there is none.
    tails : dict of str to (n,) float64
        TAIL_<NAME> by the detector's name.
    group : (n,) str
        Calibration group.
    at_place, host_at_place : (n,) float64
        Of probes: the answer of the one filter that fits, with the probe and without it; NaN for others.
    """

    name: NDArray[Any]
    amplitude: NDArray[np.float64]
    place: NDArray[np.int64]
    z: NDArray[np.float64]
    host: NDArray[np.int64]
    score: NDArray[np.float64]
    tails: dict[str, NDArray[np.float64]]
    group: NDArray[Any]
    at_place: NDArray[np.float64]
    host_at_place: NDArray[np.float64]


def planted_of(injected: pa.Table) -> Planted:
    """The columns of the stage inject that are looked at."""

    def floats(name: str) -> NDArray[np.float64]:
        return np.asarray(injected[name].to_numpy(zero_copy_only=False), np.float64)

    return Planted(
        name=np.array(injected["CLASS"].to_pylist(), dtype=np.str_),
        amplitude=floats("AMPLITUDE"),
        place=injected["SNR_BIN"].to_numpy(),
        z=floats("HOST_Z"),
        host=injected["TARGETID"].to_numpy(),
        score=floats("SCORE"),
        at_place=floats("AT_PLACE"),
        host_at_place=floats("HOST_AT_PLACE"),
        group=np.array(injected["GROUP"].to_pylist(), dtype=np.str_),
        tails={name.removeprefix("TAIL_"): floats(name) for name in injected.column_names if name.startswith("TAIL_")},
    )
