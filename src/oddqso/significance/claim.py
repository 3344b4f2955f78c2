"""What the list can and cannot claim, in numbers and in words."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oddqso.significance.params import SignificanceParams
from oddqso.significance.progress import GroupProgress, Prospect, progress
from oddqso.significance.standing import Standing


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
        The fewest of the oddest calibration spectra that nobody has seen and that stand in the way: if people looked
        at them and found all to be odd, so that they left the calibration, something could be claimed. None if there
        are discoveries, or if no number of looks up to `oddqso.significance.progress.MOST_LOOKS` would do.
    n_claimable : int, optional
        How many could be claimed then.
    looks_likely : int, optional
        The same if only as large a share of them proves odd as of the last ones that people saw; None if that would
        not do, or if nobody has looked.
    calibration_needed : int, optional
        The least size of a calibration sample that could certify those tested spectra that are odder than all of the
        present one, if none of its spectra were as odd. None if there are discoveries, or no such spectra, or if it has
        that size, but in several groups.
    """

    alpha: float
    r_min: int
    n_discoveries: int
    looks: int | None
    n_claimable: int | None
    looks_likely: int | None
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
    n_looked, n_taken_out : int
        Held-out spectra that people looked at, and those of them that they found odd.
    false_alarm : float
        An upper limit of the share of ordinary spectra that they call odd.
    progress : tuple of GroupProgress
        How deep each group has been looked through.
    """

    sentence: str
    n_test: int
    n_calibration: int
    n_beyond: int
    levels: tuple[Level, ...]
    groups: tuple[GroupCount, ...]
    n_looked: int
    n_taken_out: int
    false_alarm: float
    progress: tuple[GroupProgress, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain dicts, lists and numbers, for JSON."""
        plain = asdict(self)
        return plain | {name: list(plain[name]) for name in ("levels", "groups", "progress")}


def claim(
    standings: Sequence[Standing], q_value: NDArray[np.float64], params: SignificanceParams, false_alarm: float = 0.0
) -> Claim:
    """What may be claimed of a list.

    Parameters
    ----------
    standings : sequence of Standing
        All that were tested and all that were held out.
    q_value : (m,) float64
        Of the tested spectra.
    params : SignificanceParams
        ``alphas`` and ``eps``.
    false_alarm : float
        An upper limit of the share of ordinary spectra that vetters call odd.

    Examples
    --------
    >>> from oddqso.significance.standing import standings
    >>> scores, group = np.arange(40.0), np.full(40, "strict")
    >>> made = claim(standings(scores, group, scores, group), np.ones(40), SignificanceParams())
    >>> [(level.alpha, level.r_min) for level in made.levels]
    [(0.01, 98), (0.05, 20), (0.1, 10)]
    """
    m, n = len(q_value), sum(group.n_kept for group in standings)
    n_looked, n_odd = (sum(int(getattr(group, name).sum()) for group in standings) for name in ("seen", "odd"))
    counts, n_beyond = [], 0
    for group in standings:
        shrunk = 1 - params.eps if group.odd.any() else 1.0
        floor = min(1 / (group.n_kept + 1) / shrunk, 1.0)
        counts.append(GroupCount(group.name, len(group.rows), group.n_kept, floor))
        n_beyond += int((group.count_above(~group.odd) == 0).sum()) if group.n_kept else 0
    floor = min((g.p_floor for g in counts if g.n_test), default=1.0)
    how_far = tuple(progress(group, params) for group in standings)
    prospect, share = Prospect(standings, params, false_alarm), _odd_share(how_far)
    levels = []
    for alpha in params.alphas:
        applied = alpha * (1 - false_alarm)
        found = int((q_value <= applied).sum())
        looks = claimable = likely = needed = None
        if not found:
            looks, claimable = prospect.fewest_looks(alpha)
            likely = prospect.fewest_looks(alpha, share)[0] if share else None
            needed = math.ceil(m / (applied * n_beyond)) if n_beyond else None
            needed = needed if needed and needed > n else None  # what is there is large enough; groups part it
        fewest = max(1, math.ceil(m * floor / applied - 1e-9))
        levels.append(Level(alpha, fewest, found, looks, claimable, likely, needed))
    made = Claim("", m, n, n_beyond, tuple(levels), tuple(counts), n_looked, n_odd, false_alarm, how_far)
    return replace(made, sentence=_sentence(made))


