"""The map's file, ``review/map.npz``, and the program that makes it: ``python -m oddqso.review.map_file RUN``.

The map is made by a process of its own, since UMAP keeps a thread of the server from answering for minutes. It tells
how far it has come in lines ``share words`` on its output.
"""

import hashlib
import json
import os
import sys
import zipfile
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from oddqso.explore.map import LatentMap, MapParams, umap_map
from oddqso.review.latents import read_latents
from oddqso.runs.directory import RunDirectory
from oddqso.runs.files import writing

_VERSION: Final = 1
_STAGES: Final = ("fit", "embed")
_NICE: Final = 10


def map_key(directory: RunDirectory, params: MapParams) -> str:
    """Another model, other active units or other settings: another key."""
    made = {name: (directory.manifest(name) or {}).get("fingerprint", "") for name in _STAGES}
    content = json.dumps([_VERSION, made, params.model_dump(mode="json")], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()


def map_path(directory: RunDirectory) -> Path:
    """Where the map is kept."""
    return directory.root / "review" / "map.npz"


def read_map(directory: RunDirectory, params: MapParams, target_id: NDArray[np.int64]) -> LatentMap | None:
    """The map of a run, rows as in ``target_id``; None if there is none, or one of another model."""
    try:
        with map_path(directory).open("rb") as file, np.load(file) as kept:
            if str(kept["key"]) != map_key(directory, params):
                return None
            ids, xy, kind = kept["target_id"], kept["xy"], str(kept["kind"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    order = np.argsort(target_id, kind="stable")
    if not np.array_equal(ids, target_id[order]):
        return None
    placed = np.empty_like(xy)
    placed[order] = xy
    return LatentMap(placed, kind)


def write_map(directory: RunDirectory, params: MapParams, target_id: NDArray[np.int64], latent_map: LatentMap) -> None:
    """Keep a map, rows by TARGETID; whole or not at all.

    Raises
    ------
    StoreError
        If the disk is full or refuses.
    """
    order = np.argsort(target_id, kind="stable")
    with writing(map_path(directory)) as aside, aside.open("wb") as file:
        np.savez(
            file,
            key=np.array(map_key(directory, params)),
            kind=np.array(latent_map.kind),
            target_id=target_id[order],
            xy=latent_map.xy[order],
        )


def make_map(run: Path, params: MapParams) -> None:
    """Make the map of a run, and say on the output how far it has come."""
    directory = RunDirectory(run)
    _say(0.0, "reading latent vectors")
    catalog = pq.read_table(directory.stage("release") / "catalog.parquet", columns=["TARGETID"])
    target_id = catalog["TARGETID"].to_numpy()
    latent_map = umap_map(read_latents(directory, target_id), target_id, params, _say)
    write_map(directory, params, target_id, latent_map)
    _say(1.0, "complete")


def _say(share: float, words: str) -> None:
    sys.stdout.write(f"{share:.3f} {words}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    os.nice(_NICE)
    make_map(Path(sys.argv[1]), MapParams.model_validate_json(sys.argv[2]))
