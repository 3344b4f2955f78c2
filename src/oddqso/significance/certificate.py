"""What each list is certified for: its cut, the counts behind it, and how many false ones it may hold."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, gammaln

from oddqso.significance.params import SignificanceParams
from oddqso.significance.standing import Standing

_NAMES: Final = {0.01: "gold", 0.05: "silver", 0.10: "bronze"}
UNIFORM: Final = 0.997
"""The quantile, at each cut, that makes a 95 % limit over all cuts: a list's cut is chosen because few calibration
spectra lie above it, and the 95 % quantile at the cut that was chosen is exceeded in up to 9 % of the lists. The chance
that the count above any of the cuts with K from 0 to 1,000 exceeds its 99.7 % quantile is 5 %, for m/n from 0.3 to 30.
"""


@dataclass(frozen=True, slots=True)
class GroupCut:
    """One group's part of a list.

    Parameters
    ----------
    name : str
        The group.
    cut : float, optional
        The lowest score on the list; None if none of the group is on it.
    n_listed : int
        R: tested spectra on the list.
    n_above : int
        K: kept CALIBRATION spectra with at least that score.
    n_calibration, n_test : int
        n and m: CALIBRATION spectra that were kept, and spectra tested.
    fdp_95 : float, optional
        95 % limit of the false share of this part, by itself; None if it is empty.
    """

    name: str
    cut: float | None
    n_listed: int
    n_above: int
    n_calibration: int
    n_test: int
    fdp_95: float | None


@dataclass(frozen=True, slots=True)
class Tier:
    """One list.

    Parameters
    ----------
    name : str
        gold, silver or bronze for 1, 5 and 10 %; otherwise its rate.
    alpha : float
        The false discovery rate that it is made for.
    alpha_applied : float
        What Q_VALUE was compared with: ``alpha`` less the share of ordinary spectra that vetters call odd.
    n_listed : int
        R: objects on the list, those of stricter tiers included.
    expected_false : float
        How many of them are false on average over lists with these counts, at most.
    fdp_95 : float, optional
        95 % limit of the false share, whatever the cut (`UNIFORM`); None if the list is empty.
    groups : tuple of GroupCut
        By name.
    """

    name: str
    alpha: float
    alpha_applied: float
    n_listed: int
    expected_false: float
    fdp_95: float | None
    groups: tuple[GroupCut, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers, for JSON."""
        plain = asdict(self)
        return plain | {"groups": list(plain["groups"])}


def tier_name(alpha: float) -> str:
    """What a list at this false discovery rate is called.

    Examples
    --------
    >>> tier_name(0.05), tier_name(0.2)
    ('silver', 'FDR 20%')
    """
    return _NAMES.get(alpha, f"FDR {100 * alpha:g}%")


def certify(
    groups: Sequence[Standing], q_value: NDArray[np.float64], params: SignificanceParams, false_alarm: float = 0.0
) -> tuple[Tier, ...]:
    """The certificate of each list, strictest first.

    Parameters
    ----------
    groups : sequence of Standing
        All that were tested.
    q_value : (m,) float64
        Of the tested spectra.
    params : SignificanceParams
        ``alphas`` and ``eps``.
    false_alarm : float
        An upper limit of the share of ordinary spectra that vetters call odd.

    Examples
    --------
    >>> from oddqso.significance.standing import standings
    >>> score, held = np.r_[np.arange(900.0), np.full(100, 1e6)], np.arange(999.0)
    >>> groups = standings(score, np.full(1000, "all"), held, np.full(999, "all"))
    >>> gold, *_ = certify(groups, np.r_[np.ones(900), np.full(100, 0.01)], SignificanceParams())
    >>> gold.name, gold.n_listed, gold.expected_false, gold.fdp_95
    ('gold', 100, 1.0, 0.08)
    """
    tiers = []
    for alpha in params.alphas:
        applied = alpha * (1 - false_alarm)
        cuts, laws, expected = [], [], 0.0
        for group in groups:
            listed = int((q_value[group.rows] <= applied).sum())  # the first ones: q rises as the score falls
            n_above = int(group.count_above(~group.odd)[listed - 1]) if listed else 0
            law, limit = np.ones(1), None
            if listed:
                m = _tests_to_count(group, params.eps, false_alarm)
                law = false_positives(m, n_above, group.n_kept)
                limit = min(quantile(law, UNIFORM) / listed, 1.0)
                expected += m * (n_above + 1) / (group.n_kept + 1)
                laws.append(law)
            cut = float(group.score[listed - 1]) if listed else None
            cuts.append(GroupCut(group.name, cut, listed, n_above, group.n_kept, len(group.rows), limit))
        total = sum(cut.n_listed for cut in cuts)
        limit = min(quantile(_sum_of(laws), UNIFORM) / total, 1.0) if total else None
        tiers.append(Tier(tier_name(alpha), alpha, applied, total, min(expected, total), limit, tuple(cuts)))
    return tuple(tiers)


def false_positives(n_test: int, n_above: int, n_calibration: int) -> NDArray[np.float64]:
    """Probability of 0, 1, 2 ... false positives above the (K+1)-th largest ordinary calibration score.

    BetaBinomial(m, K + 1, n - K): the share of ordinary spectra above that score is Beta(K + 1, n - K) distributed
    (Vovk 2012; Bates et al. 2023), and each of at most ``m`` ordinary tested spectra lies there with that probability.
    The list's own cut is not below that score, so it holds no more.

    Parameters
    ----------
    n_test, n_above, n_calibration : int
        m, K and n.

    Returns
    -------
    (n_count,) float64
        Adds up to 1; ends where less than 1e-6 is left.

    Examples
    --------
    >>> false_positives(2, 0, 1).round(3)                # a share that is uniform between 0 and 1
    array([0.333, 0.333, 0.333])
    """
    if n_test == 0:
        return np.ones(1)
    if n_above >= n_calibration:  # all of the calibration lies above: nothing is known
        return np.concatenate([np.zeros(n_test), [1.0]])
    mean = n_test * (n_above + 1) / (n_calibration + 1)
    end = int(min(n_test, mean + 16 * mean * np.sqrt(1 / (n_above + 1) + 1 / mean) + 40))
    v, a, b = np.arange(end + 1), n_above + 1.0, float(n_calibration - n_above)
    choose = gammaln(n_test + 1) - gammaln(v + 1) - gammaln(n_test - v + 1)
    law = np.exp(choose + betaln(v + a, n_test - v + b) - betaln(a, b))
    return np.asarray(law / law.sum(), np.float64)


def quantile(law: NDArray[np.float64], level: float) -> int:
    """The smallest count that is not exceeded with probability ``level``."""
    return int(np.searchsorted(np.cumsum(law), level * (1 - 1e-12)))


def _sum_of(laws: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """The law of the sum of independent counts."""
    total = np.ones(1)
    for law in laws:
        total = np.convolve(total, law) if min(len(total), len(law)) < 2000 else _convolve(total, law)
    return total


def _convolve(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.signal import fftconvolve

    return np.asarray(np.maximum(fftconvolve(one, other), 0.0), np.float64)


def _tests_to_count(group: Standing, eps: float, false_alarm: float) -> int:
    """Tests, made more by what vetting may have got wrong.

    Odd spectra that were left, and ordinary ones that were taken out, both make K / n too small, by the factors
    ``1 - eps`` and ``1 - false_alarm``; as many more tests give as many more false positives.
    """
    shrunk = (1 - eps) * (1 - false_alarm) if group.odd.any() else 1.0
    return int(np.ceil(len(group.rows) / shrunk))
