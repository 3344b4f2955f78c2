"""The linear part of a training: fitted and its components chosen, or corrected from trained weights; checkpointed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from oddqso.embed import basis, sums
from oddqso.embed.checkpoint import load_aside, save_aside
from oddqso.embed.course import Tell
from oddqso.embed.params import TrainParams
from oddqso.embed.refit import refit
from oddqso.embed.scratch import TrainingSet
from oddqso.embed.vae import Vae
from oddqso.embed.watch import linear_rows, write_curves

CHUNK: Final = 64
"""Spectra that are read at once."""

LADDER: Final = (2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64, 96, 128)
"""Numbers of components that held-out spectra choose from, up to all of them."""

_ERRORS = ("log_sigma_rest", "log_sigma_observed", "log_excess", "forest_share", "mean_variance")


def fit_linear(
    vae: Vae, data: TrainingSet, params: TrainParams, seed: int, scratch: Path, tell: Tell
) -> tuple[int, list[float]]:
    """Fit the linear part in place, from its checkpoint on.

    Returns
    -------
    n_used : int
        How many components are used.
    losses : list of float
        Of each iteration.
    """
    path = scratch / "linear.pt"
    state = load_aside(path)
    if state is None:
        basis.start_linear(vae.linear, np.random.default_rng([seed, 3]))
        state = {"done": 0, "n_used": None}
    else:
        vae.linear.load_state_dict(state["linear"])
    losses: list[float] = state.get("losses", [])
    learn_batches = _by_redshift(data, some(np.flatnonzero(~data.held_out), params.max_em_spectra, [seed, 5]))
    held_out = some(np.flatnonzero(data.held_out), params.max_em_spectra // 4, [seed, 7])
    for step in range(state["done"], params.n_em):
        tell(f"fit components: {step + 1} of {params.n_em}", step / params.n_em)
        losses.append(basis.fit_step(vae.linear, learn_batches, params.smooth_scale))
        state = {"done": step + 1, "n_used": None, "linear": vae.linear.state_dict(), "losses": losses}
        save_aside(state, path)
        write_curves(scratch.parent, linear_rows(losses))
    if state["n_used"] is None:
        n_used = _choose(vae, data, held_out)
        basis.finish(vae.linear, learn_batches, n_used, params.smooth_scale)
        state = {"done": params.n_em, "n_used": n_used, "linear": vae.linear.state_dict(), "losses": losses}
        save_aside(state, path)
    return int(state["n_used"]), losses


def refit_linear(vae: Vae, data: TrainingSet, params: TrainParams, seed: int, scratch: Path, tell: Tell) -> list[float]:
    """Correct the linear part of trained weights, or take the correction from its checkpoint; as `fit_linear`.

    The correction is kept if it makes held-out spectra likelier, by a nat each, at the errors that were given.
    """
    path = scratch / "linear.pt"
    state = load_aside(path)
    if state is not None:
        vae.linear.load_state_dict(state["linear"])
        return list(state.get("losses", []))
    learn = some(np.flatnonzero(~data.held_out), params.max_em_spectra, [seed, 5])
    held_out = some(np.flatnonzero(data.held_out), params.max_em_spectra // 4, [seed, 7])
    given = {name: value.clone() for name, value in vae.linear.state_dict().items()}
    start, likely = vae.linear.table.double().numpy().copy(), _likely(vae, data, held_out)
    tell("fit components", 0.0)
    losses = refit(vae.linear, _by_redshift(data, learn), start, params.finetune_width, params.n_em)
    corrected = {name: value.clone() for name, value in vae.linear.state_dict().items()}
    vae.linear.load_state_dict(corrected | {name: given[name] for name in _ERRORS})
    kept = _likely(vae, data, held_out) > likely + len(held_out)
    vae.linear.load_state_dict(corrected if kept else given)
    save_aside({"linear": vae.linear.state_dict(), "losses": losses}, path)
    return losses


def some(index: NDArray[np.int64], n_most: int, key: list[int]) -> NDArray[np.int64]:
    """At most so many of them at random, in order.

    Examples
    --------
    >>> some(np.arange(9), 3, [1, 2]).tolist() == some(np.arange(9), 3, [1, 2]).tolist()
    True
    """
    chosen: NDArray[np.int64] = np.sort(np.random.default_rng(key).permutation(index)[:n_most])
    return chosen


def _by_redshift(data: TrainingSet, index: NDArray[np.int64]) -> sums.Batches:
    """Batches of neighbors in redshift, which share most of the rest frame."""

    def batches() -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float64]]]:
        by_z = index[np.argsort(data.z[index], kind="stable")]
        for first in range(0, len(by_z), CHUNK):
            yield data.read(by_z[first : first + CHUNK])

    return batches


def _choose(vae: Vae, data: TrainingSet, held_out: NDArray[np.int64]) -> int:
    """How many of the strongest components make held-out spectra most likely."""
    table = vae.linear.table.clone()
    n_component = vae.params.n_component
    best, best_evidence = 0, -np.inf
    for n_used in [n for n in LADDER if n < n_component] + [n_component]:
        vae.linear.table[:, 1 + n_used :] = 0
        total = _likely(vae, data, held_out)
        vae.linear.table.copy_(table)
        if total > best_evidence:
            best, best_evidence = n_used, total
    return best


def _likely(vae: Vae, data: TrainingSet, held_out: NDArray[np.int64]) -> float:
    """Logarithm of how likely these spectra are under the linear part, all together [nat]."""
    total = 0.0
    for first in range(0, len(held_out), CHUNK):
        total += float(sums.evidence(vae.linear, *data.read(held_out[first : first + CHUNK])).sum())
    return total
