"""Verdicts of a store as files, and files of verdicts into a store."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from oddqso.api.reviewers import StorePlace
from oddqso.errors import ConfigError, DataError
from oddqso.runs.directory import RunDirectory
from oddqso.runs.files import store_error, writing

if TYPE_CHECKING:  # heavy: not at the start of a command line
    from oddqso.review.exchange import Format
    from oddqso.review.importing import Imported

_BY_SUFFIX = {
    ".csv": "csv", ".parquet": "parquet", ".vot": "votable", ".votable": "votable", ".xml": "votable", ".fits": "fits",
}  # fmt: skip


def export_verdicts(place: StorePlace, path: Path | str, format: str | None = None, reviewer: str | None = None) -> int:
    """Write what stands now into a file; how many verdicts those are.

    Parameters
    ----------
    place : StorePlace
        With a run, DESI's visual-inspection files tell class and redshift of the catalog.
    path : path
        The file.
    format : str, optional
        ``csv``, ``parquet``, ``votable``, ``fits`` or ``desi-vi``; by the end of the name by default.
    reviewer : str, optional
        Only those of one reviewer.

    Raises
    ------
    ConfigError
        For a format that there is not.
    """
    from oddqso.review.exchange import Format, standing, write_verdicts
    from oddqso.review.inspection import write_inspection

    target, kind = Path(path), _format(path, format)
    with place.opened() as store:
        entries = standing(store.verdicts(reviewer=reviewer))
    facts = _facts(place, [entry.target_id for entry in entries])
    content = write_inspection(entries, facts) if kind is Format.DESI_VI else write_verdicts(entries, kind)
    try:
        with writing(target) as aside:
            aside.write_bytes(content)
    except OSError as error:
        raise store_error(error, target) from error
    return len(entries)


def import_verdicts(
    place: StorePlace,
    path: Path | str,
    format: str | None = None,
    reviewer: str | None = None,
    by: str = "command line",
) -> "Imported":
    """Take in a file of verdicts, all of it or nothing; the same file again adds nothing.

    Parameters
    ----------
    place : StorePlace
        With a run, objects that it does not have are refused.
    path : path
        As `export_verdicts` writes it, or prospect a visual inspection.
    format : str, optional
        As in `export_verdicts`.
    reviewer : str, optional
        In whose name rows without a REVIEWER are.

    Raises
    ------
    DataError
        With line and reason, if rows are bad.
    ConflictError
        If an entry of the file is known and says something else.
    """
    from oddqso.review.importing import import_verdicts as take_in

    kind = _format(path, format)
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    known = _known(place)
    try:
        with place.opened(make=True) as store:
            return take_in(store, content, kind, known=known, reviewer=reviewer, by=by)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


def _format(path: Path | str, format: str | None) -> "Format":
    from oddqso.review.exchange import Format

    is_inspection = str(path).lower().endswith(f".{Format.DESI_VI.suffix}")
    word = format or (Format.DESI_VI if is_inspection else _BY_SUFFIX.get(Path(path).suffix.lower(), ""))
    if word not in set(Format):
        raise ConfigError(f"no format {word!r} (there are {', '.join(Format)}); say --format, or name the file by one")
    return Format(word)


def _catalog(place: StorePlace) -> Path | None:
    if place.run is None:
        return None
    path = RunDirectory(Path(place.run)).stage("release") / "catalog.parquet"
    return path if path.exists() else None


def _known(place: StorePlace) -> Any:
    import pyarrow.parquet as pq

    path = _catalog(place)
    if path is None:
        return lambda target_id: None
    have = frozenset(pq.read_table(path, columns=["TARGETID"])["TARGETID"].to_pylist())

    def known(target_id: int) -> None:
        if target_id not in have:
            raise DataError(f"TARGETID {target_id} is not in the catalog of {place.run}")

    return known


def _facts(place: StorePlace, target_ids: list[int]) -> dict[int, dict[str, Any]]:
    import pyarrow.parquet as pq

    path = _catalog(place)
    if path is None or not target_ids:
        return {}
    names = [name for name in ("TARGETID", "SPECTYPE", "Z") if name in pq.read_schema(path).names]
    table = pq.read_table(path, columns=names, filters=[("TARGETID", "in", target_ids)])
    return {row["TARGETID"]: row for row in table.to_pylist()}
