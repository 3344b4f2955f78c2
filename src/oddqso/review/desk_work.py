"""What the vetting desk has others do, and what it tells."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from oddqso.reports.results import SpectrumView

if TYPE_CHECKING:
    from oddqso.significance.params import SignificanceParams
    from oddqso.significance.running import FrozenScores


@dataclass(frozen=True, slots=True)
class DeskWork:
    """What the desk has the run's stages do.

    Parameters
    ----------
    draw : callable
        ``draw(n, audit)`` draws a batch of ``n`` items (None: as set) from the top of CALIBRATION or from the list of
        a tier, and gives its name; the caller holds the run's lock.
    views : callable
        ``views(key, batch)`` gives the spectra of some rows of a batch's key, in their order.
    scores : callable
        The run's scores, and the settings of its significance.
    update : callable
        Brings the run up to date with the ledger; raises an `OddqsoError` if it cannot.
    """

    draw: Callable[[int | None, str | None], str]
    views: Callable[[pa.Table, str], Iterator[SpectrumView]]
    scores: Callable[[], "tuple[FrozenScores, SignificanceParams]"]
    update: Callable[[], None]


@dataclass(slots=True)
class Update:
    """Where the last update of the run stands: idle, running, done or failed."""

    state: str = "idle"
    error: str = ""
    began: str = ""


@dataclass(frozen=True, slots=True)
class Certified:
    """What may be claimed.

    Parameters
    ----------
    sentence : str
        In words.
    certificate : dict
        As the stage significance writes it.
    n_answers : int
        Answers that it counts.
    """

    sentence: str
    certificate: dict[str, Any]
    n_answers: int
