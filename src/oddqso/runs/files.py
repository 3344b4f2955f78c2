"""Files that are either whole or not there, and Arrow tables that are memory-mapped."""

import errno
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from oddqso.errors import StoreError


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """A path to write to; what was written there gets its real name when the block ends well.

    Raises
    ------
    StoreError
        If the disk is full, read-only, or refuses for another reason.
    """
    aside = path.with_name(f".{path.name}.writing")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield aside
        aside.replace(path)
    except OSError as error:
        raise store_error(error, path) from error
    finally:
        if aside.is_file():
            aside.unlink(missing_ok=True)


def store_error(error: OSError, path: Path) -> StoreError:
    """What an error of the operating system means for a user, and what to do."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) or "No space left" in str(error)
    refused = error.errno in (errno.EROFS, errno.EACCES, errno.EPERM)
    if full:
        advice = "the disk or quota is full: make room, then run the same command again; what was finished is kept"
    elif refused:
        advice = "the folder cannot be written: choose another with --run, or change its permissions"
    else:
        advice = "check that the folder exists and can be written, then run the same command again"
    return StoreError(f"cannot write {path}: {error.strerror or error}; {advice}")


def write_json(path: Path, content: Any) -> None:
    """Write JSON, whole or not at all."""
    with writing(path) as aside:
        aside.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")


def read_json(path: Path) -> Any:
    """Read JSON.

    Raises
    ------
    StoreError
        If the file is not there or is not JSON.
    """
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        raise StoreError(f"{path} is not there; is {path.parent} the folder of a run?") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise StoreError(f"{path} is damaged ({error}); delete it to start that part again") from error


def write_table(path: Path, table: pa.Table) -> None:
    """Write a table as uncompressed Arrow IPC in one chunk, whole or not at all."""
    with writing(path) as aside, pa.OSFile(str(aside), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())


def read_table(path: Path) -> pa.Table:
    """Read a table made by `write_table`, memory-mapped: only what is looked at is read.

    Raises
    ------
    StoreError
        If the file is not there or is not an Arrow file.
    """
    try:
        return pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    except FileNotFoundError:
        raise StoreError(f"{path} is not there; run the stage {path.parent.name} again") from None
    except (pa.ArrowInvalid, OSError) as error:
        raise StoreError(f"{path} is damaged ({error}); run again with --from {path.parent.name}") from error
