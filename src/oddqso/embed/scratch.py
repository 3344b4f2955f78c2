"""Training spectra on disk: a bounded, order-free subsample of a stream of batches."""

import heapq
import json
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xxhash
from numpy.typing import NDArray

from oddqso.embed.params import TrainParams
from oddqso.errors import DataError
from oddqso.spectra import UNSCORABLE, Spectra
from oddqso.spectra.grid import N_MODEL, STEP_ANGSTROM, model_grid

_ROW_BYTES = 4 * N_MODEL
_DAMAGED = (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile)


class Rows:
    """Arrays that lie one after another in several mapped files, read as one: rows are copied, nothing else is.

    Parameters
    ----------
    parts : sequence of (n_i, n_wave) float32
        The arrays.

    Examples
    --------
    >>> rows = Rows([np.zeros((2, 3), np.float32), np.ones((4, 3), np.float32)])
    >>> rows[np.array([5, 1])].mean(axis=1).tolist()
    [1.0, 0.0]
    """

    def __init__(self, parts: Sequence[NDArray[np.float32]]) -> None:
        self.parts = parts
        self.first = np.concatenate([[0], np.cumsum([len(part) for part in parts])])

    def __getitem__(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        out = np.empty((len(rows), self.parts[0].shape[1]), np.float32)
        places = np.searchsorted(self.first, rows, side="right") - 1
        for at, (row, place) in enumerate(zip(rows.tolist(), places.tolist(), strict=True)):
            out[at] = self.parts[place][row - self.first[place]]
        return out


@dataclass(frozen=True, slots=True, eq=False)
class TrainingSet:
    """Spectra to learn from, mapped from disk, by ascending TARGETID.

    Parameters
    ----------
    flux, ivar : (n_spec, n_wave) float32
        Memory-mapped.
    z, snr : (n_spec,) float64
        Redshift; median signal-to-noise ratio per native pixel.
    held_out : (n_spec,) bool
        Not learned from.
    scale : (n_spec,) float64
        What the flux was divided by [1e-17 erg / (s cm2 Angstrom)].
    order : (n_spec,) int64
        Row of each spectrum in ``flux`` and ``ivar``.
    """

    flux: NDArray[np.float32] | Rows
    ivar: NDArray[np.float32] | Rows
    z: NDArray[np.float64]
    snr: NDArray[np.float64]
    held_out: NDArray[np.bool_]
    scale: NDArray[np.float64]
    order: NDArray[np.int64]

    def read(self, index: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float64]]:
        """Flux, ivar and z of some spectra, copied; flux is 0 where nothing is known."""
        rows = self.order[index]
        ivar = self.ivar[rows]
        return np.where(ivar > 0, self.flux[rows], np.float32(0)), ivar, self.z[index]


def hash_share(target_id: NDArray[np.int64], seed: int, purpose: str) -> NDArray[np.float64]:
    """A number in [0, 1) for each TARGETID, (n_spec,): the same in every run with this seed and purpose.

    Examples
    --------
    >>> bool(0 <= hash_share(np.array([39627], dtype=np.int64), 1, "validation")[0] < 1)
    True
    """
    key = f"{seed}:{purpose}:".encode()
    values = [xxhash.xxh3_64_intdigest(key + one.tobytes()) for one in target_id.astype("<i8")]
    return np.array(values, dtype=np.uint64).astype(np.float64) / 2.0**64


def unlearned(parts: Sequence[Spectra], snr: NDArray[np.float64]) -> TrainingSet:
    """Spectra (n_spec,) that lie in several parts, none of which teaches; no flux is copied.

    Parameters
    ----------
    parts : sequence of Spectra
        On the model grid.
    snr : (n_spec,) float64
        Their median signal-to-noise ratio per native pixel.
    """
    parts = [part for part in parts if len(part)]
    z, scale = (np.concatenate([getattr(p, name) for p in parts]).astype(np.float64) for name in ("z", "scale"))
    flux, ivar = Rows([part.flux for part in parts]), Rows([part.ivar for part in parts])
    return TrainingSet(flux, ivar, z, snr, np.ones(len(z), np.bool_), scale, np.arange(len(z)))


