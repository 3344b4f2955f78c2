"""How often vetters err: misses among planted anomalies, false alarms among known-ordinary spectra."""

from dataclasses import asdict, dataclass
from typing import Any

from oddqso.shares import share_interval, upper_limit
from oddqso.vetting.ledger import Entry, Ledger
from oddqso.vetting.verdicts import Verdict


@dataclass(frozen=True, slots=True)
class Vetter:
    """One vetter's record.

    Parameters
    ----------
    name : str
    n_judged, n_unsure : int
        Items of every kind, and how many of them were left undecided.
    n_planted, n_missed : int
        Planted anomalies judged, and those not called odd; UNSURE is a miss.
    n_ordinary, n_false : int
        Known-ordinary spectra judged, and those called odd.
    """

    name: str
    n_judged: int
    n_unsure: int
    n_planted: int
    n_missed: int
    n_ordinary: int
    n_false: int

    @property
    def miss_interval(self) -> tuple[float, float]:
        """Jeffreys' 95 % interval of the rate of misses."""
        return share_interval(self.n_missed, self.n_planted) if self.n_planted else (0.0, 1.0)

    @property
    def false_upper(self) -> float:
        """95 % upper limit of the rate of false alarms (Clopper-Pearson)."""
        return upper_limit(self.n_false, self.n_ordinary)

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers, for JSON."""
        return asdict(self) | {"miss_interval": list(self.miss_interval), "false_upper": self.false_upper}


def vetters(ledger: Ledger) -> list[Vetter]:
    """The record of each vetter, by name; what settles a contradiction is no blind verdict and does not count."""
    kinds = {item: row["KIND"] for item, row in ledger.items().items()}
    by_name: dict[str, dict[str, Entry]] = {}
    for entry in ledger.entries:
        if not entry.settles:
            by_name.setdefault(entry.vetter, {})[entry.item] = entry
    return [_record(name, list(last.values()), kinds) for name, last in sorted(by_name.items())]


def _record(name: str, entries: list[Entry], kinds: dict[str, Any]) -> Vetter:
    planted = [e for e in entries if kinds[e.item] == "planted"]
    ordinary = [e for e in entries if kinds[e.item] == "ordinary"]
    return Vetter(
        name=name,
        n_judged=len(entries),
        n_unsure=sum(e.verdict is Verdict.UNSURE for e in entries),
        n_planted=len(planted),
        n_missed=sum(not e.verdict.odd for e in planted),
        n_ordinary=len(ordinary),
        n_false=sum(e.verdict.odd for e in ordinary),
    )
