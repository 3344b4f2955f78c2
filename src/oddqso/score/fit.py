"""Fit the detectors to ordinary spectra, store them as plain arrays, load them."""

from pathlib import Path

import numpy as np

from oddqso.errors import DataError
from oddqso.score.params import DetectorParams
from oddqso.score.protocol import Arrays, Training
from oddqso.score.registry import scores_of


def fit_scores(training: Training, params: DetectorParams, rng: np.random.Generator) -> dict[str, Arrays]:
    """Every detector, fitted, as plain arrays by name.

    Parameters
    ----------
    training : Training
        Ordinary spectra of the FIT split, at most ``params.fit.max_spectra`` of them, and the model's templates.
    params : DetectorParams
        Settings of all detectors.
    rng : numpy.random.Generator
        Each detector gets a generator of its own from it, so that adding one changes no other.

    Examples
    --------
    >>> from oddqso.score.examples import make_training
    >>> from oddqso.score.params import FitParams
    >>> params = DetectorParams(fit=FitParams(forest_trees=5))
    >>> list(fit_scores(make_training(60), params, np.random.default_rng(1)))
    ['CHI2', 'NARROW', 'BROAD', 'JOIN', 'LINES', 'REDSHIFT', 'GMM', 'KNN', 'FOREST', 'KL', 'ELBO']
    """
    kinds = scores_of(params.fit)
    streams = rng.spawn(len(kinds))
    return {
        kind.name: kind.make(params.fit, params.score).fit(training, stream).to_arrays()
        for kind, stream in zip(kinds, streams, strict=True)
    }


def save_fit(folder: Path, fitted: dict[str, Arrays]) -> None:
    """Write one ``<NAME>.npz`` a detector, without pickles."""
    for name, arrays in fitted.items():
        np.savez(folder / f"{name}.npz", allow_pickle=False, **arrays)


def load_fit(folder: Path) -> dict[str, Arrays]:
    """Read what `save_fit` wrote.

    Raises
    ------
    DataError
        If the folder holds no fitted detectors.
    """
    fitted: dict[str, Arrays] = {}
    for path in sorted(folder.glob("*.npz")):
        with np.load(path, allow_pickle=False) as stored:
            fitted[path.stem] = dict(stored)
    if not fitted:
        raise DataError(f"{folder} holds no fitted detectors (*.npz); run the stage fit")
    return fitted
