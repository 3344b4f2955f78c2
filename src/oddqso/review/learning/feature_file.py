"""Features of all objects of a run, computed once and kept in ``RUN/review``.

``features-{key}.npy`` is a (n, n_feature) float16 array that is memory-mapped, ``features-{key}.json`` its names. The
key is made of the fingerprints of the stages that were read: another catalog or model has other features. The file is
written aside and renamed when it is whole.
"""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from oddqso.errors import StoreError
from oddqso.review.learning.features import Features, catalog_features
from oddqso.review.learning.windows import NAMES, window_residuals
from oddqso.runs.directory import RunDirectory
from oddqso.runs.files import read_json, store_error, write_json
from oddqso.spectra.columns import matrix_from, wave_from

VERSION: Final = 1
_STAGES: Final = ("release", "prepare", "embed", "fit")
_PIECE_ROWS: Final = 512


class Source(Protocol):
    """What is needed of a run that is reviewed."""

    @property
    def directory(self) -> RunDirectory:
        """Its folder."""

    @property
    def columns(self) -> Mapping[str, NDArray[Any]]:
        """The columns of its catalog."""

    @property
    def n(self) -> int:
        """Objects in the catalog."""

    def rows_of(self, target_ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Their places in the catalog, -1 for one that is not in it."""


def read_features(source: Source, folder: Path | None = None) -> Features | None:
    """The features that were computed before; None if there are none for this catalog and model."""
    path = _path(source.directory, folder)
    if not path.with_suffix(".json").exists():
        return None
    names = tuple(read_json(path.with_suffix(".json"))["names"])
    try:
        values = np.load(path, mmap_mode="r")
    except (OSError, ValueError) as error:
        raise StoreError(f"{path} is damaged ({error}); delete it, it is computed again") from error
    if values.shape != (source.n, len(names)):
        raise StoreError(f"{path} has shape {values.shape}, not {(source.n, len(names))}; delete it")
    return Features(names, values)


def compute_features(
    source: Source, advance: Callable[[float], None] = lambda share: None, folder: Path | None = None
) -> Features:
    """Compute all features, keep them, and give them back memory-mapped.

    Parameters
    ----------
    source : Source
        The run; its stages prepare and embed must be there.
    advance : callable
        Is told the share that is done, 0 to 1; what it raises ends the computation.
    folder : Path, optional
        Where they are kept; ``review`` in the run by default.

    Raises
    ------
    StageError
        If a stage is not complete.
    StoreError
        If a file cannot be read or written.
    """
    directory, path = source.directory, _path(source.directory, folder)
    prepared, embedded = directory.shards("prepare"), directory.shards("embed")
    known, units = catalog_features(source.columns), _active_units(directory)
    names = (*known.names, *NAMES, *(f"latent {unit}" for unit in units["unit"].tolist()))
    aside = path.with_name(f".{path.name}.{os.getpid()}.writing")
    try:
        path.parent.mkdir(exist_ok=True)
        values = np.lib.format.open_memmap(aside, "w+", np.float16, (source.n, len(names)))
        values[:, : len(known.names)] = known.values
        values[:, len(known.names) :] = np.nan
        done = 0
        for shard in embedded.names:
            for rows, found in _of_shard(source, prepared.read(shard), embedded.read(shard), units):
                values[rows, len(known.names) :] = found
                done += len(rows)
                advance(done / max(source.n, 1))
        values.flush()
        del values
        aside.replace(path)
    except OSError as error:
        raise store_error(error, path) from error
    finally:
        aside.unlink(missing_ok=True)
    write_json(path.with_suffix(".json"), {"names": list(names), "version": VERSION})
    _remove_others(path)
    return Features(names, np.load(path, mmap_mode="r"))


def _of_shard(source: Source, prepared: Any, embedded: Any, units: Mapping[str, NDArray[Any]]) -> Any:
    """Places in the catalog and features from spectrum and model, a few hundred rows at a time."""
    for start in range(0, embedded.num_rows, _PIECE_ROWS):
        spectra, model = prepared.slice(start, _PIECE_ROWS), embedded.slice(start, _PIECE_ROWS)
        rows = source.rows_of(model["TARGETID"].to_numpy())
        residual = window_residuals(
            matrix_from(spectra, "FLUX"), matrix_from(spectra, "IVAR"), matrix_from(model, "MODEL"),
            matrix_from(model, "MODEL_SIGMA"), wave_from(spectra), spectra["Z"].to_numpy(),
        )  # fmt: skip
        latent = matrix_from(model, "LATENT")[:, units["unit"]]
        standard = np.clip((latent - units["center"]) / units["width"], -100, 100)
        kept = rows >= 0
        yield rows[kept], np.column_stack([residual, standard])[kept]


def _active_units(directory: RunDirectory) -> Mapping[str, NDArray[Any]]:
    """Active latent units with center and width, as a density detector stored them; none if there is no such one."""
    for path in sorted(directory.stage("fit").glob("*.npz")):
        with np.load(path) as arrays:
            if {"unit", "center", "width"} <= set(arrays.files):
                return {name: arrays[name] for name in ("unit", "center", "width")}
    return {"unit": np.zeros(0, np.int64), "center": np.zeros(0), "width": np.ones(0)}


def _path(directory: RunDirectory, folder: Path | None) -> Path:
    made = {stage: (directory.manifest(stage) or {}).get("fingerprint", "") for stage in _STAGES}
    key = hashlib.sha256(json.dumps([VERSION, made], sort_keys=True).encode()).hexdigest()[:16]
    return (folder or directory.root / "review") / f"features-{key}.npy"


def _remove_others(kept: Path) -> None:
    """Delete the features of other catalogs: they are made again when needed."""
    for path in kept.parent.glob("features-*.*"):
        if path.stem != kept.stem:
            path.unlink(missing_ok=True)
