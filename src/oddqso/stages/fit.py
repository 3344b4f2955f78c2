"""fit: the detectors learn what ordinary latent vectors look like, and what lines stand where."""

from pathlib import Path

import numpy as np

from oddqso.runs.shards import Shards
from oddqso.runs.stage import Context, Stage
from oddqso.score.params import DetectorParams
from oddqso.score.protocol import Training
from oddqso.spectra import Embedding
from oddqso.stages.rows import teaching


def fit(
    context: Context, prepared: Shards, embedded: Shards, trained: Path, *, params: DetectorParams, out: Path
) -> None:
    """Fit the detectors to a random choice of at most ``max_spectra`` of the teaching rows."""
    from oddqso.embed.templates import rest_templates
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
    training = Training(Embedding.concatenate(latents), rest_templates(trained, params.fit.redshift_templates))
    save_fit(out, fit_scores(training, params, rng))


STAGE = Stage("fit", kind="gather", reads=("prepare", "embed", "train"), function=fit, params=DetectorParams)
