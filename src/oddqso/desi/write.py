"""Write FITS files in the layout of DESI: fast, whole or not at all, and the same bytes every time.

Astropy writes the date of a checksum into the file and is slow for images; this module writes the few kinds of HDU
that DESI files are made of. No card holds a date or a path.
"""

import gzip
import shutil
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from oddqso.desi.checksum import encode_checksum, ones_complement
from oddqso.desi.formats import UNITS, columns_of, record_dtype
from oddqso.errors import StoreError

BLOCK_BYTES: Final = 2880
Card = tuple[str, bool | int | float | str]

FLUX_UNIT: Final = "10**-17 erg/(s cm2 Angstrom)"
IVAR_UNIT: Final = "10**+34 (s2 cm4 Angstrom2) / erg2"

_BITPIX: Final = {"u1": 8, "i2": 16, "i4": 32, "i8": 64, "f4": -32, "f8": -64}


@dataclass(frozen=True, slots=True)
class Block:
    """Bytes of an image that are written many times: big-endian data and their checksum, worked out once.

    Parameters
    ----------
    data : (...) big-endian array
        Of a multiple of 4 bytes.
    """

    data: NDArray[Any]
    total: int

    @classmethod
    def of(cls, data: NDArray[Any]) -> "Block":
        """The block of an array in any byte order."""
        big = np.ascontiguousarray(data, dtype=data.dtype.newbyteorder(">"))
        return cls(big, ones_complement(big))


@dataclass(frozen=True, slots=True)
class Hdu:
    """One header-and-data unit.

    Parameters
    ----------
    name : str
        EXTNAME; ``""`` for the primary HDU, which has no data.
    cards : sequence of (key, value)
        Header cards beyond those the format asks for.
    dtype : dtype or None
        Of a pixel, or of a row of a table.
    shape : tuple of int
        NumPy shape of the image, or ``(n_row,)`` of a table.
    blocks : iterable of Block
        The data, piece by piece, in order.
    spec : str
        The column list of a table; ``""`` for an image.
    """

    name: str
    cards: Sequence[Card] = ()
    dtype: Any = None
    shape: tuple[int, ...] = ()
    blocks: Iterable[Block] = ()
    spec: str = ""


def image_hdu(name: str, data: NDArray[Any], unit: str | None = None) -> Hdu:
    """An image HDU from an array."""
    cards = [("BUNIT", unit)] if unit else []
    return Hdu(name, cards, data.dtype, data.shape, (Block.of(data),))


def blocks_hdu(name: str, dtype: Any, shape: tuple[int, ...], blocks: Iterable[Block]) -> Hdu:
    """An image HDU from pieces that are made, or met, one after another."""
    return Hdu(name, (), np.dtype(dtype), shape, blocks)


def table_hdu(name: str, spec: str, records: NDArray[Any]) -> Hdu:
    """A binary table HDU from records of `record_dtype` of its column list."""
    if records.dtype != record_dtype(spec):
        raise ValueError(f"the records of {name} are not of its column list")
    return Hdu(name, (), records.dtype, records.shape, (Block(records, ones_complement(records)),), spec)


def card(key: str, value: bool | int | float | str) -> bytes:
    """One header card of 80 bytes.

    Examples
    --------
    >>> card("SURVEY", "main").decode().rstrip()
    "SURVEY  = 'main    '"
    """
    if isinstance(value, bool):
        text = f"{'T' if value else 'F':>20}"
    elif isinstance(value, int | float):
        text = f"{value!r:>20}"
    else:
        text = "'" + f"{value.replace(chr(39), chr(39) * 2):<8}" + "'"
    line = f"{key:<8}= {text}"
    if len(line) > 80:
        raise ValueError(f"the card {key} is too long for a FITS header")
    return line.ljust(80).encode("ascii")


