"""Held-out spectra whose truth is known, drawn anew into CALIBRATION and TEST again and again."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from oddqso.errors import DataError


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """``n_spec`` held-out spectra with a score, and what they are in truth.

    Parameters
    ----------
    target_id : (n_spec,) int64
        DESI TARGETID.
    score : (n_spec,) float
        Higher is odder; all finite.
    group : (n_spec,) str
        The group that each is calibrated in.
    odd : (n_spec,) bool
        The truth.
    """

    target_id: NDArray[np.int64]
    score: NDArray[Any]
    group: NDArray[np.str_]
    odd: NDArray[np.bool_]

    def __post_init__(self) -> None:
        lengths = {f.name: len(getattr(self, f.name)) for f in fields(self)}
        if len(set(lengths.values())) > 1:
            raise DataError(f"a pool's columns are of different lengths: {lengths}")
        if not np.isfinite(self.score).all():
            raise DataError(f"{(~np.isfinite(self.score)).sum():,} scores of the pool are not finite; leave them out")

    def __len__(self) -> int:
        return len(self.target_id)

    def __getitem__(self, rows: NDArray[Any]) -> Self:
        """Some of the spectra, by indices or boolean mask."""
        return type(self)(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})


@dataclass(frozen=True, slots=True)
class Composition:
    """What a replicate is made of.

    Parameters
    ----------
    name : str
        In one word.
    odd_share : float, optional
        Share of odd spectra in it; None takes them as they come.
    ordinary_share : float
        Share of the pool's ordinary spectra that enter, at random, so that no two replicates hold the same.
    calibration_share : float, optional
        CALIBRATION's part, if it is not that of the run.
    """

    name: str
    odd_share: float | None = None
    ordinary_share: float = 0.9
    calibration_share: float | None = None


COMPOSITIONS: Final = (Composition("as simulated"), Composition("2 % odd", 0.02), Composition("0.5 % odd", 0.005))
"""From a survey full of odd spectra to one where they are as rare as in the sky."""

NULL: Final = Composition("none odd", 0.0)
"""Nothing is odd, and everything that is claimed is false."""


@dataclass(frozen=True, slots=True, eq=False)
class Lists:
    """What a method claims of ``m`` TEST spectra.

    Parameters
    ----------
    called : (n_alpha, m) bool
        The list at each rate.
    fdp_95 : (n_alpha,) float64
        The method's own 95 % upper limit of the share of false ones in each list; NaN where it says nothing.
    looks : int
        CALIBRATION spectra that people had to look at.
    """

    called: NDArray[np.bool_]
    fdp_95: NDArray[np.float64]
    looks: int = 0


Method = Callable[[Pool, Pool, tuple[float, ...], np.random.Generator], Lists]
"""``method(calibration, test, alphas, rng)``; a naive one looks at no truth, a vetter sees that of CALIBRATION."""


def draw(
    pool: Pool, composition: Composition, calibration_share: float, rng: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows of CALIBRATION and of TEST: the pool split anew at random, without regard to anything.

    Parameters
    ----------
    pool : Pool
        Held-out spectra.
    composition : Composition
        How many of them enter.
    calibration_share : float
        CALIBRATION's part of CALIBRATION and TEST together, unless the composition says otherwise.
    rng : Generator
        For the choice and for the split.

    Examples
    --------
    >>> pool = Pool(np.arange(100), np.zeros(100), np.full(100, "all"), np.arange(100) < 20)
    >>> calibration, test = draw(pool, Composition("rare", 0.1), 0.3, np.random.default_rng(0))
    >>> len(calibration), len(test), int(pool.odd[np.append(calibration, test)].sum())
    (24, 56, 8)
    """
    ordinary, odd = np.flatnonzero(~pool.odd), np.flatnonzero(pool.odd)
    n_ordinary, share = round(composition.ordinary_share * len(ordinary)), composition.odd_share
    if share:  # if there are too few odd ones for their share, fewer ordinary ones enter
        n_ordinary = min(n_ordinary, int(len(odd) * (1 - share) / share))
    wanted = len(odd) if share is None else round(n_ordinary * share / (1 - share))
    rows = np.append(rng.permutation(ordinary)[:n_ordinary], rng.permutation(odd)[:wanted])
    rows = rng.permutation(rows)
    n_calibration = round((composition.calibration_share or calibration_share) * len(rows))
    return rows[:n_calibration], rows[n_calibration:]


def draws(
    pool: Pool, composition: Composition, calibration_share: float, n_replicates: int, rng: np.random.Generator
) -> Iterator[tuple[Pool, Pool]]:
    """CALIBRATION and TEST of each replicate, with the scores as they are."""
    for _ in range(n_replicates):
        calibration, test = draw(pool, composition, calibration_share, rng)
        yield pool[calibration], pool[test]
