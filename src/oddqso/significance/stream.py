"""Deliveries judged one after the other: BatchBH, on a budget of its own, and the ledger of what was spent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from oddqso.errors import DataError

_POWER: Final = 1.6


@dataclass(frozen=True, slots=True)
class Batch:
    """What one delivery did to the budget of one level.

    Parameters
    ----------
    name : str
        The delivery.
    n_test, n_found : int
        Spectra tested and provisional discoveries.
    n_augmented : int
        The most discoveries that changing one p-value to 0 could have given: R+.
    level : float
        The level at which Benjamini-Hochberg was applied.
    """

    name: str
    n_test: int
    n_found: int
    n_augmented: int
    level: float


@dataclass(frozen=True, slots=True)
class BatchBH:
    """False discovery rate over all deliveries so far, each judged by Benjamini-Hochberg at a level of its own.

    Zrnic, Jiang, Ramdas & Jordan 2020 (PMLR 108), algorithm 1. The level of batch t is as large as keeps the estimate
    ``sum_s alpha_s R+_s / (R+_s + sum_{r != s, r <= t} R_r)`` within ``alpha sum_{s <= t} gamma_s``, whatever comes.
    The p-values of a batch must be positively dependent, and batches independent; deliveries that share one
    calibration are independent only given it, so what is found is provisional.

    Parameters
    ----------
    alpha : float
        The false discovery rate over all deliveries.
    power : float
        The t-th batch frees a share of the budget that falls as t to minus this power (`gamma`).
    batches : tuple of Batch
        In their order.

    Examples
    --------
    >>> ledger = BatchBH(0.1)
    >>> found, ledger = ledger.judge("first", np.r_[np.full(20, 1e-5), np.linspace(0.1, 1, 80)])
    >>> int(found.sum()), round(ledger.batches[0].level, 4)
    (20, 0.0437)
    """

    alpha: float
    batches: tuple[Batch, ...] = ()
    power: float = _POWER

    def level(self, n_test: int) -> float:
        """The level of the next batch: of its own discoveries nothing is known yet."""
        budget = self.alpha * float(gamma(np.arange(1, len(self.batches) + 2), self.power).sum())
        total = sum(batch.n_found for batch in self.batches)
        spent = sum(b.level * _share(b.n_augmented, total - b.n_found) for b in self.batches)
        return max(0.0, budget - spent) * (n_test + total) / max(n_test, 1)

    def judge(self, name: str, p_value: NDArray[np.float64]) -> tuple[NDArray[np.bool_], Self]:
        """Which of a delivery are provisional discoveries, (n,), and the ledger after it.

        Raises
        ------
        DataError
            If a delivery of that name has been judged: a budget is spent once.
        """
        if any(batch.name == name for batch in self.batches):
            raise DataError(f"delivery {name} has been judged; its budget is spent, choose another name")
        level = min(self.level(len(p_value)), 1.0)
        found = _listed(p_value, level)
        batch = Batch(name, len(p_value), int(found.sum()), _augmented(p_value, level), level)
        return found, type(self)(self.alpha, (*self.batches, batch), self.power)

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers, for JSON."""
        names = ("name", "n_test", "n_found", "n_augmented", "level")
        batches = [{name: getattr(b, name) for name in names} for b in self.batches]
        return {"alpha": self.alpha, "power": self.power, "batches": batches}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """From what `as_dict` gave."""
        return cls(plain["alpha"], tuple(Batch(**batch) for batch in plain["batches"]), plain["power"])


def gamma(batch: NDArray[Any] | Sequence[int], power: float = _POWER) -> NDArray[np.float64]:
    """The share of the budget that becomes free with each batch, 1, 2, 3 ...; adds up to 1 over all of them.

    Examples
    --------
    >>> gamma([1, 2, 3]).round(3)
    array([0.437, 0.144, 0.075])
    """
    from scipy.special import zeta

    return np.asarray(np.asarray(batch, np.float64) ** -power / zeta(power))


def _share(n_augmented: int, n_others: int) -> float:
    return n_augmented / (n_augmented + n_others) if n_augmented + n_others else 1.0


def _listed(p_value: NDArray[np.float64], level: float) -> NDArray[np.bool_]:
    """What Benjamini & Hochberg (1995) list."""
    n = len(p_value)
    ordered = np.sort(p_value)
    passed = np.flatnonzero(ordered * n <= level * np.arange(1, n + 1) * (1 + 1e-12))
    return p_value <= ordered[passed[-1]] if len(passed) else np.zeros(n, bool)


def _augmented(p_value: NDArray[np.float64], level: float) -> int:
    """R+: the longest list that there would be if one p-value were 0. To change the largest one gives it."""
    if not len(p_value):
        return 0
    changed = p_value.copy()
    changed[np.argmax(changed)] = 0.0
    return int(_listed(changed, level).sum())
