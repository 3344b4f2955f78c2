"""Batches of the blind queue: drawn from a finished run, planted, and written for people to look at."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from oddqso.errors import ConfigError, DataError
from oddqso.reports.results import SpectrumView
from oddqso.runs.directory import RunDirectory
from oddqso.runs.files import read_json, read_table, write_table, writing
from oddqso.runs.stage import Context
from oddqso.significance.groups import calibration_groups
from oddqso.significance.params import SignificanceParams
from oddqso.significance.running import FrozenScores
from oddqso.simulation.injection import Injection
from oddqso.simulation.injections import INJECTIONS
from oddqso.spectra import UNSCORABLE, Spectra
from oddqso.stages.published import open_published
from oddqso.stages.rows import check_same_targets
from oddqso.stages.views import spectrum_views
from oddqso.validation.planting import plant
from oddqso.vetting.ledger import KEYS_NAME, Ledger
from oddqso.vetting.params import VettingParams
from oddqso.vetting.queue import Pool, at_random, draw_batch, from_the_top, make_key
from oddqso.vetting.verdicts import Verdict

MEANINGS = {
    Verdict.ANOMALY: "odd, and the quasar is: physics that ordinary quasars do not show",
    Verdict.WRONG_REDSHIFT: "odd because the redshift is wrong, or it is no quasar (give z, if you know it)",
    Verdict.ARTIFACT: "odd because of instrument, sky or reduction",
    Verdict.KNOWN: "of a known class that counts as ordinary: broad absorption lines, damped absorbers, mild reddening",
    Verdict.ORDINARY: "an ordinary quasar",
    Verdict.UNSURE: "looked at, and not decided",
}


def new_batch(
    directory: RunDirectory, ledger: Ledger, params: VettingParams, seed: int, n: int | None, audit: str | None
) -> str:
    """Draw the next batch of a finished run and keep its key; its name.

    Parameters
    ----------
    ledger : Ledger
        What was asked before.
    seed : int
        The run's.
    n : int, optional
        Items, controls included.
    audit : str, optional
        A tier: its list is sampled at random, instead of the top of CALIBRATION.

    Raises
    ------
    DataError
        If there is nothing to ask.
    """
    number = len(ledger.keys) + 1
    batch = f"batch-{number:03d}"
    rng = Context(directory.root, directory.root, seed, "vetting", batch).rng()
    held, listed, tiers = _pools(directory)
    known = [(int(str(row["TARGETID"])), row["KIND"]) for row in ledger.items().values()]
    seen = np.array([target_id for target_id, _ in known], np.int64)
    n_items = n or params.batch_items
    n_asked = max(round(n_items * (1 - params.planted_share - params.ordinary_share)), 1)
    if audit is None:
        asked, sampled = held, None
        asked_before = np.array([target_id for target_id, of in known if of == "calibration"], np.int64)
        rows = from_the_top(held, asked_before, n_asked, _done(directory))
    else:
        places = np.flatnonzero(_listed(directory, tiers, audit))
        asked, sampled = listed, (audit, len(places))
        rows = places[at_random(listed[places], seen, n_asked, rng)]
    draw = draw_batch(asked, rows, held, seen, params, rng)
    chosen = [_choose(float(held.z[row]), params, rng) for row in draw.hosts.tolist()]
    hosts = ingested_rows(directory, held.target_id[draw.hosts])
    planted, _ = plant(
        Spectra.from_table(hosts),
        [injection for injection, _ in chosen],
        np.array([amplitude for _, amplitude in chosen]),
        rng.integers(2**31, size=len(chosen)),
    )
    named = [(injection.name, amplitude) for injection, amplitude in chosen]
    key = make_key(draw, asked, sampled, held, named, number, rng)
    keys = directory.root / "vetting" / KEYS_NAME
    changed = planted.to_table()
    for name in ("SPLIT", "STRICT"):
        changed = changed.append_column(name, hosts[name])
    write_table(keys / f"{batch}.arrow", changed)
    with writing(keys / f"{batch}.parquet") as aside:
        pq.write_table(key, aside)
    return batch


def items_of(directory: RunDirectory, key: pa.Table, batch: str) -> Iterator[SpectrumView]:
    """The spectra of a batch, or of some rows of its key, in their order, planted ones among them."""
    table = read_table(directory.root / "vetting" / KEYS_NAME / f"{batch}.arrow")
    wanted = key.filter(pc.equal(key["KIND"], "planted"))["TARGETID"]
    table = table.filter(pc.is_in(table["TARGETID"], wanted.combine_chunks())).combine_chunks()
    made = open_published(directory.root).view(table) if table.num_rows else []
    planted = dict(zip(table["TARGETID"].to_pylist(), made, strict=True))
    plain = [row["TARGETID"] for row in key.to_pylist() if row["KIND"] != "planted"]
    views = dict(zip(plain, spectrum_views(directory, plain), strict=True))
    for row in key.to_pylist():
        yield planted[row["TARGETID"]] if row["KIND"] == "planted" else views[row["TARGETID"]]


def put(made: Path, out: Path) -> None:
    """Move a folder that is complete to its place; what an earlier export left there goes."""
    if out.exists() and not (out / "queue.csv").exists() and any(out.iterdir()):
        raise ConfigError(f"{out} holds other things than a queue; choose another folder with --out")
    shutil.rmtree(out, ignore_errors=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(made, out)


def ingested_rows(directory: RunDirectory, target_id: NDArray[np.int64]) -> pa.Table:
    """Rows of the stage ingest in the order of ``target_id``, from whatever shards."""
    sample = pq.read_table(directory.stage("sample") / "sample.parquet", columns=["TARGETID", "SHARD"])
    wanted = sample.filter(pc.is_in(sample["TARGETID"], pa.array(target_id)))
    parts = []
    for shard in sorted(set(wanted["SHARD"].to_pylist())):
        table = read_table(directory.stage("ingest") / f"{shard}.arrow")
        rows = np.flatnonzero(np.isin(table["TARGETID"].to_numpy(), target_id))
        parts.append(table.take(rows))
    found = pa.concat_tables(parts).combine_chunks()
    known = found["TARGETID"].to_numpy()
    order = np.argsort(known, kind="stable")
    return found.take(order[np.searchsorted(known[order], target_id)]).combine_chunks()


def _choose(z: float, params: VettingParams, rng: np.random.Generator) -> tuple[Injection, float]:
    """A class that can be seen at this redshift, and an amplitude in the upper part of its range."""
    able = [injection for injection in INJECTIONS if injection.z_min <= z <= injection.z_max]
    injection = able[int(rng.integers(len(able)))]
    if injection.falling:
        low, high = injection.low, injection.high - params.planted_from * (injection.high - injection.low)
    else:
        low, high = injection.low + params.planted_from * (injection.high - injection.low), injection.high
    return injection, float(rng.uniform(low, high))


def frozen_scores(directory: RunDirectory) -> tuple[FrozenScores, SignificanceParams]:
    """The scores of a finished run, and the settings of its significance."""
    facts = directory.shards("prepare").columns("TARGETID", "SNR", "STRICT", "SPLIT")
    table = pq.read_table(directory.stage("significance") / "table.parquet", columns=["TARGETID", "SCORE"])
    check_same_targets(facts, table)
    manifest = directory.manifest("significance") or {}
    params = SignificanceParams.model_validate(manifest["params"])
    group = calibration_groups(facts["STRICT"].to_numpy(), facts["SNR"].to_numpy().astype(np.float64), params)
    score = table["SCORE"].to_numpy(zero_copy_only=False).astype(np.float32)
    split = np.asarray(facts["SPLIT"].to_pylist(), dtype="U11")
    return FrozenScores(facts["TARGETID"].to_numpy(), score, group, split), params


def _pools(directory: RunDirectory) -> tuple[Pool, Pool, NDArray[np.str_]]:
    """CALIBRATION; TEST; and the tier of each TEST spectrum."""
    frozen, _ = frozen_scores(directory)
    facts = directory.shards("prepare").columns("TARGETID", "Z", "SNR", "QUALITY")
    table = pq.read_table(directory.stage("significance") / "table.parquet", columns=["TARGETID", "TIER"])
    score, snr, z = frozen.score.astype(np.float64), facts["SNR"].to_numpy(), facts["Z"].to_numpy()
    pool = Pool(frozen.target_id, score, snr.astype(np.float64), z.astype(np.float64), frozen.group)
    known = np.isfinite(score) & (facts["QUALITY"].to_numpy() & UNSCORABLE == 0)
    held, test = (known & (frozen.split == split) for split in ("CALIBRATION", "TEST"))
    tier = np.array(table["TIER"].fill_null("").to_pylist(), dtype=np.str_)
    return pool[held], pool[test], tier[test]


def _listed(directory: RunDirectory, tier: NDArray[np.str_], name: str) -> NDArray[np.bool_]:
    """Which spectra are on the list of a tier; stricter ones are part of it."""
    names = [row["name"] for row in read_json(directory.stage("significance") / "certificate.json")["tiers"]]
    if name not in names:
        raise ConfigError(f"there is no tier {name!r}; the tiers are {', '.join(names)}")
    listed = np.isin(tier, names[: names.index(name) + 1])
    if not listed.any():
        raise DataError(f"the list {name} is empty: there is nothing to audit")
    return np.asarray(listed)


def _done(directory: RunDirectory) -> set[str]:
    """Groups that need no more looks."""
    certificate = read_json(directory.stage("significance") / "certificate.json")
    return {row["name"] for row in certificate["vetting"]["progress"] if row["may_stop"]}