def _odd_share(how_far: Sequence[GroupProgress]) -> float | None:
    """Share of odd ones among the last that people saw, over all groups."""
    looked = [group for group in how_far if group.odd_share is not None]
    depth = sum(group.depth for group in looked)
    return sum((group.odd_share or 0.0) * group.depth for group in looked) / depth if depth else None


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
        f"{made.n_test:,} spectra were tested against {made.n_calibration:,} held-out ones, {_vetted(made)}.",
        f"Significant: {_enumerate([f'{_count(v.n_discoveries)} at FDR {v.alpha:.0%}' for v in made.levels])}.",
    ]
    if any(level.n_discoveries for level in made.levels):
        words.append("On average at most that share of a list is ordinary.")
        if not made.n_taken_out:
            words.append(
                "The held-out spectra may contain odd ones of their own, so p-values err on the large side: the lists "
                "are shorter than they could be, and hold what they claim."
            )
    empty = [level for level in made.levels if not level.n_discoveries]
    if empty:
        level = empty[-1]
        words.append(
            f"A list at FDR {level.alpha:.0%} needs at least {level.r_min:,} objects, because no p-value can be below "
            f"1/{round(1 / min(g.p_floor for g in made.groups)):,}; {_beyond(made.n_beyond)} odder than all that was "
            "held out."
        )
        if made.n_looked:
            words.append(_more_looks(level))
        elif level.looks:
            words.append(f"{_in_the_way(level.looks)}, {level.n_claimable:,} could be claimed.")
        if level.calibration_needed:
            words.append(
                f"With at least {level.calibration_needed:,} held-out spectra, none of them as odd, "
                f"{'that one' if made.n_beyond == 1 else f'those {made.n_beyond:,}'} could be claimed."
            )
    if made.n_looked:
        words.append(_how_far(made.progress))
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


def _more_looks(level: Level) -> str:
    if level.looks is None:
        return "More looks would not give one, whatever they find; a larger calibration may."
    odd = f"If the next {_count(level.looks)} that people look at all prove odd, {level.n_claimable:,} could be claimed"
    if level.looks_likely is None:
        return f"{odd}; if no more of them do than of the last ones seen, further looks will not give a list."
    return f"{odd}; if as many do as of the last ones seen, it takes about {level.looks_likely:,} looks."


def _vetted(made: Claim) -> str:
    if not made.n_looked:
        return "from which nobody has taken out the odd ones"
    found = f"of the {made.n_looked:,} that people looked at, {_count(made.n_taken_out)}"
    return f"from which odd ones were taken out: {found}" + (
        f" (at most {made.false_alarm:.1%} of ordinary ones are called odd, which is allowed for)"
        if made.n_taken_out
        else ""
    )


def _how_far(groups: Sequence[GroupProgress]) -> str:
    """Where the vetting may stop, and where it should go on."""
    words = []
    for group in groups:
        if group.may_stop:
            words.append(f"in {group.name} the vetting is deep enough ({group.depth:,} looks)")
        else:
            more = f"about {group.looks_to_stop:,} more" if group.looks_to_stop else "many more"
            words.append(f"in {group.name} it has gone {group.depth:,} deep and would need {more}")
    text = "; ".join(words)
    return f"{text[:1].upper()}{text[1:]}. Claims hold however deep it has gone." if words else ""


def _count(n: int) -> str:
    return f"{n:,}" if n else "none"


def _enumerate(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
