"""New spectra judged by a finished run, delivery after delivery: provisional discoveries on a budget of their own."""

import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from oddqso.config import Settings, make_settings
from oddqso.errors import ConfigError, DataError
from oddqso.runs.directory import RunDirectory
from oddqso.runs.files import read_json, write_json, writing
from oddqso.runs.stage import Context
from oddqso.significance.stream import BatchBH
from oddqso.stages import ingest, sample
from oddqso.stages.significance import labels_of

_BULK = 0.1


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of a delivery.

    Parameters
    ----------
    path : Path
        Its folder, ``deliveries/{name}`` of the run.
    """

    path: Path

    def catalog(self) -> pa.Table:
        """Scores, p-values and PROVISIONAL, the strictest list that a spectrum is on; the oddest first."""
        return pq.read_table(self.path / "catalog.parquet")

    def summary(self) -> dict[str, Any]:
        """Counts, the level of each list, and the test for drift."""
        content: dict[str, Any] = read_json(self.path / "summary.json")
        return content


def deliver(input: Path | str, run: Path | str, name: str | None = None) -> Delivery:
    """Judge a folder of DESI files with a finished run; nothing is learned from it.

    What is found is provisional: the false discovery rate holds over all deliveries together (BatchBH), on a budget
    apart from the run's own lists. Targets of the run or of an earlier delivery are left out and counted. The same
    delivery again gives the same, and spends nothing; a killed one starts over.

    Parameters
    ----------
    input : path
        The folder.
    run : path
        The directory of a finished run.
    name : str, optional
        Of the delivery; by default the folder's.

    Raises
    ------
    ConfigError
        If there is no run, or the name is no name.
    DataError
        If the folder holds no new quasar, or another folder was delivered under this name.
    StageError
        If the run is not complete, or is in use.
    """
    directory, folder = RunDirectory(Path(run)), Path(input).expanduser().resolve()
    record = directory.record()
    if record is None:
        raise ConfigError(f"{run} is no run: it has no run.json; make one with `oddqso run INPUT --run {run}`")
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder; name the folder that holds the DESI files")
    name = folder.name if name is None else name
    if not name or name.startswith(".") or Path(name).name != name:
        raise ConfigError(f"{name!r} is no name for a delivery: it becomes a folder; choose another with --name")
    settings = make_settings(record["settings"], "the settings in run.json")
    with directory.locked():
        return _deliver(directory, folder, name, settings)


def _deliver(directory: RunDirectory, folder: Path, name: str, settings: Settings) -> Delivery:
    from oddqso.stages.published import Published

    published = Published.open(directory.root)
    out = directory.root / "deliveries" / name
    made_of = {"input": str(folder), "state": sample.inventory(folder, directory.root, settings.sample)}
    if (out / "delivery.json").exists() and read_json(out / "delivery.json") != made_of:
        raise DataError(f"delivery {name} was made of another folder, or its files have changed; choose another --name")
    if (out / "summary.json").exists():
        return Delivery(out)
    write_json(out / "delivery.json", made_of)
    judged, repeated = _judge(directory, folder, out / ".work", published, settings)
    catalog, summary = _provisional(directory, name, judged, settings)
    summary |= {"n_left_out": len(repeated), "drift": _drift(judged, repeated)}
    with writing(out / "catalog.parquet") as aside:
        pq.write_table(catalog, aside)
    write_json(out / "summary.json", summary)
    shutil.rmtree(out / ".work", ignore_errors=True)
    return Delivery(out)


def _judge(
    directory: RunDirectory, folder: Path, work: Path, published: Callable[[pa.Table], pa.Table], settings: Settings
) -> tuple[pa.Table, pa.Table]:
    """The delivery's new spectra, and those that the run or an earlier delivery has judged already."""
    shutil.rmtree(work, ignore_errors=True)
    (work / "sample").mkdir(parents=True)
    sample.sample(Context(folder, directory.root, settings.seed, "sample"), params=settings.sample, out=work / "sample")
    tables = []
    for shard in read_json(work / "sample" / "shards.json"):
        context = Context(folder, directory.root, settings.seed, "ingest", shard["name"])
        tables.append(published(ingest.ingest(context, work / "sample", params=settings.ingest)))
    judged = pa.concat_tables(tables).combine_chunks()
    known = np.isin(judged["TARGETID"].to_numpy(), _known(directory, work.parent.name))
    if known.all():
        raise DataError(f"all {len(known):,} quasars of {folder} have been judged before; there is nothing to deliver")
    return judged.filter(pa.array(~known)), judged.filter(pa.array(known))


def _known(directory: RunDirectory, name: str) -> NDArray[np.int64]:
    """TARGETIDs of the run and of all other finished deliveries."""
    paths = [directory.stage("sample") / "sample.parquet"]
    paths += [path for path in (directory.root / "deliveries").glob("*/catalog.parquet") if path.parent.name != name]
    return np.concatenate([pq.read_table(path, columns=["TARGETID"])["TARGETID"].to_numpy() for path in sorted(paths)])


def _provisional(
    directory: RunDirectory, name: str, judged: pa.Table, settings: Settings
) -> tuple[pa.Table, dict[str, Any]]:
    """The catalog with PROVISIONAL, and what was spent; the ledger is written before the catalog.

    A killed delivery that has its line in the ledger is judged again from the lines before it, and gets the same one.
    """
    from oddqso.significance.certificate import tier_name

    params, labels = settings.significance, labels_of(directory.root)
    scored = np.isfinite(judged["P_VALUE"].to_numpy(zero_copy_only=False))
    p = judged["P_VALUE"].to_numpy(zero_copy_only=False)[scored]
    taken_out = labels is not None and bool(labels.odd.any())
    honest = 1 - labels.false_alarm if labels is not None and taken_out else 1.0
    p = np.minimum(p / (1 - params.eps), 1.0) if taken_out else p
    path = directory.root / "deliveries" / "ledger.json"
    lines = read_json(path) if path.exists() else {}
    provisional, levels = np.full(len(scored), None, object), []
    for alpha in reversed(params.alphas):
        ledger = BatchBH.from_dict(lines[str(alpha)]) if str(alpha) in lines else BatchBH(alpha, (), params.gamma_power)
        names = [batch.name for batch in ledger.batches]
        before = BatchBH(alpha, ledger.batches[: names.index(name)], ledger.power) if name in names else ledger
        found, after = before.judge(name, np.minimum(p / honest, 1.0))
        provisional[np.flatnonzero(scored)[found]] = tier_name(alpha)
        levels.append({"alpha": alpha, "n_found": int(found.sum()), "level": after.batches[-1].level})
        lines[str(alpha)] = (ledger if name in names else after).as_dict()
    write_json(path, lines)
    catalog = judged.append_column("PROVISIONAL", pa.array(provisional, pa.string()))
    catalog = catalog.sort_by([("SCORE", "descending"), ("TARGETID", "ascending")])
    summary = {"name": name, "n_judged": len(scored), "n_scored": int(scored.sum()), "levels": levels[::-1]}
    return catalog, summary


def _drift(judged: pa.Table, repeated: pa.Table) -> dict[str, Any]:
    """Whether p-values of spectra that were known before, and of the bulk of the new ones, are uniform."""
    from oddqso.significance.drift import drift  # scipy.stats is slow to start

    p, again = (table["P_VALUE"].to_numpy(zero_copy_only=False) for table in (judged, repeated))
    bulk = (p[p > _BULK] - _BULK) / (1 - _BULK)  # the odd ones lie below
    return {"bulk": asdict(drift(bulk)), "repeated": asdict(drift(again))}
