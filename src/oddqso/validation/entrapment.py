"""Entrapment: known-ordinary spectra hidden in TEST count the false discoveries of a list without a simulation.

E spectra that are known to be ordinary stand among m others, and nothing that draws up the list knows which they are.
Of the list, V are of the hidden ones and R of the others. An ordinary spectrum of either kind is called with the same
probability, about V / E, so the combined list holds at most V (1 + m / E) false ones on average: at most, because
some of the m are odd (Wen et al. 2025, Nature Methods 22, 1454, the combined estimate).
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oddqso.errors import DataError
from oddqso.shares import share_interval
from oddqso.validation.pool import Composition, Method, Pool, draws


@dataclass(frozen=True, slots=True)
class Entrapment:
    """The false share of one list, estimated from the hidden spectra on it.

    Parameters
    ----------
    alpha : float
        The false discovery rate that the list promises.
    n_hidden, n_others : int
        E and m.
    n_hidden_called, n_others_called : int
        V and R.
    fdp, low, high : float or None
        The estimate with its 95 % interval (Jeffreys, of V among E); None if the list is empty.
    """

    alpha: float
    n_hidden: int
    n_others: int
    n_hidden_called: int
    n_others_called: int
    fdp: float | None
    low: float | None
    high: float | None

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers, for JSON."""
        return asdict(self)


def entrapment(called: NDArray[np.bool_], hidden: NDArray[np.bool_], alpha: float) -> Entrapment:
    """The false share of a list, from the known-ordinary spectra on it.

    Parameters
    ----------
    called : (m + E,) bool
        Which TEST spectra are on the list.
    hidden : (m + E,) bool
        Which of them are known to be ordinary; chosen without a look at their scores.
    alpha : float
        What the list promises.

    Raises
    ------
    DataError
        If nothing is hidden.

    Examples
    --------
    >>> found = entrapment(np.arange(1100) < 100, np.arange(1100) % 11 == 10, 0.1)
    >>> found.n_hidden, found.n_hidden_called, found.n_others_called, found.fdp
    (100, 9, 91, 0.99)
    """
    n_hidden, n_others = int(hidden.sum()), int((~hidden).sum())
    if not n_hidden:
        raise DataError("no known-ordinary spectrum is hidden in TEST; name some")
    v, r = int((called & hidden).sum()), int((called & ~hidden).sum())
    if v + r == 0:
        return Entrapment(alpha, n_hidden, n_others, 0, 0, None, None, None)
    per_share = (n_hidden + n_others) / (v + r)  # the rate of V among E, times this, is the false share
    low, high = share_interval(v, n_hidden)
    fdp = v * (1 + n_others / n_hidden) / (v + r)
    return Entrapment(
        alpha, n_hidden, n_others, v, r, min(fdp, 1.0), min(low * per_share, 1.0), min(high * per_share, 1.0)
    )


