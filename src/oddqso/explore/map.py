"""The latent map: standardized latent vectors in a plane, by UMAP of some and their neighborhood for the others."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from oddqso.params import Params

FEW: Final = 200
"""Below this many objects UMAP has nothing to work with, and the plane is that of the principal components."""
_CLIP: Final = 6.0
_CHUNK: Final = 256
_N_NEAR: Final = 6

Told = Callable[[float, str], None]
"""Is told how far the work has come: a share of 1, and words."""


class MapParams(Params):
    """Settings of the latent map."""

    n_fit: int = 20_000
    """Objects that UMAP lays out; the others are placed among them."""
    far_share: float = 0.25
    """Share of those that are taken for being farthest out, where interpolation is worst; the others at random."""
    n_neighbors: int = 15
    """Neighbors that UMAP holds together."""
    min_dist: float = 0.05
    """How close UMAP packs them."""
    seed: int = 0
    """Same seed, same map."""


@dataclass(frozen=True, slots=True, eq=False)
class LatentMap:
    """Where each object lies in the plane.

    Parameters
    ----------
    xy : (n, 2) float32
        Positions; the directions have no unit and no meaning of their own.
    kind : str
        ``UMAP`` or ``PCA``.
    """

    xy: NDArray[np.float32]
    kind: str


def principal_map(latent: NDArray[np.float32]) -> LatentMap:
    """The plane of the two largest principal components; fast, exact, and blind to what is not linear.

    Values are cut at 6 widths, so that a few odd objects do not turn the axes; signs are such that the largest
    loading is positive.

    Examples
    --------
    >>> latent = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32) * [1, 9, 4, 1]
    >>> principal_map(latent.astype(np.float32)).xy.shape
    (50, 2)
    """
    values = np.clip(latent, -_CLIP, _CLIP).astype(np.float32)
    if not len(values):
        return LatentMap(np.zeros((0, 2), np.float32), "PCA")
    mean = values.mean(axis=0, dtype=np.float64)
    covariance = (values.T @ values).astype(np.float64) / len(values) - np.outer(mean, mean)
    _, vectors = np.linalg.eigh(covariance)
    axes = vectors[:, ::-1][:, :2]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    xy = np.zeros((len(values), 2), np.float32)
    xy[:, : axes.shape[1]] = (values - mean.astype(np.float32)) @ axes.astype(np.float32)
    return LatentMap(xy, "PCA")


def umap_map(
    latent: NDArray[np.float32],
    target_id: NDArray[np.int64],
    params: MapParams | None = None,
    told: Told | None = None,
) -> LatentMap:
    """UMAP (McInnes, Healy & Melville 2018) of some objects, and every other one at the place of its neighbors.

    An object that UMAP did not lay out goes to the mean of its six nearest laid-out ones in latent space, weighted by
    ``1 / distance**2``. The result does not depend on the order of the rows.

    Parameters
    ----------
    latent : (n, n_active) float32
        Standardized active latents.
    target_id : (n,) int64
        DESI TARGETIDs, which put the rows in order.
    params : MapParams, optional
        Settings.
    told : callable, optional
        Is told how far it has come.
    """
    params, told = params or MapParams(), told or _silent
    if len(latent) < FEW:
        return principal_map(latent)
    rows = fitted_rows(latent, target_id, params)
    told(0.0, "loading UMAP")
    from umap import UMAP  # slow to import and to compile

    told(0.15, f"laying out {len(rows):,} objects")
    start = principal_map(latent[rows]).xy
    start = 10 * start / np.maximum(np.abs(start).max(), 1e-6)
    reducer = UMAP(
        n_neighbors=params.n_neighbors, min_dist=params.min_dist, random_state=params.seed, n_jobs=1, init=start
    )
    placed = np.ascontiguousarray(reducer.fit_transform(latent[rows]), dtype=np.float32)
    xy = np.empty((len(latent), 2), np.float32)
    others = np.setdiff1d(np.arange(len(latent)), rows)
    told(0.6, f"placing {len(others):,} more")
    for begin in range(0, len(others), _CHUNK):
        some = others[begin : begin + _CHUNK]
        xy[some] = place(latent[some], latent[rows], placed)
        if begin // _CHUNK % 50 == 0:
            told(0.6 + 0.4 * begin / len(others), f"placing {len(others):,} more")
    xy[rows] = placed
    return LatentMap(xy, "UMAP")


def fitted_rows(latent: NDArray[np.float32], target_id: NDArray[np.int64], params: MapParams) -> NDArray[np.int64]:
    """Which rows UMAP lays out, by TARGETID: all if there are few; else the farthest out, and others at random."""
    ascending = np.argsort(target_id, kind="stable")
    if len(latent) <= params.n_fit:
        return ascending
    norm = np.einsum("ij,ij->i", latent[ascending], latent[ascending])
    by_norm = np.argsort(-norm, kind="stable")
    n_far = int(params.far_share * params.n_fit)
    rest = np.random.default_rng(params.seed).permutation(np.sort(by_norm[n_far:]))[: params.n_fit - n_far]
    chosen = np.sort(np.concatenate([by_norm[:n_far], rest]))
    found: NDArray[np.int64] = ascending[chosen]
    return found


def place(
    latent: NDArray[np.float32], reference: NDArray[np.float32], placed: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Mean position of the nearest reference objects, weighted by ``1 / distance**2``; (n, 2) float32.

    Examples
    --------
    >>> reference = np.arange(8, dtype=np.float32)[:, None]
    >>> place(np.array([[3.0]], np.float32), reference, np.hstack([reference, 0 * reference])).round(3).tolist()
    [[3.0, 0.0]]
    """
    half = 0.5 * np.einsum("ij,ij->i", reference, reference)
    sides = np.hstack([latent, np.ones((len(latent), 1), np.float32)]), np.hstack([reference, -half[:, None]])
    closeness = sides[0] @ sides[1].T  # larger is nearer: -(distance**2 - |latent|**2) / 2
    out = np.empty((len(latent), 2), np.float32)
    _mean_place(closeness, latent, reference, placed, min(_N_NEAR, len(reference)), out)
    return out


def _silent(share: float, words: str) -> None:
    """Say nothing."""


@njit(cache=True, nogil=True)
def _mean_place(closeness: Any, latent: Any, reference: Any, placed: Any, n_near: int, out: Any) -> None:
    """Fill ``out`` (n, 2) from the ``n_near`` largest of each row of ``closeness`` (n, n_reference)."""
    best = np.empty(n_near, np.int64)
    value = np.empty(n_near, np.float32)
    for i in range(closeness.shape[0]):
        value[:] = -np.inf
        for j in range(closeness.shape[1]):
            c = closeness[i, j]
            if c > value[n_near - 1]:
                k = n_near - 1
                while k > 0 and value[k - 1] < c:
                    value[k] = value[k - 1]
                    best[k] = best[k - 1]
                    k -= 1
                value[k] = c
                best[k] = j
        total = x = y = 0.0
        for k in range(n_near):
            squared = 1e-6
            for d in range(latent.shape[1]):
                step = latent[i, d] - reference[best[k], d]
                squared += step * step
            total += 1 / squared
            x += placed[best[k], 0] / squared
            y += placed[best[k], 1] / squared
        out[i, 0] = x / total
        out[i, 1] = y / total
