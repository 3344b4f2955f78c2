"""`Progress`: who is told how far a run has come."""

from typing import Protocol


class Progress(Protocol):
    """Follows a run; implementations print, draw bars, or stay silent."""

    def begin(self, stage: str, total: float, done: float, unit: str) -> None:
        """A stage begins, with ``done`` of ``total`` units there from an earlier attempt."""

    def advance(self, amount: float) -> None:
        """So many more units are done."""

    def end(self, stage: str, seconds: float, words: str) -> None:
        """A stage is complete."""

    def skip(self, stage: str) -> None:
        """A stage was complete already."""


class Silent:
    """Says nothing."""

    def begin(self, stage: str, total: float, done: float, unit: str) -> None:
        """Say nothing."""

    def advance(self, amount: float) -> None:
        """Say nothing."""

    def end(self, stage: str, seconds: float, words: str) -> None:
        """Say nothing."""

    def skip(self, stage: str) -> None:
        """Say nothing."""