def _header(hdu: Hdu) -> list[bytes]:
    """The cards of an HDU without checksums and END."""
    if hdu.dtype is None:
        cards: list[Card] = [("SIMPLE", True), ("BITPIX", 8), ("NAXIS", 0), ("EXTEND", True)]
    elif hdu.spec:
        columns = columns_of(hdu.spec)
        cards = [
            ("XTENSION", "BINTABLE"), ("BITPIX", 8), ("NAXIS", 2), ("NAXIS1", hdu.dtype.itemsize),
            ("NAXIS2", hdu.shape[0]), ("PCOUNT", 0), ("GCOUNT", 1), ("TFIELDS", len(columns)),
        ]  # fmt: skip
        for number, (name, repeat, letter) in enumerate(columns, 1):
            cards += [
                (f"TTYPE{number}", name),
                (f"TFORM{number}", f"{repeat if repeat > 1 or letter == 'A' else ''}{letter}"),
            ]
            if name in UNITS:
                cards.append((f"TUNIT{number}", UNITS[name]))
    else:
        cards = [("XTENSION", "IMAGE"), ("BITPIX", _BITPIX[hdu.dtype.str[1:]]), ("NAXIS", len(hdu.shape))]
        cards += [(f"NAXIS{k}", n) for k, n in enumerate(reversed(hdu.shape), 1)]
        cards += [("PCOUNT", 0), ("GCOUNT", 1)]
    if hdu.name:
        cards.append(("EXTNAME", hdu.name))
    return [card(key, value) for key, value in (*cards, *hdu.cards)]


def _write_hdu(file: IO[bytes], hdu: Hdu) -> None:
    lines = _header(hdu)
    n_header = -(-(len(lines) + 3) * 80 // BLOCK_BYTES) * BLOCK_BYTES
    start = file.tell()
    file.seek(start + n_header)
    total = n_bytes = 0
    for block in hdu.blocks:
        file.write(block.data.data if block.data.size else b"")
        total = ones_complement(b"", total + block.total)
        n_bytes += block.data.nbytes
    if hdu.dtype is not None and n_bytes != hdu.dtype.itemsize * int(np.prod(hdu.shape)):
        raise ValueError(f"the blocks of {hdu.name} hold {n_bytes} bytes, not an array of shape {hdu.shape}")
    file.write(b"\0" * (-n_bytes % BLOCK_BYTES))
    end = file.tell()
    lines += [card("CHECKSUM", "0" * 16), card("DATASUM", str(total))]
    header = b"".join([*lines, b"END".ljust(80)]).ljust(n_header)
    code = encode_checksum(ones_complement(header, total))
    file.seek(start)
    file.write(header.replace(card("CHECKSUM", "0" * 16), card("CHECKSUM", code)))
    file.seek(end)


def write_fits(path: Path, hdus: Iterable[Hdu]) -> None:
    """Write a FITS file aside, then give it its name; gzipped where the name ends in ``.gz``.

    Raises
    ------
    StoreError
        If the file cannot be written: a full or read-only disk.
    """
    aside = path.with_name(f".{path.name}.writing")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with aside.open("w+b") as file:
            for hdu in hdus:
                _write_hdu(file, hdu)
        if path.suffix == ".gz":
            packed = aside.with_name(f"{aside.name}.gz")
            with (
                packed.open("wb") as raw,
                gzip.GzipFile("", "wb", 1, cast(IO[bytes], raw), mtime=0) as file_gz,
                aside.open("rb") as plain,
            ):
                shutil.copyfileobj(plain, file_gz, 1 << 20)
            packed.replace(aside)
        aside.replace(path)
    except OSError as error:
        with suppress(OSError):
            aside.unlink()
        raise StoreError(
            f"cannot write {path}: {error.strerror or error}; make room or choose another folder, then run it again"
        ) from error


def primary_hdu(survey: str, program: str, healpix: int, cards: Sequence[Card] = ()) -> Hdu:
    """The primary HDU of a healpix file."""
    keys: list[Card] = [
        ("LONGSTRN", "OGIP 1.0"), ("SPGRP", "healpix"), ("SPGRPVAL", healpix), ("HPXPIXEL", healpix),
        ("HPXNSIDE", 64), ("HPXNEST", True), ("SURVEY", survey), ("PROGRAM", program),
    ]  # fmt: skip
    return Hdu("", [*keys, *cards])
