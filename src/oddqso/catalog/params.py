"""Settings of the release."""

from oddqso.params import Params


class ReleaseParams(Params):
    """Which files hold the catalog; ``catalog.parquet`` is always written."""

    fits: bool = True
    """Write ``catalog.fits``."""
    votable: bool = True
    """Write ``catalog.vot``, for TOPCAT and the Virtual Observatory."""
