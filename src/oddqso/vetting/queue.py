"""Draw a batch of the blind queue: the top of the calibration, with controls mixed in."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddqso.errors import DataError
from oddqso.vetting.ledger import KEY_SCHEMA
from oddqso.vetting.params import VettingParams

_LETTERS: Final = np.array(list("ABCDEFGHJKLMNPQRSTUVWXYZ23456789"))
_NEAREST: Final = 20


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """Spectra that a batch is drawn from.

    Parameters
    ----------
    target_id : (n_spec,) int64
    score, snr, z : (n_spec,) float64
        Final score, median S/N of a pixel, redshift.
    group : (n_spec,) str
        Calibration group.
    """

    target_id: NDArray[np.int64]
    score: NDArray[np.float64]
    snr: NDArray[np.float64]
    z: NDArray[np.float64]
    group: NDArray[Any]

    def __len__(self) -> int:
        return len(self.target_id)

    def __getitem__(self, rows: NDArray[Any]) -> "Pool":
        """Some of the spectra."""
        return Pool(self.target_id[rows], self.score[rows], self.snr[rows], self.z[rows], self.group[rows])


@dataclass(frozen=True, slots=True, eq=False)
class Draw:
    """A batch before it has names.

    Parameters
    ----------
    asked : (n,) int
        Rows of the spectra that are judged.
    ordinary, hosts : (n,) int
        Rows of the pool of controls: known-ordinary spectra, and those to plant anomalies into.
    """

    asked: NDArray[np.intp]
    ordinary: NDArray[np.intp]
    hosts: NDArray[np.intp]


def from_the_top(pool: Pool, seen: NDArray[np.int64], n: int, done: Collection[str] = ()) -> NDArray[np.intp]:
    """Rows of the ``n`` oddest spectra that were not drawn before, oddest first.

    Parameters
    ----------
    pool : Pool
        CALIBRATION.
    seen : (m,) int64
        TARGETIDs of earlier batches.
    done : collection of str
        Groups that need no more looks; they come last.

    Examples
    --------
    >>> score, ones = np.array([5.0, 9.0, 7.0, 8.0]), np.ones(4)
    >>> pool = Pool(np.arange(4), score, ones, ones, np.array(["a", "a", "a", "b"]))
    >>> from_the_top(pool, np.array([1]), 2).tolist(), from_the_top(pool, np.array([1]), 2, {"b"}).tolist()
    ([3, 2], [2, 0])
    """
    order = np.lexsort((pool.target_id, -pool.score, np.isin(pool.group, list(done))))
    return order[~np.isin(pool.target_id[order], seen)][:n]


def at_random(pool: Pool, seen: NDArray[np.int64], n: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Rows of ``n`` spectra at random, for an audit; none that was drawn before."""
    rows = np.flatnonzero(~np.isin(pool.target_id, seen))
    return np.sort(rng.permutation(rows)[:n])


