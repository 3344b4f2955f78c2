"""How far reviewers agree, and how good each of them is.

Take the *first* verdicts of a blind review (`Verdicts.first_verdicts`): later ones may follow others. Who is UNSURE has
not decided, and neither agrees nor contradicts.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddqso.shares import share_interval
from oddqso.vetting.verdicts import Verdict

Z_95 = 1.959964


@dataclass(frozen=True, slots=True)
class Kappa:
    """Agreement beyond chance.

    Parameters
    ----------
    n : int
        Objects that two or more judged.
    observed : float
        Share of agreeing pairs.
    kappa : float or None
        1 is perfect, 0 is chance; None where it is not defined: no object, or one word for all.
    error : float or None
        Standard error, for objects drawn at random.
    """

    n: int
    observed: float | None
    kappa: float | None
    error: float | None

    @property
    def low(self) -> float | None:
        """Lower end of the 95 % interval."""
        return None if self.kappa is None or self.error is None else max(-1.0, self.kappa - Z_95 * self.error)

    @property
    def high(self) -> float | None:
        """Upper end of the 95 % interval."""
        return None if self.kappa is None or self.error is None else min(1.0, self.kappa + Z_95 * self.error)


@dataclass(frozen=True, slots=True)
class Share:
    """A share with its 95 % interval (Jeffreys)."""

    n_found: int
    n: int
    rate: float | None
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Skill:
    """How a reviewer does on objects of which one knows what they are.

    Parameters
    ----------
    reviewer : str
    n_unsure : int
        Objects left undecided; not in the shares.
    right : Share
        Same verdict.
    missed : Share
        Of the odd ones (`Verdict.odd`), those called not odd.
    false_alarms : Share
        Of the others, those called odd.
    """

    reviewer: str
    n_unsure: int
    right: Share
    missed: Share
    false_alarms: Share


@dataclass(frozen=True, slots=True)
class Disagreement:
    """An object on which reviewers contradict each other.

    Parameters
    ----------
    target_id : int
    verdicts : dict
        What each said, UNSURE included.
    odd_or_not : bool
        Whether they differ in that; otherwise only in the kind.
    """

    target_id: int
    verdicts: dict[str, str]
    odd_or_not: bool


def cohen_kappa(counts: NDArray[np.int64]) -> Kappa:
    """Agreement of two reviewers.

    Cohen 1960, Educ. Psychol. Meas. 20, 37; the standard error is that of Fleiss, Cohen & Everitt 1969,
    Psychol. Bull. 72, 323, eq. 13, for any kappa.

    Parameters
    ----------
    counts : (n_words, n_words) int64
        Objects that the first called by the row's word, the second by the column's.

    Examples
    --------
    >>> told = cohen_kappa(np.array([[53, 5, 2], [11, 14, 5], [1, 6, 3]]))
    >>> round(told.kappa, 3), round(told.observed, 3), told.n
    (0.429, 0.7, 100)
    """
    n = int(counts.sum())
    if n == 0:
        return Kappa(0, None, None, None)
    p = counts / n  # (n_words, n_words)
    row, column = p.sum(axis=1), p.sum(axis=0)  # (n_words,)
    observed, chance = float(np.trace(p)), float(row @ column)
    if chance >= 1:
        return Kappa(n, observed, None, None)
    kappa = (observed - chance) / (1 - chance)
    same = np.diag(p) @ (1 - (row + column) * (1 - kappa)) ** 2
    mixed = p * (column[:, None] + row[None, :]) ** 2
    other = (1 - kappa) ** 2 * (mixed.sum() - np.trace(mixed))
    variance = (same + other - (kappa - chance * (1 - kappa)) ** 2) / (n * (1 - chance) ** 2)
    return Kappa(n, observed, kappa, float(np.sqrt(max(variance, 0.0))))


def fleiss_kappa(counts: NDArray[np.int64]) -> Kappa:
    """Agreement of any number of reviewers, not the same for each object.

    Fleiss 1971, Psychol. Bull. 76, 378; for unequal numbers and for the standard error (by linearization, for any
    kappa) as in Gwet 2014, Handbook of Inter-Rater Reliability, 4th ed., chapters 2 and 5.

    Parameters
    ----------
    counts : (n_objects, n_words) int64
        How many called an object by a word; objects with fewer than two are left out.

    Examples
    --------
    >>> counts = np.array([[0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    ...     [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7]])
    >>> round(fleiss_kappa(counts).kappa, 3)
    0.21
    """
    counts = counts[counts.sum(axis=1) >= 2].astype(np.float64)
    n = len(counts)
    if n == 0:
        return Kappa(0, None, None, None)
    judged = counts.sum(axis=1)  # (n_objects,)
    agree = (counts * (counts - 1)).sum(axis=1) / (judged * (judged - 1))
    share = counts / judged[:, None]  # (n_objects, n_words)
    word = share.mean(axis=0)  # (n_words,)
    observed, chance = float(agree.mean()), float(word @ word)
    if chance >= 1:
        return Kappa(n, observed, None, None)
    kappa = (observed - chance) / (1 - chance)
    each = (agree - chance) / (1 - chance) - 2 * (1 - kappa) * (share @ word - chance) / (1 - chance)
    error = float(np.sqrt(((each - kappa) ** 2).sum() / (n * (n - 1)))) if n > 1 else None
    return Kappa(n, observed, kappa, error)


def pair_agreements(verdicts: pa.Table, odd_only: bool = False) -> dict[tuple[str, str], Kappa]:
    """Cohen's kappa of each two reviewers who judged an object in common.

    Parameters
    ----------
    verdicts : pa.Table
        TARGETID, REVIEWER, VERDICT; one row a reviewer and object.
    odd_only : bool
        Whether only odd or not counts, not the kind.

    Examples
    --------
    >>> said = pa.table({"TARGETID": [1, 1, 2, 2], "REVIEWER": ["ada", "bob"] * 2,
    ...     "VERDICT": ["ANOMALY", "ARTIFACT", "KNOWN", "KNOWN"]})
    >>> pair_agreements(said)[("ada", "bob")].observed, pair_agreements(said, odd_only=True)[("ada", "bob")].kappa
    (0.5, 1.0)
    """
    held, words = _by_reviewer(verdicts, odd_only)
    told = {}
    for first, second in combinations(sorted(held), 2):
        common = held[first].keys() & held[second].keys()
        if common:
            counts = np.zeros((len(words), len(words)), dtype=np.int64)
            for target_id in common:
                counts[words[held[first][target_id]], words[held[second][target_id]]] += 1
            told[first, second] = cohen_kappa(counts)
    return told


def group_agreement(verdicts: pa.Table, odd_only: bool = False) -> Kappa:
    """Fleiss' kappa of all reviewers; parameters as for `pair_agreements`."""
    held, words = _by_reviewer(verdicts, odd_only)
    rows = {target_id: row for row, target_id in enumerate(sorted(set().union(*held.values())))}
    counts = np.zeros((len(rows), len(words)), dtype=np.int64)
    for said in held.values():
        for target_id, word in said.items():
            counts[rows[target_id], words[word]] += 1
    return fleiss_kappa(counts)


def skills(verdicts: pa.Table, truth: Mapping[int, str]) -> list[Skill]:
    """How each reviewer does on gold items, or on settled labels; by name.

    Parameters
    ----------
    verdicts : pa.Table
        TARGETID, REVIEWER, VERDICT; one row a reviewer and object.
    truth : mapping
        What each TARGETID is; UNSURE is nothing to be measured by.

    Examples
    --------
    >>> said = pa.table({"TARGETID": [1, 2, 3], "REVIEWER": ["ada"] * 3, "VERDICT": ["ANOMALY", "ARTIFACT", "UNSURE"]})
    >>> (ada,) = skills(said, {1: "ANOMALY", 2: "KNOWN", 3: "ORDINARY"})
    >>> ada.right.n_found, ada.right.n, ada.false_alarms.rate, ada.missed.rate, ada.n_unsure
    (1, 2, 1.0, 0.0, 1)
    """
    known = {target_id: Verdict(word) for target_id, word in truth.items() if word != Verdict.UNSURE}
    pairs: dict[str, list[tuple[Verdict, Verdict]]] = {}
    for target_id, reviewer, word in _rows(verdicts):
        if target_id in known:
            pairs.setdefault(reviewer, []).append((known[target_id], Verdict(word)))
    told = []
    for reviewer in sorted(pairs):
        sure = [(true, said) for true, said in pairs[reviewer] if said is not Verdict.UNSURE]
        told.append(
            Skill(
                reviewer,
                len(pairs[reviewer]) - len(sure),
                _share([true is said for true, said in sure]),
                _share([not said.odd for true, said in sure if true.odd]),
                _share([said.odd for true, said in sure if not true.odd]),
            )
        )
    return told


def disagreements(verdicts: pa.Table, settled: Collection[int] = ()) -> list[Disagreement]:
    """Objects on which reviewers contradict each other and that nobody settled.

    Those that differ in odd or not come first, then those that more reviewers judged.

    Parameters
    ----------
    verdicts : pa.Table
        TARGETID, REVIEWER, VERDICT; one row a reviewer and object: those that hold now (`Verdicts.current`).
    settled : collection of int
        TARGETIDs to leave out.

    Examples
    --------
    >>> said = pa.table({"TARGETID": [1, 1, 2, 2], "REVIEWER": ["ada", "bob"] * 2,
    ...     "VERDICT": ["ANOMALY", "ARTIFACT", "KNOWN", "ANOMALY"]})
    >>> [(one.target_id, one.odd_or_not) for one in disagreements(said)]
    [(2, True), (1, False)]
    """
    held: dict[int, dict[str, str]] = {}
    done = frozenset(settled)
    for target_id, reviewer, word in _rows(verdicts):
        if target_id not in done:
            held.setdefault(target_id, {})[reviewer] = word
    told = []
    for target_id, said in held.items():
        sure = {Verdict(word) for word in said.values()} - {Verdict.UNSURE}
        if len(sure) > 1:
            told.append(Disagreement(target_id, said, len({word.odd for word in sure}) > 1))
    return sorted(told, key=lambda one: (not one.odd_or_not, -len(one.verdicts), one.target_id))


def _rows(verdicts: pa.Table) -> list[tuple[int, str, str]]:
    columns = (verdicts[name].to_pylist() for name in ("TARGETID", "REVIEWER", "VERDICT"))
    return list(zip(*columns, strict=True))


def _by_reviewer(verdicts: pa.Table, odd_only: bool) -> tuple[dict[str, dict[int, str]], dict[str, int]]:
    """What each reviewer called each object, without UNSURE; and the number of each word."""
    held: dict[str, dict[int, str]] = {}
    for target_id, reviewer, word in _rows(verdicts):
        if word != Verdict.UNSURE:
            held.setdefault(reviewer, {})[target_id] = str(Verdict(word).odd) if odd_only else word
    found = sorted({word for said in held.values() for word in said.values()})
    return held, {word: number for number, word in enumerate(found)}


def _share(hits: Sequence[bool]) -> Share:
    n, n_found = len(hits), sum(hits)
    low, high = share_interval(n_found, n)
    return Share(n_found, n, n_found / n if n else None, low, high)
