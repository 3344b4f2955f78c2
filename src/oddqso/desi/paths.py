"""What a folder of DESI files holds: coadds, redrock files beside them, and catalogs.

A folder may be a whole release, anything inside ``spectro/redux/{production}``, or a flat folder of files.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Final

from oddqso.errors import DataError

_HEALPIX_NAME: Final = re.compile(r"coadd-([a-z][a-z0-9]*)-([a-z]+)-(\d+)\.fits(?:\.gz)?")
_ZCATALOG_NAME: Final = re.compile(r"(zall-pix-.+|zpix-.+)\.fits(?:\.gz)?")
_QSO_NAME: Final = re.compile(r"qso_cat_.+\.fits(?:\.gz)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True, order=True)
class CoaddFile:
    """A coadd file, and what its place and name say.

    Parameters
    ----------
    file : str
        Path relative to the input folder.
    production : str
        Path above ``healpix/`` or ``tiles/``; the file's folder if it stands in neither.
    survey, program, healpix
        From a name ``coadd-{survey}-{program}-{healpix}``; None for other names.
    redrock : str or None
        The redrock file beside it.
    """

    file: str
    production: str
    survey: str | None
    program: str | None
    healpix: int | None
    redrock: str | None


@dataclass(frozen=True, slots=True)
class Inputs:
    """What an input folder holds; paths are relative to ``root``, in order of name.

    Parameters
    ----------
    root : Path
        The folder.
    coadds : tuple of CoaddFile
        Coadds per sky pixel; of a folder that has none, coadds per tile.
    zcatalogs : tuple of (str, str)
        Redshift catalogs with the production they belong to ("" if none).
    qso_catalogs : tuple of str
        Quasar catalogs.
    n_tile_coadds_ignored : int
        Coadds per tile that repeat what the coadds per sky pixel hold.
    """

    root: Path
    coadds: tuple[CoaddFile, ...]
    zcatalogs: tuple[tuple[str, str], ...]
    qso_catalogs: tuple[str, ...]
    n_tile_coadds_ignored: int = 0


def healpix_file(survey: str, program: str, healpix: int) -> str:
    """Where DESI keeps a coadd, below the folder of a production.

    Examples
    --------
    >>> healpix_file("main", "dark", 23040)
    'healpix/main/dark/230/23040/coadd-main-dark-23040.fits'
    """
    return f"healpix/{survey}/{program}/{healpix // 100}/{healpix}/coadd-{survey}-{program}-{healpix}.fits"


def find_inputs(root: Path) -> Inputs:
    """The DESI files in a folder, in an order that does not depend on the file system.

    Parameters
    ----------
    root : Path
        A release, any folder inside a production, or a flat folder of files. A folder inside a production uses that
        production's redshift catalog, which stands beside it.

    Raises
    ------
    DataError
        If there is no such folder, or it holds no coadd.
    """
    if not root.is_dir():
        what = "is a file, expected a folder" if root.exists() else "does not exist"
        raise DataError(f"the input {root} {what}; name a folder with coadd-*.fits files")
    files = sorted(_files(root))
    known = set(files)
    coadds = [_coadd(f, known) for f in files if _is_coadd(_name(f))]
    per_tile = [c for c in coadds if _inside(c.file, "tiles")]
    if len(per_tile) < len(coadds):
        coadds = [c for c in coadds if c not in set(per_tile)]
        n_ignored = len(per_tile)
    else:
        n_ignored = 0
    if not coadds:
        raise DataError(
            f"the input {root} holds {len(files)} files, none of them a coadd; expected coadd-*.fits, in a flat folder "
            "or below healpix/{survey}/{program}/"
        )
    zcatalogs = [(f, _production(f, "zcatalog") or "") for f in files if _ZCATALOG_NAME.fullmatch(_name(f))]
    if not zcatalogs:
        zcatalogs = [(f, "") for f in _beside(root)]
    if all(c.healpix is None for c in coadds):
        zcatalogs = []  # they name files per sky pixel only
    return Inputs(
        root=root,
        coadds=tuple(sorted(coadds)),
        zcatalogs=tuple(_best(zcatalogs)),
        qso_catalogs=tuple(f for f in files if _QSO_NAME.fullmatch(_name(f))),
        n_tile_coadds_ignored=n_ignored,
    )


def inventory(inputs: Inputs) -> str:
    """A hash of the names, sizes and times of all input files: another hash, other input.

    Raises
    ------
    DataError
        If one of the files is gone.
    """
    names = [*inputs.qso_catalogs, *(f for f, _ in inputs.zcatalogs)]
    names += [f for c in inputs.coadds for f in (c.file, c.redrock) if f is not None]
    digest = blake2b(digest_size=16)
    for name in sorted(names):
        try:
            status = (inputs.root / name).stat()
        except OSError as error:
            raise DataError(f"{inputs.root / name} cannot be read: {error.strerror}; was it moved?") from error
        digest.update(f"{name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _files(root: Path) -> Iterator[str]:
    """All files below a folder that are not hidden, relative to it; links are followed, circles are not."""
    seen = {os.path.realpath(root)}
    for folder, folders, names in os.walk(root, followlinks=True, onerror=_unreadable):
        keep = []
        for name in folders:
            real = os.path.realpath(Path(folder) / name)
            if not name.startswith(".") and real not in seen:
                seen.add(real)
                keep.append(name)
        folders[:] = keep
        here = Path(folder).relative_to(root).as_posix()
        yield from (name if here == "." else f"{here}/{name}" for name in names if not name.startswith("."))


def _unreadable(error: OSError) -> None:
    raise DataError(f"{error.filename} cannot be listed: {error.strerror}; check its permissions") from error


def _name(file: str) -> str:
    return file.rpartition("/")[2]


def _is_coadd(name: str) -> bool:
    return name.startswith("coadd-") and name.endswith((".fits", ".fits.gz"))


def _inside(file: str, folder: str) -> bool:
    return folder in file.split("/")[:-1]


def _production(file: str, below: str) -> str | None:
    """The part of a path above the last folder of that name; None if it is not inside one."""
    parts = file.split("/")[:-1]
    if below not in parts:
        return None
    return "/".join(parts[: len(parts) - 1 - parts[::-1].index(below)])


def _coadd(file: str, known: set[str]) -> CoaddFile:
    folder, slash, name = file.rpartition("/")
    match = _HEALPIX_NAME.fullmatch(name)
    stem = f"{folder}{slash}redrock{name.removeprefix('coadd')}".removesuffix(".gz")
    return CoaddFile(
        file=file,
        production=next((p for p in (_production(file, "healpix"), _production(file, "tiles")) if p is not None), ""),
        survey=match[1] if match else None,
        program=match[2] if match else None,
        healpix=int(match[3]) if match else None,
        redrock=next((f for f in (stem, f"{stem}.gz") if f in known), None),
    )


def _best(zcatalogs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Of each production the catalogs to use: the last version, and in it the one of all surveys if there is one."""
    last = {production: file.rpartition("/")[0] for file, production in sorted(zcatalogs)}  # v1 comes after v0
    best = []
    for production, folder in sorted(last.items()):
        here = [c for c in sorted(zcatalogs) if c[1] == production and c[0].rpartition("/")[0] == folder]
        best += [c for c in here if "zall-pix-" in c[0]] or here
    return best


def _beside(root: Path) -> list[str]:
    """Redshift catalogs of the production that a folder lies in."""
    absolute = root.resolve()
    for above in absolute.parents:
        if above.parent.name == "redux" and (above / "zcatalog").is_dir():
            found = [f for f in _files(above / "zcatalog") if _ZCATALOG_NAME.fullmatch(_name(f))]
            return [Path(os.path.relpath(above / "zcatalog" / f, absolute)).as_posix() for f in found]
    return []
