"""`Atlas`: the latent map of a run as the review uses it: density, colors, single objects, and selections by lasso."""

import hashlib
import json
import logging
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock, Thread
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from oddqso.errors import DataError
from oddqso.explore.map import FEW, LatentMap, MapParams, principal_map
from oddqso.explore.plane import Extent, Plane, checked_polygon
from oddqso.review.map_file import map_key, read_map
from oddqso.review.source import RunSource
from oddqso.runs.files import read_json, write_json

_log = logging.getLogger(__name__)
_ID: Final = re.compile(r"[0-9a-f]{16}")
_SHARE: Final = re.compile(r"[01]\.\d{3}")
MAX_CELLS: Final = 512
"""Cells of a density grid along one axis at most."""


@dataclass(frozen=True, slots=True)
class MapStatus:
    """How far the map is.

    Parameters
    ----------
    kind : str
        What is shown now: ``UMAP``, or ``PCA`` for the time being or for few objects.
    state : str
        ``ready``, ``making`` or ``failed``.
    share : float
        How much of the making is done, 0 to 1.
    words : str
        What is being done, or what went wrong.
    """

    kind: str
    state: str
    share: float = 1.0
    words: str = ""


@dataclass(frozen=True, slots=True)
class Selection:
    """Objects cut out of the map.

    Parameters
    ----------
    id : str
        Of the queue ``selection-ID``; the same polygon on the same map has the same.
    n : int
        Objects inside.
    """

    id: str
    n: int


class Atlas:
    """The map of a run.

    Until UMAP is done the two principal components stand in for it. Selections remember on which of both they were
    drawn.

    Parameters
    ----------
    source : RunSource
        The run.
    params : MapParams, optional
        Settings of the map.
    """

    def __init__(self, source: RunSource, params: MapParams | None = None) -> None:
        self.source, self.params = source, params or MapParams()
        self._lock = Lock()
        self._planes: dict[str, Plane] = {}
        self._process: subprocess.Popen[str] | None = None
        self._thread: Thread | None = None
        self._status = MapStatus("PCA", "ready")
        self._members = lru_cache(maxsize=8)(self._find_members)
        self._look_for_umap()

    def start(self) -> None:
        """Make the map in the background, unless it is there or there are too few objects for one."""
        if self._status.kind == "UMAP" or self.source.n < FEW or self._thread is not None:
            return
        self._status = MapStatus("PCA", "making", 0.0, "starting")
        self._thread = Thread(target=self._make, name="map", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End what works in the background; what was not finished is made the next time."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
        if self._thread is not None:
            self._thread.join(timeout=10)

    def wait(self, timeout_s: float) -> MapStatus:
        """How far the map is once the making has ended, or after so many seconds."""
        if self._thread is not None:
            self._thread.join(timeout_s)
        return self._status

    def status(self) -> MapStatus:
        """How far the map is."""
        return self._status

    def plane(self, kind: str | None = None) -> Plane:
        """The points of the map, in the catalog's order; by default of the best map that there is."""
        kind = kind or self._status.kind
        with self._lock:
            if kind not in self._planes:
                found = (
                    principal_map(self.source.latents)
                    if kind == "PCA"
                    else read_map(self.source.directory, self.params, self.source.target_id)
                )
                if found is None or found.kind != kind:
                    raise DataError(f"there is no {kind} map of this run any more; draw the selection again")
                self._planes[kind] = Plane.of(found.xy)
            return self._planes[kind]

    def select(self, polygon: Any, kind: str | None = None) -> Selection:
        """Keep the objects inside a polygon as a queue.

        Parameters
        ----------
        polygon : sequence of (x, y)
            Its corners, at most 1000.
        kind : str, optional
            The map that it was drawn on, by default the one that is shown now.

        Raises
        ------
        DataError
            If it is no polygon.
        """
        corners, kind = checked_polygon(polygon), kind or self._status.kind
        content = {"kind": kind, "key": map_key(self.source.directory, self.params), "polygon": corners.tolist()}
        name = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
        path = self.source.directory.root / "review" / "selections" / f"{name}.json"
        with self._lock:  # the same polygon may come twice at once
            if not path.exists():
                write_json(path, content)
        return Selection(name, len(self.selected(name)))

    def selected(self, name: str) -> NDArray[np.int32]:
        """Catalog rows of a selection, ascending.

        Raises
        ------
        DataError
            If there is no such selection, or it was drawn on a map that is gone.
        """
        return self._members(name)

    def _find_members(self, name: str) -> NDArray[np.int32]:
        path = self.source.directory.root / "review" / "selections" / f"{name}.json"
        if not _ID.fullmatch(name) or not path.exists():
            raise DataError(f"there is no selection {name[:20]}; draw it again")
        content = read_json(path)
        if content["key"] != map_key(self.source.directory, self.params):
            raise DataError(f"the selection {name} was drawn on a map of another model; draw it again")
        found = self.plane(content["kind"]).inside(np.array(content["polygon"]))
        found.flags.writeable = False
        return found

    def _look_for_umap(self) -> bool:
        found: LatentMap | None = read_map(self.source.directory, self.params, self.source.target_id)
        if found is None:
            return False
        plane = Plane.of(found.xy)
        with self._lock:
            self._planes[found.kind] = plane
        self._status = MapStatus(found.kind, "ready")
        return True

    def _make(self) -> None:
        """Run the program that makes the map, and follow it."""
        root = self.source.directory.root
        command = [
            sys.executable,
            "-P",  # nothing that lies in the folder where somebody stands
            "-W",
            "ignore",
            "-m",
            "oddqso.review.map_file",
            str(root),
            self.params.model_dump_json(),
        ]
        threads = dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ | threads
        )
        last = "it was ended"
        with self._process as process:
            for line in process.stdout or ():
                share, _, words = line.strip().partition(" ")
                if _SHARE.fullmatch(share):
                    self._status = MapStatus("PCA", "making", float(share), words)
                elif line.strip():
                    last = line.strip()
        if process.returncode == 0 and self._look_for_umap():
            return
        _log.warning("the latent map was not made: %s", last)
        self._status = MapStatus("PCA", "failed", 0.0, f"UMAP failed ({last[:200]}); principal components are shown")


def layer(
    plane: Plane, view: Extent, n_x: int, n_y: int, values: NDArray[Any] | None, *, largest: bool
) -> tuple[NDArray[np.int64], NDArray[np.float32] | None]:
    """Counts of a grid over a rectangle (n_y, n_x), and the largest or mean value of each cell, NaN where none."""
    cell = plane.cells(view, n_x, n_y)
    places = np.flatnonzero(cell >= 0)
    cell = cell[places]
    counts = np.bincount(cell, minlength=n_x * n_y)
    if values is None:
        return counts.reshape(n_y, n_x), None
    found = values[places].astype(np.float64)
    known = np.isfinite(found)
    cell, found = cell[known], found[known]
    if largest:
        out = np.full(n_x * n_y, -np.inf)
        np.maximum.at(out, cell, found)
        out[np.isinf(out)] = np.nan
    else:
        n_known = np.bincount(cell, minlength=n_x * n_y)
        total = np.bincount(cell, weights=found, minlength=n_x * n_y)
        out = np.where(n_known > 0, total / np.maximum(n_known, 1), np.nan)
    return counts.reshape(n_y, n_x), out.astype(np.float32).reshape(n_y, n_x)
