"""How fast detectors score, beside scikit-learn, coniferest and PyOD; each function gives a dict and takes below 60 s.

python benchmarks/discovery_speed.py
"""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from oddqso.score.compute import make_scores
from oddqso.score.examples import make_evidence, make_templates
from oddqso.score.fit import fit_scores
from oddqso.score.forest import fit_forest
from oddqso.score.params import DetectorParams, FitParams, ScoreParams
from oddqso.score.protocol import Training
from oddqso.testing import make_embedding

N_CORE = 2
N_LATENT = 128
N_TREE = 100


def _seconds(call: Callable[[], Any]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def forest_1600k(n_spec: int = 1_600_000, n_others: int = 100_000) -> dict[str, float | None]:
    """Seconds to score 1.6 million vectors of 128 latents with forests of 100 trees on two cores.

    Ours is timed on all of them, and with its default of 200 trees; the others on a part and scaled, None where not
    installed.
    """
    rng = np.random.default_rng(1)
    teach = rng.normal(size=(20_000, N_LATENT)).astype(np.float32)
    x = rng.normal(size=(min(n_spec, 200_000), N_LATENT)).astype(np.float32)
    x = np.resize(x, (n_spec, N_LATENT))
    found: dict[str, float | None] = {}
    for name, n_tree in (("forest_1600k_s", N_TREE), ("forest_1600k_200_trees_s", 2 * N_TREE)):
        forest = fit_forest(teach, FitParams(forest_trees=n_tree), 1)
        forest(x[:1000])
        found[name] = _seconds(lambda forest=forest: forest(x, N_CORE))
    share = n_spec / n_others
    found["forest_1600k_sklearn_s"] = share * _sklearn_seconds(teach, x[:n_others])
    found["forest_1600k_coniferest_s"] = None
    if find_spec("coniferest"):
        from coniferest.isoforest import IsolationForest

        model = IsolationForest(n_trees=N_TREE, n_subsamples=256, n_jobs=N_CORE, random_seed=1).fit(teach)
        model.score_samples(x[:1000])
        found["forest_1600k_coniferest_s"] = share * _seconds(lambda: model.score_samples(x[:n_others]))
    return found


def _sklearn_seconds(teach: np.ndarray, x: np.ndarray) -> float:
    from sklearn.ensemble import IsolationForest

    model = IsolationForest(n_estimators=N_TREE, max_samples=256, random_state=1, n_jobs=1).fit(teach)
    with ThreadPoolExecutor(N_CORE) as pool:
        return _seconds(lambda: list(pool.map(model.score_samples, np.array_split(x, N_CORE))))


def scores_per_s(n_spec: int = 2048, n_teach: int = 10_000) -> dict[str, Any]:
    """Spectra a second that all detectors score together on two cores, and each alone on one; PyOD's on latents alone.

    As in a run, a core takes a batch of spectra and runs every detector on it. Latents of 32 active units.
    """
    params = DetectorParams()
    embedding = make_embedding(n_teach, n_latent=64, seed=1)
    evidence = make_evidence(256, snr=3.0)
    few = make_embedding(256, n_latent=64, seed=2)
    evidence = replace(evidence, latent=few.latent, latent_sigma=few.latent_sigma)
    detectors = make_scores(
        fit_scores(Training(embedding, make_templates()), params, np.random.default_rng(1)), ScoreParams()
    )
    batches = [evidence] * (n_spec // len(evidence))

    def all_of(batch: Any) -> None:
        for detector in detectors:
            detector(batch)

    all_of(evidence)
    with ThreadPoolExecutor(N_CORE) as pool:
        together = _seconds(lambda: list(pool.map(all_of, batches)))
    alone = {d.name: len(evidence) / _seconds(lambda d=d: d(evidence)) for d in detectors}
    return {"scores_per_s": len(batches) * len(evidence) / together, "scores_per_s_alone": alone} | _pyod(
        embedding.latent[:, :32], few.latent[:, :32]
    )


def _pyod(teach: np.ndarray, x: np.ndarray) -> dict[str, float | None]:
    """Spectra a second of PyOD's ECOD and LOF on one core, fitted to as many spectra."""
    found: dict[str, float | None] = {"pyod_ecod_per_s": None, "pyod_lof_per_s": None}
    if find_spec("pyod"):
        from pyod.models.ecod import ECOD
        from pyod.models.lof import LOF

        with threadpool_limits(1):
            for name, model in (("pyod_ecod_per_s", ECOD()), ("pyod_lof_per_s", LOF())):
                model.fit(teach.astype(np.float64))
                found[name] = len(x) / _seconds(lambda model=model: model.decision_function(x.astype(np.float64)))
    return found


def main() -> None:
    """Print what both functions find, and keep it in results/discovery_speed.json."""
    found = json.dumps(forest_1600k() | scores_per_s(), indent=2) + "\n"
    (Path(__file__).parent / "results" / "discovery_speed.json").write_text(found)
    print(found, end="")


if __name__ == "__main__":
    main()