def median_snr(flux: NDArray[np.float32], ivar: NDArray[np.float32]) -> NDArray[np.float64]:
    """Median signal-to-noise ratio per native pixel of 0.8 Angstrom, (n_spec,), 0 where nothing is known."""
    step = np.sqrt(STEP_ANGSTROM / np.gradient(model_grid()))
    out = np.zeros(len(flux))
    for row in range(len(flux)):
        good = ivar[row] > 0
        if good.any():
            out[row] = np.median(flux[row, good] * np.sqrt(ivar[row, good]) * step[good])
    return out


def gather(
    batches: Callable[[], Iterator[Spectra]],
    params: TrainParams,
    seed: int,
    folder: Path,
    progress: Callable[[str, float], None],
) -> TrainingSet:
    """Write the training spectra into ``folder``, unless they stand there already, and map them.

    Of more than ``max_spectra`` those with the lowest hash of TARGETID are kept, in whatever order they come.
    """
    folder.mkdir(parents=True, exist_ok=True)
    ready = folder / "gathered.json"
    if ready.exists():
        try:
            return _mapped(folder, params, seed)
        except _DAMAGED:
            ready.unlink()
    _fill(batches, params, seed, folder, progress)
    return _mapped(folder, params, seed)


def map_parts(
    parts: Sequence[Spectra],
    params: TrainParams,
    seed: int,
    folder: Path,
    progress: Callable[[str, float], None],
) -> TrainingSet:
    """The training spectra where they lie: prepared spectra mapped from files, of which nothing is copied.

    The same spectra are chosen as by `gather`. What was measured of each is kept in ``folder``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "places.npz"
    try:
        known = _load(path)
    except _DAMAGED:  # or not there
        _place(parts, params, seed, path, progress)
        known = _load(path)
    flux, ivar = Rows([one.flux for one in parts]), Rows([one.ivar for one in parts])
    return _training_set(flux, ivar, known, known["row"], params, seed)


def _load(path: Path) -> dict[str, NDArray[Any]]:
    """The columns that were measured of each spectrum."""
    with path.open("rb") as file, np.load(file) as stored:
        return {name: stored[name] for name in stored.files}


def _place(
    parts: Sequence[Spectra], params: TrainParams, seed: int, path: Path, progress: Callable[[str, float], None]
) -> None:
    """Measure all spectra, and keep the columns of those to learn from."""
    columns: dict[str, list[NDArray[Any]]] = {"z": [], "snr": [], "scale": [], "target_id": [], "row": []}
    first = 0
    for number, spectra in enumerate(parts):
        ratio = median_snr(spectra.flux, spectra.ivar)
        usable = np.flatnonzero(_usable(spectra, ratio, params))
        found = (
            spectra.z[usable], ratio[usable], spectra.scale[usable].astype(np.float64), spectra.target_id[usable],
            first + usable,
        )  # fmt: skip
        for column, values in zip(columns.values(), found, strict=True):
            column.append(values)
        first += len(spectra)
        progress("gather spectra to learn from", number / len(parts))
    whole: dict[str, Any] = {name: np.concatenate(column) for name, column in columns.items()}
    share = hash_share(whole["target_id"], seed, "subsample")
    kept = np.lexsort((whole["target_id"], share))[: params.max_spectra]
    aside = path.with_name(path.name + ".new")
    with aside.open("wb") as file:
        np.savez(file, **{name: column[kept] for name, column in whole.items()})
    aside.replace(path)


def _fill(
    batches: Callable[[], Iterator[Spectra]],
    params: TrainParams,
    seed: int,
    folder: Path,
    progress: Callable[[str, float], None],
) -> None:
    heap: list[tuple[float, int, int]] = []  # (-hash, -TARGETID, row): the first to go on top
    z, snr, scale = [], [], []
    with (folder / "flux.f4").open("wb") as flux_file, (folder / "ivar.f4").open("wb") as ivar_file:
        for spectra in batches():
            if spectra.flux.shape[1] != N_MODEL:
                raise DataError(
                    f"training spectra have {spectra.flux.shape[1]} pixels, expected the {N_MODEL} of the grid"
                )
            ratio = median_snr(spectra.flux, spectra.ivar)
            share = hash_share(spectra.target_id, seed, "subsample")
            for row in np.flatnonzero(_usable(spectra, ratio, params)):
                if len(heap) < params.max_spectra:
                    at = len(heap)
                    heapq.heappush(heap, (-share[row], -int(spectra.target_id[row]), at))
                    z.append(spectra.z[row])
                    snr.append(ratio[row])
                    scale.append(spectra.scale[row])
                elif share[row] < -heap[0][0]:
                    at = heapq.heapreplace(heap, (-share[row], -int(spectra.target_id[row]), heap[0][2]))[2]
                    z[at], snr[at], scale[at] = spectra.z[row], ratio[row], spectra.scale[row]
                else:
                    continue
                for file, array in ((flux_file, spectra.flux), (ivar_file, spectra.ivar)):
                    file.seek(at * _ROW_BYTES)
                    file.write(np.ascontiguousarray(array[row], dtype="<f4").tobytes())
            progress(f"gather spectra to learn from: {len(heap)}", 0.0)
    target_id = np.empty(len(heap), np.int64)
    for _, negative, at in heap:
        target_id[at] = -negative
    with (folder / "rows.npz.new").open("wb") as rows_file:
        lists = {"z": z, "snr": snr, "scale": scale}
        known: dict[str, Any] = {name: np.array(values, np.float64) for name, values in lists.items()}
        np.savez(rows_file, target_id=target_id, **known)
    (folder / "rows.npz.new").replace(folder / "rows.npz")
    aside = folder / "gathered.json.new"
    aside.write_text(json.dumps({"n_spec": len(heap)}), encoding="utf-8")
    aside.replace(folder / "gathered.json")


def _usable(spectra: Spectra, snr: NDArray[np.float64], params: TrainParams) -> NDArray[np.bool_]:
    network = params.network
    usable: NDArray[np.bool_] = (
        ((spectra.quality & np.uint32(UNSCORABLE)) == 0)
        & ((spectra.ivar > 0).sum(axis=1) >= params.min_good_pixels)
        & (snr >= params.min_snr)
        & (spectra.z >= network.z_min)
        & (spectra.z <= network.z_max)
        & np.isfinite(spectra.flux).all(axis=1)
        & np.isfinite(spectra.ivar).all(axis=1)
    )
    return usable


def _mapped(folder: Path, params: TrainParams, seed: int) -> TrainingSet:
    known = _load(folder / "rows.npz")
    shape = (len(known["target_id"]), N_MODEL)
    flux, ivar = (
        np.memmap(folder / name, dtype="<f4", mode="r", shape=shape) if shape[0] else np.empty(shape, np.float32)
        for name in ("flux.f4", "ivar.f4")
    )  # an empty file cannot be mapped
    return _training_set(flux, ivar, known, np.arange(shape[0]), params, seed)


def _training_set(
    flux: NDArray[np.float32] | Rows,
    ivar: NDArray[np.float32] | Rows,
    known: dict[str, NDArray[Any]],
    row: NDArray[np.int64],
    params: TrainParams,
    seed: int,
) -> TrainingSet:
    target_id, z, snr, scale = (known[name] for name in ("target_id", "z", "snr", "scale"))
    order = np.argsort(target_id, kind="stable")
    n_spec = len(order)
    held_out = hash_share(target_id[order], seed, "validation") < params.validation_share
    if n_spec < 8 or held_out.all() or not held_out.any():
        raise DataError(
            f"{n_spec} spectra can be learned from ({int(held_out.sum())} of them held out); at least 8 are needed: "
            "give more spectra, or lower min_snr or min_good_pixels"
        )
    return TrainingSet(flux, ivar, z[order], snr[order], held_out, scale[order], row[order])
