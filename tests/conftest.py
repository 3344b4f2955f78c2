import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real spectra; tests that need it skip where it is absent."""
    name = os.environ.get("ODDQSO_REAL_DATA", "")
    folder = Path(name)
    if not name or not (folder / "sdss-desi-layout").is_dir():
        pytest.skip("set ODDQSO_REAL_DATA to the folder of real spectra (with sdss-desi-layout/ and desi-edr/) to run this")
    return folder
