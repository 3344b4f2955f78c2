"""What the list can and cannot claim, in numbers and in words."""

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oddqso.significance.conformal import r_min
from oddqso.significance.params import SignificanceParams

MOST_LOOKS = 5000
"""More spectra than anybody would look at."""


@dataclass(frozen=True, slots=True)
class Level:
    """One false discovery rate.

    Parameters
    ----------
    alpha : float
        The rate.
    r_min : int
        The fewest objects that a list at this rate can hold.
    n_discoveries : int
        Tested spectra with a q-value of at most ``alpha``.
    looks : int, optional
        The fewest of the oddest calibration spectra that stand in the way: if people looked at them and found all to
        be odd, so that they left the calibration, something could be claimed. None if there are discoveries, or if no
        number of looks up to `MOST_LOOKS` would do.
    n_claimable : int, optional
        How many could be claimed then.
    calibration_needed : int, optional
        The least size of a calibration sample that could certify those tested spectra that are odder than all of the
        present one, if none of its spectra were as odd. None if there are discoveries, or no such spectra.
    """

    alpha: float
    r_min: int
    n_discoveries: int
    looks: int | None
    n_claimable: int | None
    calibration_needed: int | None


@dataclass(frozen=True, slots=True)
class GroupCount:
    """A group that is calibrated by itself: its spectra, and the smallest p-value that one of them can have."""

    name: str
    n_test: int
    n_calibration: int
    p_floor: float


