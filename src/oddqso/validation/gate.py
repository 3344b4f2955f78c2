"""The simulation gate: whether a list holds as many false discoveries as it may, and no more.

The truth of a pool of held-out spectra is known. It is split at random into CALIBRATION and TEST, many times; a method
draws up its lists each time; and the share of false ones, averaged over the replicates, must not exceed what the list
promised by more than two standard errors: in all, in each group if the claim is made in each, and where nothing is
odd. The gate knows nothing of the method. It can fail, and naive methods do (`oddqso.validation.naive`).

Replicates of one pool share its spectra, its model and its detectors: the mean over them is the rate of *this* survey
over the chance of the split. Other surveys give other pools.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from oddqso.shares import upper_limit
from oddqso.validation.pool import Lists, Method, Pool

OVERALL: Final = "all"
"""The name of all groups together."""

STANDARD_ERRORS: Final = 2.0
"""How far above the promise chance may carry the mean of the replicates."""

FPR_LIMIT: Final = 0.01
"""The share of ordinary spectra that may be called, its upper limit included."""


@dataclass(frozen=True, slots=True)
class Rate:
    """What became of one promise in one place.

    Parameters
    ----------
    composition, group : str
        Where.
    alpha : float
        The false discovery rate that was promised.
    n_replicates : int
        How often.
    fdr, se : float
        The false share of a list (0 for an empty one), its mean and the standard error of that.
    n_called, power, looks : float
        Length of the list, share of the odd spectra on it, and looks of people: means.
    n_lists : int
        Lists that were not empty.
    fdp_95_held, fdp_95_held_of_lists : float or None
        The share of the replicates in which no list broke its own 95 % limit, and of the lists that were not empty;
        None if the method states no limit. The first is what is promised: a list that only lucky splits give is a
        lucky list.
    n_ordinary, fpr, fpr_upper : float
        Ordinary spectra that were tested; the share of them that was called: its mean, and of the replicates'
        Clopper-Pearson upper limits the one that 95 % of them do not exceed.
    """

    composition: str
    group: str
    alpha: float
    n_replicates: int
    fdr: float
    se: float
    n_called: float
    power: float
    looks: float
    n_lists: int
    fdp_95_held: float | None
    fdp_95_held_of_lists: float | None
    n_ordinary: float
    fpr: float
    fpr_upper: float

    @property
    def holds(self) -> bool:
        """Whether the promise was kept, and the limit of the single list in 95 % of the replicates."""
        least = 0.95 - STANDARD_ERRORS * float(np.sqrt(0.95 * 0.05 / self.n_replicates))
        limits = self.fdp_95_held is None or self.fdp_95_held >= least
        return self.fdr <= self.alpha + STANDARD_ERRORS * self.se + 1e-12 and limits

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers, for JSON."""
        return asdict(self) | {"holds": self.holds}


def judge(
    method: Method,
    replicates: Iterable[tuple[Pool, Pool]],
    alphas: tuple[float, ...],
    composition: str,
    rng: np.random.Generator,
    *,
    by_group: bool = False,
) -> list[Rate]:
    """Let a method draw up its lists and compare them with the truth.

    Parameters
    ----------
    method : callable
        `Method`.
    replicates : iterable of (Pool, Pool)
        CALIBRATION and TEST.
    alphas : tuple of float
        Rates that are promised.
    composition : str
        Named in the outcome.
    rng : Generator
        For the method.
    by_group : bool
        The claim is made in each group: it is judged in each too.

    Examples
    --------
    >>> from oddqso.validation.naive import self_rank
    >>> from oddqso.validation.pool import Composition, draws
    >>> pool = Pool(np.arange(400), np.arange(400.0), np.full(400, "all"), np.arange(400) > 395)
    >>> split = draws(pool, Composition("as it is"), 0.3, 20, np.random.default_rng(0))
    >>> rate, = judge(self_rank, split, (0.1,), "as it is", np.random.default_rng(1))
    >>> round(rate.fdr, 1), rate.holds
    (0.9, False)
    """
    tallies: dict[str, list[list[_Tally]]] = {}
    looks = []
    for calibration, test in replicates:
        lists = method(calibration, test, alphas, rng)
        looks.append(lists.looks)
        for group in (OVERALL, *(np.unique(test.group).tolist() if by_group else ())):
            here = np.ones(len(test), bool) if group == OVERALL else test.group == group
            tallies.setdefault(group, []).append(_tally(lists, test.odd, here, single=group == OVERALL))
    return [
        _rate(composition, group, alpha, [tally[k] for tally in tally_rows], float(np.mean(looks)))
        for group, tally_rows in tallies.items()
        for k, alpha in enumerate(alphas)
    ]


