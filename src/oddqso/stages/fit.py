"""fit: the detectors learn what ordinary latent vectors look like."""

from pathlib import Path

import numpy as np

from oddqso.runs.shards import Shards
from oddqso.runs.stage import Context, Stage
from oddqso.score.params import DetectorParams
from oddqso.spectra import Embedding
from oddqso.stages.rows import teaching


def fit(context: Context, prepared: Shards, embedded: Shards, *, params: DetectorParams, out: Path) -> None:
    """Fit the detectors to a random choice of at most ``max_spectra`` of the teaching rows."""
    from oddqso.score.fit import fit_scores, save_fit

    rows = [teaching(table) for table in prepared]
    n_rows = sum(map(len, rows))
    rng = context.rng()
    chosen = np.sort(rng.permutation(n_rows)[: params.fit.max_spectra])
    ends = np.cumsum([0, *map(len, rows)])
    latents = []
    for k, table in enumerate(embedded):
        here = rows[k][chosen[(chosen >= ends[k]) & (chosen < ends[k + 1])] - ends[k]]
        if len(here):
            latents.append(Embedding.from_table(table).latents_only()[here])
    save_fit(out, fit_scores(Embedding.concatenate(latents), params, rng))


STAGE = Stage("fit", kind="gather", reads=("prepare", "embed"), function=fit, params=DetectorParams)
