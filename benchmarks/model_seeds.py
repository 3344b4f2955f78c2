"""How far models that differ in nothing but the seed find the same spectra odd.

    python benchmarks/model_seeds.py WEIGHTS SAMPLE --scratch FOLDER

Three models are trained from scratch on the same spectra, smaller and shorter than a model for use, and three are
finetuned from the weights. The seed chooses where the components start, which spectra are held out, the network's
first weights, the order of batches, the masks and the draws. Other spectra, the same for all, are scored with a
residual score (CHI2) and with the distance to neighbors in latent space (KNN). Both are made comparable across S/N and
redshift and merged as in a run: raw scores would agree by S/N alone.
"""

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oddqso.embed.encoding import encode
from oddqso.embed.leakage import seed_stability
from oddqso.embed.params import EmbedParams, TrainParams
from oddqso.embed.scratch import hash_share, median_snr
from oddqso.embed.training import train
from oddqso.embed.weights import load_model
from oddqso.score.chi2 import Chi2Score
from oddqso.score.evidence import Evidence
from oddqso.score.knn import KnnScore
from oddqso.score.params import FitParams, ScoreParams
from oddqso.score.protocol import Training
from oddqso.significance.merge import cauchy_merge
from oddqso.significance.normalize import fit_tail_map
from oddqso.significance.params import NormalizeParams, SignificanceParams
from oddqso.spectra import Embedding, Spectra

SEEDS = (1, 2, 3)
N_LEARN, N_SCORE = 2500, 3500

FROM_SCRATCH = TrainParams(
    network=EmbedParams(n_latent=64, n_linear=15, n_channel=16, n_hidden=64), n_em=8, max_epochs=6
)


def measure(folder: Path, spectra: Spectra, scratch: Path) -> dict[str, Any]:
    """Rank correlation and overlap of the top 1 % of three seeds.

    Parameters
    ----------
    folder : Path
        Weights that the finetuned models start from.
    spectra : Spectra
        Prepared ordinary spectra, of which 2,500 are learned from and at most 3,500 others are scored.
    scratch : Path
        For the models.

    Returns
    -------
    dict
        What `seed_stability` says of the merged score of models from scratch, and ``from_scratch`` and ``finetuned``
        with each score.
    """
    finetuned = TrainParams(
        network=load_model(folder).vae.params, start="finetune", weights=str(folder), finetune_em=1, finetune_epochs=1,
    )  # fmt: skip
    found = {
        name: _stability(spectra, params, scratch / name)
        for name, params in (("from_scratch", FROM_SCRATCH), ("finetuned", finetuned))
    }
    return found["from_scratch"]["MERGED"] | found


def _stability(spectra: Spectra, params: TrainParams, scratch: Path) -> dict[str, Any]:
    order = np.argsort(hash_share(spectra.target_id, 0, "seeds"), kind="stable")
    learn, rest = spectra[np.sort(order[:N_LEARN])], spectra[np.sort(order[N_LEARN : N_LEARN + N_SCORE])]
    began = time.process_time()
    scores = [_scores(learn, rest, params, seed, scratch / f"seed-{seed}") for seed in SEEDS]
    stability: dict[str, Any] = {name: seed_stability([one[name] for one in scores]) for name in scores[0]}
    return stability | {"n_learn": len(learn), "cpu_s": round(time.process_time() - began)}


def _scores(
    learn: Spectra, rest: Spectra, params: TrainParams, seed: int, folder: Path
) -> dict[str, NDArray[np.float64]]:
    """Train a model and score the rest: each detector and both merged, (n_spec,) each."""
    if not (folder / "model.json").exists():
        train(lambda: iter([learn]), params, seed, folder)
    model = load_model(folder)
    known, embedding = encode(model, learn).latents_only(), encode(model, rest)
    seen = _evidence(rest, embedding)
    log_snr = np.log10(np.maximum(median_snr(rest.flux, rest.ivar), 1e-3))
    tails, scores = [], {}
    for kind in (Chi2Score, KnnScore):
        detector = kind.make(FitParams(), ScoreParams()).fit(Training(known), np.random.default_rng(seed))
        score = detector(seen)
        tails.append(fit_tail_map(score, log_snr, rest.z, NormalizeParams())(score, log_snr, rest.z))
        scores[kind.name] = -np.log10(tails[-1])
    return scores | {"MERGED": cauchy_merge(np.stack(tails, axis=1), SignificanceParams())}


def _evidence(spectra: Spectra, embedding: Embedding) -> Evidence:
    """What the two detectors need, on the grid of the model."""
    sigma = (embedding.model_sigma.astype(np.float32) * np.abs(embedding.model)).astype(np.float32)
    return Evidence(
        spectra.target_id, spectra.z, spectra.quality, spectra.wave, spectra.flux, spectra.ivar, embedding.model, sigma,
        embedding.latent, embedding.latent_sigma, embedding.kl,
    )  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the figures."""
    from model_sample import prepared

    parser = argparse.ArgumentParser(description="How far models of three seeds find the same spectra odd.")
    parser.add_argument("weights", type=Path, help="folder of a trained model")
    parser.add_argument("sample", type=Path, help="folder that model_sample.make made")
    parser.add_argument("--scratch", type=Path, required=True, help="folder for the models")
    given = parser.parse_args(arguments)
    print(json.dumps(measure(given.weights, prepared(given.sample), given.scratch), indent=1))


if __name__ == "__main__":
    main()
