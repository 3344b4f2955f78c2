import os
import shutil
from pathlib import Path

import pytest

CHROMIUM = os.environ.get("ODDQSO_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
"""The browser of the tests marked ``browser``; they are skipped where there is none."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs a browser where there is none."""
    if CHROMIUM is None:
        skip = pytest.mark.skip(reason="needs Chromium: install it, or name it by ODDQSO_CHROMIUM")
        for item in items:
            if item.get_closest_marker("browser"):
                item.add_marker(skip)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of the browser."""
    return str(CHROMIUM)


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
