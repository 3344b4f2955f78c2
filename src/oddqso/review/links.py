"""Where to look at an object outside: its position in the Legacy Survey viewer, SIMBAD and NED."""

from collections.abc import Mapping
from typing import Any

from oddqso.reports.words import sky_links

_NAMES = {"Legacy Surveys": "legacy", "SIMBAD": "simbad", "NED": "ned"}


def links(row: Mapping[str, Any]) -> dict[str, str]:
    """Addresses by ``legacy``, ``simbad`` and ``ned``, to 1e-6 degrees; none for a simulated object.

    Parameters
    ----------
    row : mapping of str to value
        A row of the catalog: TARGETID, RA and DEC [deg].

    Examples
    --------
    >>> found = links({"TARGETID": 39627568982000001, "RA": 9.8765432, "DEC": -0.0432101})
    >>> found["simbad"].split("Coord=")[1].split("&")[0]
    '9.876543+-0.043210'
    """
    return {_NAMES[name]: address for name, address in sky_links(row).items()}