@dataclass(frozen=True, slots=True)
class Claim:
    """What the list claims.

    Parameters
    ----------
    sentence : str
        In words.
    n_test, n_calibration : int
        Spectra tested, and held-out spectra that they were compared with.
    n_beyond : int
        Tested spectra odder than every calibration spectrum of their group.
    levels : tuple of Level
        By rising rate.
    groups : tuple of GroupCount
        By name.
    """

    sentence: str
    n_test: int
    n_calibration: int
    n_beyond: int
    levels: tuple[Level, ...]
    groups: tuple[GroupCount, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain dicts, lists and numbers, for JSON."""
        plain = asdict(self)
        return plain | {"levels": list(plain["levels"]), "groups": list(plain["groups"])}


def claim(
    score: NDArray[Any],
    group: NDArray[Any],
    q_value: NDArray[np.float64],
    calibration: NDArray[Any],
    calibration_group: NDArray[Any],
    params: SignificanceParams,
) -> Claim:
    """What may be claimed of a list.

    Parameters
    ----------
    score, group, q_value : (m,)
        Score, group name and q-value of the tested spectra.
    calibration, calibration_group : (n,)
        Score and group name of the calibration spectra.
    params : SignificanceParams
        ``alphas``.

    Examples
    --------
    >>> scores, group = np.arange(40.0), np.full(40, "strict")
    >>> made = claim(scores, group, np.ones(40), scores, group, SignificanceParams())
    >>> [(level.alpha, level.r_min) for level in made.levels]
    [(0.01, 98), (0.05, 20), (0.1, 10)]
    """
    groups, n_beyond = [], 0
    for name in sorted(set(group.tolist()) | set(calibration_group.tolist())):
        own, held = score[group == name], calibration[calibration_group == name]
        groups.append(GroupCount(str(name), len(own), len(held), 1 / (len(held) + 1)))
        n_beyond += int((own > held.max()).sum()) if len(held) else 0
    m, n_best = len(score), max((g.n_calibration for g in groups if g.n_test), default=0)
    levels = []
    for alpha in params.alphas:
        fewest = r_min(m, n_best, alpha)
        found = int((q_value <= alpha).sum())
        looks = claimable = needed = None
        if not found:
            looks, claimable = _fewest_looks(score, group, calibration, calibration_group, alpha)
            needed = math.ceil(m / (alpha * n_beyond)) if n_beyond else None
        levels.append(Level(alpha, fewest, found, looks, claimable, needed))
    made = Claim("", m, len(calibration), n_beyond, tuple(levels), tuple(groups))
    return Claim(_sentence(made), m, len(calibration), n_beyond, made.levels, made.groups)


def _fewest_looks(
    score: NDArray[Any], group: NDArray[Any], calibration: NDArray[Any], calibration_group: NDArray[Any], alpha: float
) -> tuple[int | None, int | None]:
    """How many of the oddest calibration spectra must prove odd before anything can be claimed, and how much then."""
    odder_first = np.argsort(-calibration, kind="stable")

    def claimable(n_looks: int) -> int:
        kept = odder_first[n_looks:]
        p = []
        for name in np.unique(group):
            own, held = score[group == name], np.sort(calibration[kept][calibration_group[kept] == name])
            p.append((1 + len(held) - np.searchsorted(held, own, side="left")) / (len(held) + 1))
        ordered = np.sort(np.concatenate(p))
        ordered = ordered[ordered <= alpha]  # no other can be on the list
        passed = np.flatnonzero(ordered * len(score) <= alpha * np.arange(1, len(ordered) + 1) * (1 + 1e-12))
        return int(passed[-1]) + 1 if len(passed) else 0

    tried, looks = 0, 1
    while len(score) and looks <= min(len(calibration), MOST_LOOKS):
        if claimable(looks):
            low, high = tried + 1, looks
            while low < high:
                middle = (low + high) // 2
                low, high = (low, middle) if claimable(middle) else (middle + 1, high)
            return high, claimable(high)
        tried, looks = looks, looks + max(1, looks // 4)
    return None, None


def _sentence(made: Claim) -> str:
    """The claim in words."""
    if made.n_test == 0:
        return "No spectrum of the TEST split could be scored, so nothing is claimed."
    if made.n_calibration == 0:
        return (
            f"{made.n_test:,} spectra were ranked, but none was held out to calibrate them, so nothing is claimed: "
            "give the CALIBRATION split a share."
        )
    words = [
        f"{made.n_test:,} spectra were tested against {made.n_calibration:,} held-out ones, "
        "from which nobody has taken out the odd ones.",
        f"Significant: {_enumerate([f'{_count(v.n_discoveries)} at FDR {v.alpha:.0%}' for v in made.levels])}.",
    ]
    if any(level.n_discoveries for level in made.levels):
        words.append(
            "On average at most that share of a list is ordinary. The held-out spectra contain odd ones of their own, "
            "so p-values err on the large side: the lists are shorter than they could be, and hold what they claim."
        )
    empty = [level for level in made.levels if not level.n_discoveries]
    if empty:
        level = empty[-1]
        words.append(
            f"A list at FDR {level.alpha:.0%} needs at least {level.r_min:,} objects, because no p-value can be below "
            f"1/{round(1 / min(g.p_floor for g in made.groups)):,}; {_beyond(made.n_beyond)} odder than all that was "
            "held out."
        )
        if level.looks:
            words.append(f"{_in_the_way(level.looks)}, {level.r_min:,} could be claimed.")
        if level.calibration_needed:
            words.append(
                f"With at least {level.calibration_needed:,} held-out spectra, none of them as odd, "
                f"{'that one' if made.n_beyond == 1 else f'those {made.n_beyond:,}'} could be claimed."
            )
    words.append(
        "The rank is where to look first; it claims nothing by itself. Odd means unlike the held-out spectra: wrong "
        "redshifts and flaws of the data are odd too."
    )
    return " ".join(words)


def _beyond(n: int) -> str:
    return {0: "none is", 1: "one is"}.get(n, f"{n:,} are")


def _in_the_way(n: int) -> str:
    if n == 1:
        return "The oddest held-out spectrum stands in the way: if people looked at it and found it odd"
    return f"The {n:,} oddest held-out spectra stand in the way: if people looked at them and found all of them odd"


def _count(n: int) -> str:
    return f"{n:,}" if n else "none"


def _enumerate(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
