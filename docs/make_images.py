"""Make the images of the docs from a finished demo (`make demo` first)."""

import shutil
import sys
import tempfile
from pathlib import Path

import pyarrow.compute as pc

import oddqso

IMAGES = Path(__file__).parent / "images"


def main(run: Path) -> None:
    """The oddest bright candidate, as `oddqso show` plots it, and an item of the blind queue."""
    IMAGES.mkdir(exist_ok=True)
    catalog = oddqso.Run(run).catalog()
    bright = catalog.filter(pc.and_(pc.is_valid(catalog["RANK"]), pc.greater(catalog["SNR"], 3.0)))
    oddqso.show(bright["TARGETID"][0].as_py(), run, IMAGES / "candidate.png")
    with tempfile.TemporaryDirectory() as folder:
        batch = oddqso.vet_export(run, n=10, out=folder)
        shutil.copy(sorted((batch.path / "plots").glob("*.png"))[0], IMAGES / "blind.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("runs/demo"))
