"""Settings of the release."""

from pydantic import Field

from oddqso.params import Params


class ReleaseParams(Params):
    """Which files hold the catalog; ``catalog.parquet`` is always written."""

    fits: bool = True
    """Write ``catalog.fits``."""
    votable: bool = True
    """Write ``catalog.vot``, for TOPCAT and the Virtual Observatory."""
    found_tail: float = Field(3.0, gt=0)
    """A detector has found a spectrum (column FOUND_BY) if its TAIL_ is at least this: 3 is 1 in 1000 of like ones."""
