"""Settings of the vetting queue."""

from pydantic import Field, model_validator

from oddqso.params import Params


class VettingParams(Params):
    """What a batch of the blind queue holds.

    Examples
    --------
    >>> VettingParams().planted_share
    0.1
    """

    batch_items: int = Field(100, ge=5, le=5000)
    """Items of a batch, controls included."""
    planted_share: float = Field(0.1, ge=0.1, le=0.5)
    """Share of planted anomalies: they measure what the vetters miss. At least a tenth."""
    ordinary_share: float = Field(0.1, ge=0.1, le=0.5)
    """Share of spectra known to be ordinary: they measure false alarms. At least a tenth."""
    ordinary_from: float = Field(0.5, ge=0, lt=1)
    """Known-ordinary spectra have scores above this quantile of their group, to look as odd as ordinary ones can."""
    ordinary_to: float = Field(0.8, gt=0, le=1)
    """And below this one: so far from the top there are few odd ones."""
    planted_from: float = Field(0.5, ge=0, le=1)
    """Planted amplitudes lie in the upper part of their range, from this share of it on: what a person can see."""

    @model_validator(mode="after")
    def _room(self) -> "VettingParams":
        if self.planted_share + self.ordinary_share >= 1:
            raise ValueError("planted_share and ordinary_share leave no room for the queue itself")
        if self.ordinary_from >= self.ordinary_to:
            raise ValueError(f"ordinary_from {self.ordinary_from} is not below ordinary_to {self.ordinary_to}")
        return self