@dataclass(frozen=True, slots=True)
class Agreement:
    """Entrapment against the truth, over many replicates of the split.

    Parameters
    ----------
    alpha : float
        What the lists promised.
    n_lists : int
        Replicates; empty lists count as free of false ones.
    estimated, estimated_se : float
        Mean of the estimates, without the cut at 1, and its standard error.
    realized, realized_se : float
        Mean false share of the same lists, by the truth.
    """

    alpha: float
    n_lists: int
    estimated: float
    estimated_se: float
    realized: float
    realized_se: float

    @property
    def bounds(self) -> bool:
        """Whether the estimate is no lower than the truth, within two standard errors."""
        return self.estimated + 2 * float(np.hypot(self.estimated_se, self.realized_se)) >= self.realized

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers, for JSON."""
        return asdict(self) | {"bounds": self.bounds}


def agreement(
    pool: Pool,
    method: Method,
    alphas: tuple[float, ...],
    calibration_share: float,
    hidden_share: float,
    n_replicates: int,
    rng: np.random.Generator,
) -> list[Agreement]:
    """Hide a share of the ordinary TEST spectra in each replicate, and compare the estimate with the truth.

    Examples
    --------
    >>> from oddqso.validation.naive import self_rank
    >>> pool = Pool(np.arange(900), np.arange(900.0), np.full(900, "all"), np.arange(900) > 880)
    >>> found, = agreement(pool, self_rank, (0.1,), 0.3, 0.2, 40, np.random.default_rng(0))
    >>> round(found.realized, 1), found.bounds
    (0.8, True)
    """
    estimated, realized = [], []
    for calibration, test in draws(pool, Composition("as it is"), calibration_share, n_replicates, rng):
        lists = method(calibration, test, alphas, rng)
        ordinary = np.flatnonzero(~test.odd)
        hidden = np.zeros(len(test), bool)
        hidden[rng.permutation(ordinary)[: max(1, round(hidden_share * len(ordinary)))]] = True
        n_called = np.maximum(lists.called.sum(1), 1)
        estimated.append((lists.called & hidden).sum(1) * len(test) / hidden.sum() / n_called)
        realized.append((lists.called & ~test.odd).sum(1) / n_called)
    first, second = np.array(estimated), np.array(realized)
    errors = [values.std(0, ddof=1) / np.sqrt(n_replicates) for values in (first, second)]
    return [
        Agreement(
            alpha, n_replicates, float(first[:, k].mean()), float(errors[0][k]), float(second[:, k].mean()),
            float(errors[1][k]),
        )
        for k, alpha in enumerate(alphas)
    ]  # fmt: skip


def read_ordinary(path: Path) -> NDArray[np.int64]:
    """TARGETIDs of a file: one a line, or a CSV with a column TARGETID.

    Raises
    ------
    DataError
        If the file cannot be read, holds no TARGETID, or one twice.
    """
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read ({error}); give a text file of TARGETIDs, one a line") from None
    column = 0
    found: list[int] = []
    for number, line in enumerate(lines, 1):
        if not line or line.startswith("#"):
            continue
        cells = [cell.strip() for cell in line.split(",")]
        if not found and "TARGETID" in cells:
            column = cells.index("TARGETID")
            continue
        word = cells[column] if column < len(cells) else ""
        if not word.isdecimal() or int(word) >= 2**63:
            raise DataError(f"{path}, line {number}: {word!r} is no TARGETID; give one a line, or a column TARGETID")
        found.append(int(word))
    if not found:
        raise DataError(f"{path} holds no TARGETID; give one a line, or a CSV with a column TARGETID")
    values, counts = np.unique(np.array(found, dtype=np.int64), return_counts=True)
    if counts.max() > 1:
        raise DataError(f"{path}: TARGETID {values[counts.argmax()]} stands {counts.max()} times; name each once")
    return values


def hide(target_id: NDArray[np.int64], split: NDArray[Any], ordinary: NDArray[np.int64], where: str) -> NDArray[Any]:
    """Which of the spectra are the hidden ones, (n_spec,) bool.

    Raises
    ------
    DataError
        If one is not in the run, or not in TEST: it then cannot tell of discoveries.

    Examples
    --------
    >>> hide(np.array([1, 2, 3]), np.array(["FIT", "TEST", "TEST"]), np.array([3]), "the run").tolist()
    [False, False, True]
    """
    unknown = np.setdiff1d(ordinary, target_id)
    if len(unknown):
        raise DataError(f"{len(unknown):,} of the TARGETIDs, such as {unknown[0]}, are not in {where}; take them out")
    hidden: NDArray[np.bool_] = np.isin(target_id, ordinary)
    elsewhere = hidden & (split != "TEST")
    if elsewhere.any():
        row = int(np.flatnonzero(elsewhere)[0])
        raise DataError(
            f"TARGETID {target_id[row]} stands in {split[row]}, not in TEST ({elsewhere.sum():,} such); "
            "only TEST spectra can be discoveries: take the others out"
        )
    return hidden