def within_groups(method: Method) -> Method:
    """The same method, applied to each group by itself; where a group has no calibration, nothing is called."""

    def apart(calibration: Pool, test: Pool, alphas: tuple[float, ...], rng: np.random.Generator) -> Lists:
        called, looks = np.zeros((len(alphas), len(test)), bool), 0
        for group in np.unique(test.group):
            here, held = test.group == group, calibration.group == group
            if not held.any():
                continue
            own = method(calibration[held], test[here], alphas, rng)
            called[:, here] = own.called
            looks += own.looks
        return Lists(called, np.full(len(alphas), np.nan), looks)

    return apart


@dataclass(frozen=True, slots=True)
class _Tally:
    """Counts of one list."""

    n_called: int
    n_false: int
    n_odd: int
    n_ordinary: int
    fdp_95: float


def _tally(lists: Lists, odd: NDArray[np.bool_], here: NDArray[np.bool_], *, single: bool) -> list[_Tally]:
    n_odd = int((odd & here).sum())
    return [
        _Tally(
            n_called=int((called & here).sum()),
            n_false=int((called & here & ~odd).sum()),
            n_odd=n_odd,
            n_ordinary=int(here.sum()) - n_odd,
            fdp_95=float(limit) if single else np.nan,
        )
        for called, limit in zip(lists.called, lists.fdp_95, strict=True)
    ]


def _rate(composition: str, group: str, alpha: float, tallies: list[_Tally], looks: float) -> Rate:
    fdp = np.array([t.n_false / max(t.n_called, 1) for t in tallies])
    limited = [(f, t.fdp_95) for f, t in zip(fdp, tallies, strict=True) if t.n_called and np.isfinite(t.fdp_95)]
    n_broken = sum(bool(share > limit + 1e-12) for share, limit in limited)
    return Rate(
        composition=composition,
        group=group,
        alpha=alpha,
        n_replicates=len(tallies),
        fdr=float(fdp.mean()),
        se=float(fdp.std(ddof=1) / np.sqrt(len(fdp))) if len(fdp) > 1 else 0.0,
        n_called=float(np.mean([t.n_called for t in tallies])),
        power=float(np.mean([(t.n_called - t.n_false) / max(t.n_odd, 1) for t in tallies])),
        looks=looks,
        n_lists=sum(t.n_called > 0 for t in tallies),
        fdp_95_held=1 - n_broken / len(tallies) if limited else None,
        fdp_95_held_of_lists=1 - n_broken / len(limited) if limited else None,
        n_ordinary=float(np.mean([t.n_ordinary for t in tallies])),
        fpr=float(np.mean([t.n_false / max(t.n_ordinary, 1) for t in tallies])),
        fpr_upper=float(np.quantile([upper_limit(t.n_false, t.n_ordinary) for t in tallies], 0.95)),
    )


def widened(method: Method, factor: float) -> Method:
    """A method whose promises are ``factor`` times too good: what it calls at alpha, it calls at alpha / factor.

    To see that the gate notices.
    """

    def boasting(calibration: Pool, test: Pool, alphas: tuple[float, ...], rng: np.random.Generator) -> Lists:
        return method(calibration, test, tuple(min(factor * alpha, 0.999) for alpha in alphas), rng)

    return boasting
