import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real spectra: skips without ODDQSO_REAL_DATA, fails if that names no such folder."""
    name = os.environ.get("ODDQSO_REAL_DATA", "")
    if not name:
        pytest.skip(
            "set ODDQSO_REAL_DATA to the folder of real spectra (with sdss-desi-layout/ and desi-edr/) to run this"
        )
    folder = Path(name)
    if not (folder / "sdss-desi-layout").is_dir() or not (folder / "desi-edr").is_dir():
        pytest.fail(f"ODDQSO_REAL_DATA={name} does not hold sdss-desi-layout/ and desi-edr/")
    return folder
