"""The frozen pipeline of a finished run, on spectra that were not part of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from oddqso.errors import DataError, StageError
from oddqso.params import Params
from oddqso.reports.results import SpectrumView
from oddqso.runs.directory import RunDirectory
from oddqso.runs.stage import Context
from oddqso.significance.conformal import grouped_conformal_p
from oddqso.significance.groups import calibration_groups
from oddqso.significance.params import SignificanceParams
from oddqso.stages import embed, prepare, score
from oddqso.stages.rows import check_same_targets
from oddqso.stages.significance import labels_of
from oddqso.stages.views import views_of

_CHAIN = (prepare.STAGE, embed.STAGE, score.STAGE)
_FOLDERS = ("train", "fit", "significance")
_FACTS = ("TARGETID", "Z", "SNR", "COVERAGE", "STRICT", "QUALITY")


@dataclass(frozen=True, slots=True, eq=False)
class Published:
    """What a finished run does to a spectrum: model, detectors and normalization are its own, nothing is learned.

    Called with a table as the stage ingest makes it, it gives each row's final score, as if the spectrum had been one
    of the run's held-out ones. Rows of CALIBRATION and TEST that were not changed get exactly the run's own SCORE.

    Parameters
    ----------
    root : Path
        The run's directory.
    params : mapping of str to Params
        The settings that each stage was made with.
    maps : dict of str to array
        The content of ``significance/tail_maps.npz``.
    calibration, calibration_group : (n,) float64, (n,) str
        Scores of the CALIBRATION spectra that p-values are made from (those that vetters called odd are not), and
        their groups.
    """

    root: Path
    params: Mapping[str, Params]
    maps: dict[str, NDArray[Any]]
    calibration: NDArray[np.float64]
    calibration_group: NDArray[Any]

    @classmethod
    def open(cls, run: Path | str) -> Self:
        """The pipeline of a finished run.

        Raises
        ------
        StageError
            If a stage that it needs is not complete.
        """
        directory = RunDirectory(Path(run))
        manifests = {name: directory.manifest(name) for name in (*(s.name for s in _CHAIN), *_FOLDERS)}
        missing = [name for name, manifest in manifests.items() if manifest is None]
        if missing:
            raise StageError(f"stage {missing[0]} of {run} is not complete; run `oddqso run --run {run}` first")
        params = {stage.name: _settings(stage.params, manifests[stage.name]) for stage in _CHAIN}
        params["significance"] = _settings(SignificanceParams, manifests["significance"])
        with np.load(directory.stage("significance") / "tail_maps.npz", allow_pickle=False) as stored:
            maps = dict(stored)
        kept, group = _calibration(directory, params["significance"])
        return cls(directory.root, params, maps, kept, group)

    def __call__(self, ingested: pa.Table) -> pa.Table:
        """What the run would have said of these spectra.

        Parameters
        ----------
        ingested : pa.Table
            As the stage ingest makes it, SPLIT and STRICT included; a TARGETID may stand several times.

        Returns
        -------
        pa.Table
            TARGETID, Z, SNR, COVERAGE, STRICT, QUALITY, SCORE_<NAME> and what the detectors tell besides,
            TAIL_<NAME>, SCORE, GROUP and P_VALUE (against the run's CALIBRATION); one row a spectrum, in their order.
        """
        from oddqso.significance.apply import apply_maps

        tables = self._tables(ingested)
        facts = tables["prepare"].select(_FACTS).replace_schema_metadata(None)
        scored = tables["score"].drop_columns("TARGETID")
        known = _beside(facts, scored)
        params = self.params["significance"]
        if not isinstance(params, SignificanceParams):
            raise DataError(f"the settings of significance in {self.root} are of another kind")
        applied = apply_maps(known, self.maps, params).drop_columns("TARGETID")
        group = calibration_groups(facts["STRICT"].to_numpy(), facts["SNR"].to_numpy(), params)
        final = applied["SCORE"].to_numpy(zero_copy_only=False).astype(np.float64)
        p = grouped_conformal_p(final, group, self.calibration, self.calibration_group)
        judged = pa.table({"GROUP": pa.array(group, pa.string()), "P_VALUE": pa.array(p, mask=~np.isfinite(final))})
        return _beside(_beside(known, applied), judged)

    def view(self, ingested: pa.Table) -> list[SpectrumView]:
        """Data and reconstruction of each row, for plots, on native pixels in the units of the files."""
        tables = self._tables(ingested, upto="embed")
        return views_of(ingested, tables["prepare"], tables["embed"])

    def _tables(self, ingested: pa.Table, upto: str = "score") -> dict[str, Any]:
        directory, made = RunDirectory(self.root), {"ingest": ingested}
        context = Context(self.root, self.root, 0, "published")
        for stage in _CHAIN:
            inputs = [made[name] if name in made else directory.stage(name) for name in stage.reads]
            made[stage.name] = stage.function(context, *inputs, params=self.params[stage.name])
            if stage.name == upto:
                break
        return made


def open_published(run: Path) -> Published:
    """The pipeline of a run, kept in memory until the run's significance is made again."""
    manifest = RunDirectory(run).stage("significance") / "manifest.json"
    return _opened(run, manifest.stat().st_mtime_ns if manifest.exists() else 0)


@lru_cache(maxsize=1)
def _opened(run: Path, state: int) -> Published:
    return Published.open(run)


def _settings(kind: type[Params], manifest: dict[str, Any] | None) -> Params:
    return kind.model_validate((manifest or {})["params"])


def _beside(left: pa.Table, right: pa.Table) -> pa.Table:
    """Two tables of the same rows, side by side."""
    return pa.table([*left.columns, *right.columns], [*left.column_names, *right.column_names])


def _calibration(directory: RunDirectory, params: Any) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Scores and groups of the CALIBRATION spectra that p-values are made from."""
    facts = directory.shards("prepare").columns("TARGETID", "SNR", "STRICT", "SPLIT")
    table = pq.read_table(directory.stage("significance") / "table.parquet", columns=["TARGETID", "SCORE"])
    check_same_targets(facts, table)
    score = table["SCORE"].to_numpy(zero_copy_only=False).astype(np.float64)
    held = pc.equal(facts["SPLIT"], "CALIBRATION").to_numpy() & np.isfinite(score)
    labels = labels_of(directory.root)
    if labels is not None:
        held &= ~labels.among(facts["TARGETID"].to_numpy(), np.array(facts["SPLIT"].to_pylist()))[0]
    group = calibration_groups(facts["STRICT"].to_numpy(), facts["SNR"].to_numpy(), params)
    return score[held], group[held]
