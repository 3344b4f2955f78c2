"""How far people have come in looking through the oddest CALIBRATION spectra, and what more looks would give."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oddqso.significance.params import SignificanceParams
from oddqso.significance.standing import Standing

MOST_LOOKS = 5000
"""More spectra than anybody would look at."""

_RECENT = 40


@dataclass(frozen=True, slots=True)
class GroupProgress:
    """How deep one group has been looked through.

    Parameters
    ----------
    name : str
        The group.
    depth : int
        So many of its oddest CALIBRATION spectra have all been looked at.
    n_odd, n_ordinary : int
        What was found among these.
    odd_share : float, optional
        Share of odd ones among the last few of them; None if nobody has looked.
    may_stop : bool
        Whether going on could only add lists that are too false: K >= 5 ordinary ones were found, and a list down to
        this score would have an estimated false discovery rate of more than twice the largest of the settings.
    looks_to_stop : int, optional
        About how many more looks that takes if the odd share stays; None if more than `MOST_LOOKS`.
    """

    name: str
    depth: int
    n_odd: int
    n_ordinary: int
    odd_share: float | None
    may_stop: bool
    looks_to_stop: int | None


def progress(group: Standing, params: SignificanceParams) -> GroupProgress:
    """How deep a group has been looked through, and whether that is deep enough.

    Examples
    --------
    >>> from oddqso.significance.standing import standings
    >>> names, held = np.full(100, "all"), np.arange(100.0)
    >>> one, = standings(held, names, held, names, seen=held >= 80)
    >>> made = progress(one, SignificanceParams())
    >>> made.depth, made.n_ordinary, made.may_stop
    (20, 20, True)
    """
    n_all = len(group.seen)
    depth = n_all if group.seen.all() else int(np.argmin(group.seen))
    n_odd = int(group.odd[:depth].sum())
    recent = group.odd[max(depth - _RECENT, 0) : depth]
    share = float(recent.mean()) if depth else None
    ahead = np.full(n_all, 1 - (share or 0.0))
    ahead[group.seen] = ~group.odd[group.seen]
    n_ordinary = np.concatenate([[0.0], np.cumsum(ahead)])  # at each depth, as found or as expected
    listed = len(group.score) - np.searchsorted(group.score[::-1], group.calibration, side="left")
    n_kept = n_all - int(group.odd.sum())
    rate = len(group.score) / (n_kept + 1) * (1 + n_ordinary[1:]) / np.maximum(listed, 1)
    enough = (n_ordinary[1:] >= 5) & (rate > 2 * max(params.alphas))
    may_stop = depth == n_all or bool(enough[:depth].any())
    ahead_of = np.flatnonzero(enough[depth:])
    looks = 0 if may_stop else (int(ahead_of[0]) + 1 if len(ahead_of) else n_all - depth)
    return GroupProgress(
        name=group.name,
        depth=depth,
        n_odd=n_odd,
        n_ordinary=depth - n_odd,
        odd_share=share,
        may_stop=may_stop,
        looks_to_stop=looks if looks <= MOST_LOOKS else None,
    )


class Prospect:
    """What could be claimed if people looked at more of the oddest CALIBRATION spectra and took some out.

    Parameters
    ----------
    groups : sequence of Standing
        All that were tested.
    params : SignificanceParams
        ``eps``, and whether lists are made within groups.
    false_alarm : float
        An upper limit of the share of ordinary spectra that vetters call odd.
    """

    def __init__(self, groups: Sequence[Standing], params: SignificanceParams, false_alarm: float = 0.0) -> None:
        self._eps, self._within, self._honest = params.eps, params.q_within_groups, 1 - false_alarm
        self._groups = [group for group in groups if len(group.rows)]
        unseen = [group.calibration[~group.seen & ~group.odd] for group in groups]
        where = [np.full(len(scores), k) for k, scores in enumerate(unseen)]
        rows = [group.row_of_calibration[~group.seen & ~group.odd] for group in groups]
        order = np.lexsort((np.concatenate([[], *rows]), -np.concatenate([[], *unseen])))[:MOST_LOOKS]
        next_group = np.concatenate([np.zeros(0, int), *where])[order]
        self.n_ahead = len(order)
        self._ahead = {g.name: np.r_[0, np.cumsum(next_group == k)] for k, g in enumerate(groups)}  # by looks
        self._kept = {g.name: g.count_above(~g.odd) for g in self._groups}
        self._unseen = {g.name: g.count_above(~g.seen & ~g.odd) for g in self._groups}
        self._n = sum(len(group.rows) for group in self._groups)

    def claimable(self, n_looks: int, alpha: float, odd_share: float = 1.0) -> int:
        """How many could be claimed after so many more looks, if such a share of them proved odd, evenly."""
        lists = []
        for group in self._groups:
            taken = int(self._ahead[group.name][n_looks])
            removed = np.floor(odd_share * taken)
            above = self._kept[group.name] - np.floor(odd_share * np.minimum(self._unseen[group.name], taken))
            n_kept = group.n_kept - removed
            scale = 1 - self._eps if removed or group.odd.any() else 1.0
            end = np.searchsorted(above, alpha * scale * (n_kept + 1), side="right")  # no other can be on the list
            lists.append((1 + above[:end]) / (n_kept + 1) / scale)
        level = alpha * self._honest
        if self._within:
            return sum(_n_passed(p, len(g.rows), level) for p, g in zip(lists, self._groups, strict=True))
        return _n_passed(np.sort(np.concatenate([np.zeros(0), *lists]), kind="stable"), self._n, level)

    def fewest_looks(self, alpha: float, odd_share: float = 1.0) -> tuple[int | None, int | None]:
        """The fewest more looks after which something could be claimed, and how much then; None if none would do."""
        tried, looks = 0, 1
        while looks <= self.n_ahead:
            if self.claimable(looks, alpha, odd_share):
                low, high = tried + 1, looks
                while low < high:
                    middle = (low + high) // 2
                    low, high = (low, middle) if self.claimable(middle, alpha, odd_share) else (middle + 1, high)
                return high, self.claimable(high, alpha, odd_share)
            tried, looks = looks, looks + max(1, looks // 4)
        return None, None


def _n_passed(p: NDArray[np.float64], n_test: int, level: float) -> int:
    """How many of rising p-values Benjamini & Hochberg (1995) pass."""
    passed = np.flatnonzero(p * n_test <= level * np.arange(1, len(p) + 1) * (1 + 1e-12))
    return int(passed[-1]) + 1 if len(passed) else 0
