"""inject: planted anomalies through the frozen pipeline of the run; a branch, which `oddqso run` does not take."""

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from oddqso.errors import DataError
from oddqso.runs.stage import Context, Stage
from oddqso.score.params import ScoreParams
from oddqso.simulation.injection import Draws
from oddqso.simulation.injections import injection_named
from oddqso.simulation.probes import PROBES
from oddqso.simulation.truth import ORDINARY, true_classes
from oddqso.spectra import Spectra
from oddqso.stages.published import Published, open_published
from oddqso.stages.report import TRUTH, inventory
from oddqso.validation.params import InjectParams
from oddqso.validation.plan import TWIN, Hosts, plan_injections, plan_twins
from oddqso.validation.planting import as_words, plant, turned
from oddqso.validation.probing import at_its_place


def inject(
    context: Context, ingested: pa.Table, trained: Path, fitted: Path, significance: Path, released: Path, *,
    params: InjectParams,
) -> pa.Table:  # fmt: skip
    """Plant what the plan says into the spectra of one shard, and let the run's own pipeline judge them.

    Returns
    -------
    pa.Table
        TARGETID of the host, CLASS, AMPLITUDE, SNR_BIN, KEY, DRAWS (JSON), HOST_Z, and the columns of `Published`.
    """
    state = (released / "manifest.json").stat().st_mtime_ns
    plan = _plan(released, context.input, state, context.seed, params)
    plan = plan.filter(pc.is_in(plan["TARGETID"], ingested["TARGETID"].combine_chunks()))
    published = open_published(context.run)
    pieces = [_judge(ingested, piece, published) for piece in _pieces(plan, params.batch_size)]
    if not pieces:  # nothing is planted here: no rows, and the columns as everywhere
        one = Hosts(ingested["TARGETID"].to_numpy()[:1], np.ones(1), np.ones(1))
        return _judge(ingested, plan_twins(one, InjectParams(), context.rng()), published).slice(0, 0)
    return pa.concat_tables(pieces)


def _pieces(plan: pa.Table, n_most: int) -> Iterator[pa.Table]:
    for start in range(0, plan.num_rows, n_most):
        yield plan.slice(start, n_most)


def _judge(ingested: pa.Table, plan: pa.Table, published: Published) -> pa.Table:
    hosts = ingested.take(_places(ingested["TARGETID"].to_numpy(), plan["TARGETID"].to_numpy())).combine_chunks()
    spectra, classes = Spectra.from_table(hosts), plan["CLASS"].to_pylist()
    twins = np.array([name == TWIN for name in classes], dtype=np.bool_)
    injections = [injection_named(name) if name != TWIN else _NOTHING for name in classes]
    planted, draws = plant(spectra, injections, plan["AMPLITUDE"].to_numpy(), plan["KEY"].to_numpy())
    if twins.any():
        views = published.view(hosts.filter(pa.array(twins)))
        flux = planted.flux
        flux[twins] = turned(spectra[twins], np.stack([view.model for view in views])).flux
        planted = replace(planted, flux=flux)
    table = planted.to_table()
    for name in ("SPLIT", "STRICT"):
        table = table.append_column(name, hosts[name])
    told = _at_their_places(published, hosts, table, classes, draws)
    judged = published(table).drop_columns("TARGETID")
    told |= {"DRAWS": pa.array([as_words(d) for d in draws], pa.string()), "HOST_Z": pa.array(spectra.z)}
    columns = dict(zip(plan.column_names, plan.columns, strict=True)) | told
    return pa.table(columns | dict(zip(judged.column_names, judged.columns, strict=True)))


def _at_their_places(
    published: Published, hosts: pa.Table, planted: pa.Table, classes: list[str], draws: list[Draws]
) -> dict[str, pa.Array]:
    """What the one filter that fits a probe says at its place, with the probe and without it; null for others."""
    names = {probe.name for probe in PROBES}
    rows = np.array([name in names for name in classes], dtype=np.bool_)
    score = published.params["score"]
    coherence = score.coherence if isinstance(score, ScoreParams) else 0.0
    columns = {}
    for name, table in (("AT_PLACE", planted), ("HOST_AT_PLACE", hosts)):
        answer = np.full(len(rows), np.nan)
        if rows.any():
            views = published.view(table.filter(pa.array(rows)).combine_chunks())
            chosen = [d for d, wanted in zip(draws, rows, strict=True) if wanted]
            answer[rows] = [at_its_place(view, d, coherence) for view, d in zip(views, chosen, strict=True)]
        columns[name] = pa.array(answer, mask=~np.isfinite(answer))
    return columns


def _nothing(wave: Any, flux: Any, ivar: Any, draws: Any) -> tuple[Any, Any]:
    return flux, ivar


_NOTHING = replace(injection_named("narrow_feature"), name=TWIN, pixels=_nothing)
"""What is planted into a spectrum that is turned upside down afterwards."""


def _places(known: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.intp]:
    """Rows of the wanted TARGETIDs, all of which are there."""
    order = np.argsort(known, kind="stable")
    return np.asarray(order[np.searchsorted(known[order], wanted)])


@lru_cache(maxsize=1)
def _plan(released: Path, root: Path, state: int, seed: int, params: InjectParams) -> pa.Table:
    """The plan of all shards, the same whichever shard asks."""
    catalog = read_held_out(released)
    ordinary = ordinary_rows(catalog, root, params.ordinary_share)
    rng = Context(root, released, seed, "inject").rng()
    for_hosts, for_twins = rng.spawn(2)
    held_out = _hosts(catalog)
    hosts = Hosts(held_out.target_id[ordinary], held_out.z[ordinary], held_out.snr[ordinary])
    return pa.concat_tables(
        [plan_injections(hosts, params, for_hosts), plan_twins(held_out, params, for_twins)]
    ).combine_chunks()


def read_held_out(released: Path) -> pa.Table:
    """Catalog rows of the held-out strict spectra that have a score, by TARGETID.

    Raises
    ------
    DataError
        If there are none.
    """
    catalog = pq.read_table(released / "catalog.parquet", columns=["TARGETID", "Z", "SNR", "SPLIT", "STRICT", "SCORE"])
    kept = pc.and_(pc.and_(catalog["STRICT"], pc.not_equal(catalog["SPLIT"], "FIT")), pc.is_valid(catalog["SCORE"]))
    held_out = catalog.filter(kept).sort_by("TARGETID").combine_chunks()
    if held_out.num_rows == 0:
        raise DataError(f"no held-out strict spectrum of {released.parent} has a score: there is nothing to plant into")
    return held_out


def ordinary_rows(catalog: pa.Table, root: Path, at_most: float) -> NDArray[np.bool_]:
    """Which rows are ordinary: in truth where a truth table tells; otherwise this share, the least odd ones."""
    if (root / TRUTH).exists():
        truth = pq.read_table(root / TRUTH)
        classes = true_classes(catalog["TARGETID"].to_numpy(), catalog["Z"].to_numpy(), truth)
        return np.array([name == ORDINARY for name in classes], dtype=np.bool_)
    score = catalog["SCORE"].to_numpy(zero_copy_only=False)
    return np.asarray(score <= np.quantile(score, at_most))


def _hosts(catalog: pa.Table) -> Hosts:
    return Hosts(
        catalog["TARGETID"].to_numpy(),
        catalog["Z"].to_numpy().astype(np.float64),
        catalog["SNR"].to_numpy(zero_copy_only=False).astype(np.float64),
    )


STAGE = Stage(
    "inject",
    kind="map",
    reads=("ingest", "train", "fit", "significance", "release"),
    function=inject,
    params=InjectParams,
    inventory=inventory,
)
