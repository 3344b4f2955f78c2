"""The linear part of a trained model, for those who know nothing of networks."""

from pathlib import Path

import numpy as np

from oddqso.embed.weights import load_model
from oddqso.spectra.templates import RestTemplates


def rest_templates(folder: Path, n: int) -> RestTemplates:
    """Mean and strongest components of the model in ``folder``.

    Parameters
    ----------
    folder : Path
        Where `save_model` wrote it.
    n : int
        Templates, the mean counted; fewer if the model has fewer components. The model keeps the strongest first.

    Raises
    ------
    DataError
        If there is no readable model.
    """
    linear = load_model(folder).vae.linear
    table = linear.table[:, : min(n, 1 + linear.n_component)].numpy()
    used = np.concatenate([[True], (table[:, 1:] != 0).any(axis=0)])
    return RestTemplates(linear.grid.wave(), np.ascontiguousarray(table[:, used].T, dtype=np.float32))
