"""score: every detector's raw score, on native pixels in the units of the files."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from oddqso.runs.stage import Context, Stage
from oddqso.score.params import ScoreParams
from oddqso.spectra import Embedding, Spectra
from oddqso.stages.rows import check_same_targets


@lru_cache(maxsize=1)
def _fitted(folder: Path, state: int) -> Any:
    from oddqso.score.fit import load_fit

    return load_fit(folder)


def evidence(ingested: pa.Table, prepared: pa.Table, embedded: pa.Table) -> Any:
    """What the detectors see of some spectra: data, model and latents, on native pixels in the units of the files."""
    from oddqso.prepare.native import model_to_native
    from oddqso.score.evidence import Evidence

    check_same_targets(ingested, prepared, embedded)
    spectra, ready, embedding = (
        Spectra.from_table(ingested),
        Spectra.from_table(prepared),
        Embedding.from_table(embedded),
    )
    model, model_sigma = model_to_native(embedding.model, embedding.model_sigma, ready.scale, ready.ebv)
    return Evidence(
        target_id=spectra.target_id,
        z=spectra.z,
        quality=ready.quality,
        wave=spectra.wave,
        flux=spectra.flux,
        ivar=spectra.ivar,
        model=model,
        model_sigma=model_sigma,
        latent=embedding.latent,
        latent_sigma=embedding.latent_sigma,
        kl=embedding.kl,
    )


def score(
    context: Context, ingested: pa.Table, prepared: pa.Table, embedded: pa.Table, fitted: Path, *, params: ScoreParams
) -> pa.Table:
    """Score one shard in pieces of ``batch_size`` rows; rows keep their order."""
    from oddqso.score.compute import compute_scores

    detectors = _fitted(fitted, (fitted / "manifest.json").stat().st_mtime_ns)
    pieces = []
    for start in range(0, ingested.num_rows, params.batch_size):
        tables = (table.slice(start, params.batch_size) for table in (ingested, prepared, embedded))
        pieces.append(compute_scores(evidence(*tables), detectors, params))
    return pa.concat_tables(pieces)


STAGE = Stage("score", kind="map", reads=("ingest", "prepare", "embed", "fit"), function=score, params=ScoreParams)
