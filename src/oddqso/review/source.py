"""`RunSource`: everything of a finished run that the review shows, one object at a time and the whole list as columns.

It knows nothing of stages: how a spectrum is put together is handed in.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from oddqso.desi.exposures import read_exposures
from oddqso.errors import DataError, OddqsoError, StageError
from oddqso.reports.results import SpectrumView
from oddqso.reports.words import describe, quality_notes
from oddqso.review.coadds import Coadds, exposure_json
from oddqso.review.columns import CatalogColumns
from oddqso.review.latents import read_latents
from oddqso.review.links import links
from oddqso.review.neighbors import Neighbors
from oddqso.review.payload import SpectrumPayload
from oddqso.runs.directory import RunDirectory
from oddqso.runs.files import read_json

_log = logging.getLogger(__name__)

Views = Callable[[list[int]], list[SpectrumView]]
"""TARGETIDs to spectra, in their order."""
_KEPT_VIEWS: Final = 48
_KEPT_EXPOSURES: Final = 8
Words = Callable[[Mapping[str, Any], SpectrumView], list[str]]
"""A row of the catalog and its spectrum in words."""


class RunSource:
    """A finished run, to be shown.

    Parameters
    ----------
    run : Path
        The run's directory.
    views : callable
        TARGETIDs to `SpectrumView`, in their order.
    words : callable
        A catalog row and its spectrum to sentences.

    Raises
    ------
    StageError
        If the run has no catalog yet.
    DataError
        If its files are damaged.
    """

    def __init__(self, run: Path, views: Views, words: Words = describe) -> None:
        self.directory = RunDirectory(run)
        for stage in ("embed", "release"):
            if self.directory.manifest(stage) is None:
                raise StageError(f"stage {stage} of {run} is not complete; run `oddqso run --run {run}` first")
        self._words = words
        self._view = lru_cache(maxsize=_KEPT_VIEWS)(lambda target_id: views([target_id])[0])
        self._exposures = lru_cache(maxsize=_KEPT_EXPOSURES)(self._read_exposures)
        self.columns = CatalogColumns(self.directory.stage("release") / "catalog.parquet")
        self.target_id: NDArray[np.int64] = self.columns["TARGETID"]
        self._order = np.argsort(self.target_id, kind="stable")
        self._ascending = self.target_id[self._order]

    @property
    def name(self) -> str:
        """The run's name: that of its folder."""
        return self.directory.root.resolve().name

    @property
    def n(self) -> int:
        """Objects in the catalog."""
        return self.columns.n_rows

    @cached_property
    def fingerprint(self) -> str:
        """Another catalog, another fingerprint."""
        return str((self.directory.manifest("release") or {})["fingerprint"])

    @cached_property
    def claim(self) -> dict[str, Any]:
        """What the list may claim, as the stage significance wrote it; empty if it wrote nothing."""
        path = self.directory.stage("significance") / "claim.json"
        content: dict[str, Any] = read_json(path) if path.exists() else {}
        return content

    def rows_of(self, target_ids: Sequence[int] | NDArray[np.int64]) -> NDArray[np.int64]:
        """Places of some objects in the catalog, (n,) int64; -1 for one that is not in it."""
        wanted = np.asarray(target_ids, dtype=np.int64)
        if not self.n:
            return np.full(len(wanted), -1, np.int64)
        place = np.minimum(np.searchsorted(self._ascending, wanted), self.n - 1)
        return np.where(self._ascending[place] == wanted, self._order[place], -1)

    def row_of(self, target_id: int) -> int:
        """The place of an object in the catalog.

        Raises
        ------
        DataError
            If it is not in the catalog.
        """
        row = -1
        if -(2**63) <= target_id < 2**63:
            row = int(self.rows_of([target_id])[0])
        if row < 0:
            raise DataError(f"TARGETID {target_id} is not in the catalog of {self.name} ({self.n:,} objects)")
        return row

    def row(self, target_id: int) -> dict[str, Any]:
        """The catalog's row of an object; None where a value is unknown."""
        return self.columns.row(self.row_of(target_id))

    def facts(self, target_id: int) -> dict[str, Any]:
        """The catalog's row, ready for JSON: TARGETID as a string, None for what is unknown or not finite."""
        return {name: _plain(name, value) for name, value in self.row(target_id).items()}

    def quality_words(self, target_id: int) -> list[str]:
        """The quality bits of an object in words."""
        return quality_notes(int(self.columns["QUALITY"][self.row_of(target_id)]))

    def words(self, target_id: int) -> list[str]:
        """What fired, where and how strongly, and what speaks against it: a sentence or two a line."""
        return self._words(self.row(target_id), self.view(target_id))

    def view(self, target_id: int) -> SpectrumView:
        """Data and reconstruction of an object; the last few dozen stay in memory."""
        self.row_of(target_id)
        return self._view(target_id)

    def spectrum(self, target_id: int) -> SpectrumPayload:
        """The spectrum of an object, as the page draws it."""
        return SpectrumPayload.of(self.view(target_id), self.row(target_id))

    def percentiles(self, target_id: int) -> dict[str, float | None]:
        """Share of the scored objects that are less odd, by score column [percent]; None where it is not scored."""
        row = self.row_of(target_id)
        found: dict[str, float | None] = {}
        for name in self.columns:
            if name == "SCORE" or name.startswith("SCORE_"):
                value, ascending = self.columns[name][row], self._sorted(name)
                less = np.searchsorted(ascending, value, side="left")
                found[name] = round(100 * float(less) / len(ascending), 3) if np.isfinite(value) else None
        return found

    def links(self, target_id: int) -> dict[str, str]:
        """Where to look outside."""
        return links(self.row(target_id))

    def exposures(self, target_id: int) -> list[dict[str, Any]]:
        """Its single exposures, ready for JSON, in order of time; empty where the input has none, or is gone."""
        self.row_of(target_id)
        return self._exposures(target_id)

    def neighbors(self, target_id: int, k: int = 5) -> dict[str, list[dict[str, Any]]]:
        """The nearest ordinary and the nearest odd objects in latent space, nearest first."""
        found = self._neighbors.of(self.row_of(target_id), k)
        return {kind: [self._brief(row, distance) for row, distance in pairs] for kind, pairs in found.items()}

    @cached_property
    def latents(self) -> NDArray[np.float32]:
        """Active latents in widths of the ordinary spectra, (n, n_active), in the catalog's order; read once."""
        return read_latents(self.directory, self.target_id)

    def warm(self) -> None:
        """Read and compile what the first questions need; for a thread in the background."""
        if not self.n:
            return
        target_id = int(self.target_id[0])
        for ask in (self.words, self.percentiles, self.neighbors):
            try:
                ask(target_id)
            except OddqsoError as error:  # whoever asks the same is told
                _log.warning("%s", error)

    @cached_property
    def _neighbors(self) -> Neighbors:
        return Neighbors(self.latents, self.columns["SCORE"])

    def _read_exposures(self, target_id: int) -> list[dict[str, Any]]:
        coadd = self._coadds.of(target_id)
        return [] if coadd is None else [exposure_json(one) for one in read_exposures(coadd, target_id)]

    @cached_property
    def _coadds(self) -> Coadds:
        return Coadds.of_run(self.directory)

    def _brief(self, row: int, distance: float) -> dict[str, Any]:
        columns = {name: self.columns[name][row].item() for name in ("Z", "SNR", "SCORE")}
        values = {name.lower(): None if value != value else value for name, value in columns.items()}
        return {"target_id": str(self.target_id[row]), "distance": round(distance, 4), **values}

    def _sorted(self, name: str) -> NDArray[Any]:
        if name not in self._ascending_scores:
            values = self.columns[name]
            self._ascending_scores[name] = np.sort(values[np.isfinite(values)])
        return self._ascending_scores[name]

    @cached_property
    def _ascending_scores(self) -> dict[str, NDArray[Any]]:
        return {}


def open_source(run: Path, views: Views, words: Words = describe) -> RunSource:
    """Open a finished run to show it."""
    return RunSource(run, views, words)


def _plain(name: str, value: Any) -> Any:
    if name == "TARGETID":
        return str(value)
    return None if isinstance(value, float) and not np.isfinite(value) else value