def draw_batch(
    asked: Pool, rows: NDArray[np.intp], controls: Pool, seen: NDArray[np.int64], params: VettingParams,
    rng: np.random.Generator,
) -> Draw:  # fmt: skip
    """Controls to the spectra that are asked for, alike in S/N and redshift.

    Parameters
    ----------
    asked : Pool
        What the queue is drawn from.
    rows : (n,) int
        Its rows in the batch.
    controls : Pool
        CALIBRATION.
    seen : (m,) int64
        TARGETIDs of earlier batches.

    Raises
    ------
    DataError
        If there is nothing to ask, or not one spectrum for a control.
    """
    if not len(rows):
        raise DataError("there is nothing left to look at: every such spectrum stands in a batch already")
    n_asked = len(rows)
    left = 1 - params.planted_share - params.ordinary_share
    n_ordinary = int(np.ceil(n_asked * params.ordinary_share / left))
    n_planted = int(np.ceil(n_asked * params.planted_share / left))
    free = _middling(controls, params) & ~np.isin(controls.target_id, np.concatenate([seen, asked.target_id[rows]]))
    places = np.flatnonzero(free)
    if len(places) < 2:
        raise DataError(
            f"{len(places)} spectra are left for controls; a queue without controls measures no vetter. "
            "Widen vetting.ordinary_from and ordinary_to, or give more spectra"
        )
    taken: list[int] = []
    like = rng.choice(rows, n_ordinary + n_planted)
    for row in like.tolist():
        away = _distance(controls, places, asked, row)
        away[np.isin(places, taken)] = np.inf
        nearest = np.argsort(away, kind="stable")[:_NEAREST]
        nearest = nearest[np.isfinite(away[nearest])]
        if len(nearest):
            taken.append(int(places[rng.choice(nearest)]))
    drawn = np.array(taken, np.intp)
    n_ordinary = min(n_ordinary, (len(drawn) + 1) // 2)
    return Draw(rows, drawn[:n_ordinary], drawn[n_ordinary:])


def make_key(
    draw: Draw, asked: Pool, audit: tuple[str, int] | None, controls: Pool, planted: list[tuple[str, float]],
    batch: int, rng: np.random.Generator,
) -> pa.Table:  # fmt: skip
    """The key of a batch, in the order in which it is shown: shuffled, with names that tell nothing.

    Parameters
    ----------
    audit : (str, int), optional
        The list that was sampled and its length; None for the top of CALIBRATION.
    planted : list of (class, amplitude)
        What was planted into each of ``draw.hosts``.
    batch : int
        Its number, the first part of the items' names.
    """
    n = len(draw.asked) + len(draw.ordinary) + len(draw.hosts)
    rows: list[dict[str, Any]] = []
    kind, (tier, n_list) = ("audit", audit) if audit else ("calibration", ("", None))
    rows += [_line(asked, row, kind) | {"TIER": tier, "N_LIST": n_list} for row in draw.asked.tolist()]
    rows += [_line(controls, row, "ordinary") for row in draw.ordinary.tolist()]
    for row, (name, amplitude) in zip(draw.hosts.tolist(), planted, strict=True):
        rows.append(_line(controls, row, "planted") | {"CLASS": name, "AMPLITUDE": amplitude})
    names: list[str] = []
    while len(names) < n:
        name = f"{batch:03d}-{''.join(rng.choice(_LETTERS, 4))}"
        if name not in names:
            names.append(name)
    order = rng.permutation(n)
    return pa.Table.from_pylist([rows[k] | {"ITEM": names[i]} for i, k in enumerate(order.tolist())], KEY_SCHEMA)


def _line(pool: Pool, row: int, kind: str) -> dict[str, Any]:
    return {
        "TARGETID": int(pool.target_id[row]), "KIND": kind, "CLASS": "", "AMPLITUDE": None,
        "SCORE": float(pool.score[row]), "GROUP": str(pool.group[row]), "TIER": "", "N_LIST": None,
    }  # fmt: skip


def _middling(pool: Pool, params: VettingParams) -> NDArray[np.bool_]:
    """Whether a spectrum's score lies where ordinary ones lie in its group, (n_spec,)."""
    out = np.zeros(len(pool), bool)
    for name in np.unique(pool.group):
        here = pool.group == name
        low, high = np.quantile(pool.score[here], [params.ordinary_from, params.ordinary_to])
        out |= here & (pool.score >= low) & (pool.score <= high)
    return out


def _distance(pool: Pool, places: NDArray[np.intp], asked: Pool, row: int) -> NDArray[np.float64]:
    """How unlike in S/N and redshift spectra of the pool are to one that is asked for, (n_place,)."""
    brightness = np.log(np.maximum(pool.snr[places], 1e-2) / max(float(asked.snr[row]), 1e-2))
    distance: NDArray[np.float64] = brightness**2 + (np.log1p(pool.z[places]) - np.log1p(asked.z[row])) ** 2
    return distance
