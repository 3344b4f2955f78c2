"""What can be seen of a training while it goes on: its curves, and some held-out spectra as the model sees them.

Looking changes nothing: no randomness is drawn, nothing is written but ``curves.csv``.
"""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from oddqso.embed.scratch import TrainingSet
from oddqso.embed.vae import Vae

CSV_NAME: Final = "curves.csv"
COLUMNS: Final = ("epoch", "step", "split", "loss", "reconstruction", "kl", "beta", "lr")
LINEAR: Final = "linear"
"""The split of the rows that the fit of the linear part writes: an iteration each, on training spectra."""

_AT_REDSHIFT: Final = (0.15, 0.5, 0.85)


class Look(NamedTuple):
    """The present state of a training.

    Parameters
    ----------
    curves : list of dict
        Rows of ``curves.csv`` so far.
    z, snr : (n_spec,) float64
        Redshift and median signal-to-noise ratio of a few held-out spectra.
    flux, ivar, model, error : (n_spec, n_wave) float32
        These spectra as prepared, their reconstructions, and the standard deviation of the model error in the same
        unit; on the model grid.
    """

    curves: list[dict[str, Any]]
    z: NDArray[np.float64]
    snr: NDArray[np.float64]
    flux: NDArray[np.float32]
    ivar: NDArray[np.float32]
    model: NDArray[np.float32]
    error: NDArray[np.float32]


Watch = Callable[[Callable[[], Look]], None]
"""Is called after each epoch with a function that takes a look; whether it does is its own affair."""


def linear_rows(losses: Sequence[float]) -> list[dict[str, Any]]:
    """Rows of the curves for the iterations of the linear part; what they do not know is None.

    Examples
    --------
    >>> linear_rows([0.7])[0]["split"], linear_rows([0.7])[0]["kl"]
    ('linear', None)
    """
    empty = dict.fromkeys(COLUMNS)
    return [empty | {"epoch": epoch, "split": LINEAR, "loss": loss} for epoch, loss in enumerate(losses)]


def write_curves(folder: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write ``curves.csv`` whole, beside its place, then move it there: a reader never sees half of it."""
    sink = io.StringIO(newline="")
    writer = csv.DictWriter(sink, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    aside = folder / (CSV_NAME + ".new")
    aside.write_text(sink.getvalue(), encoding="utf-8")
    aside.replace(folder / CSV_NAME)


def examples(data: TrainingSet) -> NDArray[np.int64]:
    """Held-out spectra to show, low, middle and high in redshift, of the brighter half; always the same ones.

    Returns
    -------
    (n,) int64
        At most three rows of ``data``.
    """
    held_out = np.flatnonzero(data.held_out)
    bright = held_out[data.snr[held_out] >= np.median(data.snr[held_out])]
    by_z = bright[np.argsort(data.z[bright], kind="stable")]
    places = {min(int(share * len(by_z)), len(by_z) - 1) for share in _AT_REDSHIFT}
    return by_z[sorted(places)]


@torch.no_grad()
def take_look(vae: Vae, data: TrainingSet, curves: list[dict[str, Any]]) -> Look:
    """Curves and `examples` as they are now, on the device of the model."""
    index = examples(data)
    flux, ivar, z = data.read(index)
    device = vae.linear.table.device
    made = vae.reconstruct(torch.from_numpy(flux).to(device), torch.from_numpy(ivar).to(device), z)
    error = made.fraction.sqrt() * made.flux.abs()
    return Look(curves, z, data.snr[index], flux, ivar, made.flux.cpu().numpy(), error.cpu().numpy())
