"""FITS files by their headers alone: where each HDU lies, and reads of only the bytes that are asked for.

Opening a DESI file in astropy costs 10 ms of header parsing, this walk half a millisecond; a row of an uncompressed
image is one ``pread``. Gzipped files are read the same way through a decompressor that only goes forward, and
tile-compressed images are left to astropy.
"""

import gzip
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from oddqso.errors import DataError

_BLOCK: Final = 2880
_PIECE_BYTES: Final = 1 << 22
_IMAGE_DTYPES: Final = {8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}
_TABLE_DTYPES: Final = {
    "L": "S1", "B": "u1", "I": ">i2", "J": ">i4", "K": ">i8", "E": ">f4", "D": ">f8", "C": ">c8", "M": ">c16",
}  # fmt: skip

Value: TypeAlias = bool | int | float | str


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a binary table: where it stands in a row, and as what."""

    offset: int
    dtype: np.dtype[Any]
    zero: float
    scale: float
    logical: bool


@dataclass(frozen=True, slots=True)
class Hdu:
    """One header-data unit.

    Parameters
    ----------
    name : str
        EXTNAME, upper case; PRIMARY for the first.
    offset, n_bytes : int
        Where the data begin in the file, and how many bytes they take without padding.
    shape : tuple of int
        Shape of an image, or (n_rows,) of a table.
    dtype : numpy.dtype or None
        Of an image as stored (big-endian); None for a table.
    columns : dict
        Columns of a table by name, upper case.
    row_bytes : int
        Bytes of a table row.
    compressed : bool
        A tile-compressed image.
    header : dict
        The cards with a value.
    """

    name: str
    offset: int
    n_bytes: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any] | None
    columns: dict[str, Column]
    row_bytes: int
    compressed: bool
    header: dict[str, Value]


class FitsFile:
    """A FITS file open for reading: its HDUs by name, and reads of parts of them.

    Parameters
    ----------
    path : Path
        The file, gzipped or not.

    Raises
    ------
    DataError
        If the file cannot be opened, is not FITS, or ends inside an HDU.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd = -1
        self._stream: gzip.GzipFile | None = None
        with self._complaints():
            self._fd = os.open(path, os.O_RDONLY)
        try:
            with self._complaints():
                zipped = os.pread(self._fd, 2, 0) == b"\x1f\x8b"
                self._n_bytes = os.fstat(self._fd).st_size
            if zipped:
                self._stream = gzip.GzipFile(path)
            self.hdus: dict[str, Hdu] = {}
            for hdu in self._walk():
                self.hdus.setdefault(hdu.name, hdu)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the file back."""
        if self._stream is not None:
            self._stream.close()
        if self._fd >= 0:
            os.close(self._fd)
        self._stream, self._fd = None, -1

    def hdu(self, name: str) -> Hdu:
        """The HDU of a name, or a `DataError` that says what the file has instead."""
        if name not in self.hdus:
            found = ", ".join(n for n in self.hdus if n != "PRIMARY") or "nothing"
            raise DataError(f"{self.path} has no HDU {name} (found {found}); is it the right kind of file?")
        return self.hdus[name]

    def raw(self, name: str) -> Iterator[bytes]:
        """The bytes of an HDU's data, without padding, in pieces of a multiple of four."""
        hdu = self.hdu(name)
        for start in range(0, hdu.n_bytes, _PIECE_BYTES):
            yield self._read(hdu.offset + start, min(_PIECE_BYTES, hdu.n_bytes - start))

    def image(self, name: str) -> NDArray[Any]:
        """A whole image, in native byte order."""
        hdu = self.hdu(name)
        if hdu.compressed:
            return self._by_astropy(name, None)
        out = np.empty(self._image_of(hdu)[0], self._image_of(hdu)[1])
        self._read_into(out.reshape(-1).view(np.uint8), hdu.offset)
        return _scaled(_native(out), hdu.header)

    def row_bytes(self, name: str) -> int:
        """Bytes of one row of an image as stored; 0 if it is compressed."""
        hdu = self.hdu(name)
        shape, dtype = ((0,), np.dtype("u1")) if hdu.compressed else self._image_of(hdu)
        return dtype.itemsize * int(np.prod(shape[1:])) if len(shape) > 1 else 0

    def image_rows(self, name: str, rows: NDArray[np.int64], room: NDArray[np.uint8] | None = None) -> NDArray[Any]:
        """Rows of a two-dimensional image, in any order, in native byte order; nothing else is read.

        Parameters
        ----------
        name : str
            The HDU.
        rows : (n,) int64
            Places of the rows in the image.
        room : (n * row_bytes,) uint8, optional
            Memory for the answer: one large block is much cheaper to come by than many of a few megabytes.
        """
        hdu = self.hdu(name)
        if hdu.compressed:
            return self._by_astropy(name, rows)
        shape, dtype = self._image_of(hdu)
        stride = self.row_bytes(name)
        if room is None:
            room = np.empty(len(rows) * stride, np.uint8)
        out = room.view(dtype).reshape(len(rows), *shape[1:])
        view = memoryview(out.reshape(-1).view(np.uint8).data)
        order = np.argsort(rows, kind="stable")  # as they lie in the file
        runs = np.flatnonzero(np.append(True, (np.diff(rows[order]) != 1) | (np.diff(order) != 1))[: len(rows)])
        there = (hdu.offset + rows[order[runs]] * stride).tolist()
        here, sizes = (order[runs] * stride).tolist(), (np.diff(np.append(runs, len(rows))) * stride).tolist()
        with self._complaints():
            for source, target, size in zip(there, here, sizes, strict=True):
                part = view[target : target + size]
                if self._stream is not None or os.preadv(self._fd, [part], source) != size:
                    self._fill(part, source)
        return _scaled(_native(out), hdu.header)

    def table(self, name: str, columns: tuple[str, ...], start: int = 0, stop: int | None = None) -> dict[str, Any]:
        """Those of the named columns that a table has, rows ``start`` to ``stop``, in native byte order.

        Text comes without its padding, logicals come as bool.
        """
        hdu = self.hdu(name)
        if hdu.dtype is not None or hdu.compressed:
            raise DataError(f"{self.path}: HDU {name} is an image, expected a table; is it the right kind of file?")
        stop = hdu.shape[0] if stop is None else min(stop, hdu.shape[0])
        wanted = {c: hdu.columns[c] for c in columns if c in hdu.columns}
        if "TARGETID" in wanted and wanted["TARGETID"].dtype.kind != "i":
            raise DataError(
                f"{self.path}: TARGETID of {name} is stored as {wanted['TARGETID'].dtype}, expected 64-bit integers; "
                "its digits are lost, take the original file"
            )
        raw = np.empty((max(stop - start, 0), hdu.row_bytes), np.uint8)
        self._read_into(raw.reshape(-1), hdu.offset + start * hdu.row_bytes)
        names, offsets = list(wanted), [c.offset for c in wanted.values()]
        layout = np.dtype(
            {"names": names, "formats": [c.dtype for c in wanted.values()], "offsets": offsets,
             "itemsize": hdu.row_bytes}
        )  # fmt: skip
        rows = raw.reshape(-1).view(layout) if hdu.row_bytes else np.empty(0, layout)
        return {c: _column_values(rows[c], column) for c, column in wanted.items()}

    def _image_of(self, hdu: Hdu) -> tuple[tuple[int, ...], np.dtype[Any]]:
        if hdu.dtype is None:
            raise DataError(f"{self.path}: HDU {hdu.name} is a table, expected an image; is it the right kind of file?")
        return hdu.shape, hdu.dtype

    def _walk(self) -> Iterator[Hdu]:
        """The HDUs in order; each must lie wholly inside the file."""
        position, first = 0, True
        while first or self._more(position):
            header, offset = self._header(position, first)
            if header.get("BITPIX", 8) not in _IMAGE_DTYPES:
                raise DataError(
                    f"{self.path}: BITPIX {header['BITPIX']!r} at byte {position} is no FITS; fetch it again"
                )
            hdu = _describe(header, offset, first)
            position, first = offset + -(-hdu.n_bytes // _BLOCK) * _BLOCK, False
            if self._stream is None and position > self._n_bytes:
                raise DataError(
                    f"{self.path} is cut short: HDU {hdu.name} ends at byte {position}, the file has {self._n_bytes}; "
                    "fetch it again"
                )
            yield hdu

    def _more(self, position: int) -> bool:
        if self._stream is None:
            return position < self._n_bytes
        with self._complaints():
            self._stream.seek(position)
            return bool(self._stream.read(1))

    def _header(self, position: int, first: bool) -> tuple[dict[str, Value], int]:
        """The cards at a position, and where the data behind them begin."""
        header: dict[str, Value] = {}
        while True:
            block = self._read(position, _BLOCK)
            if first and not header and not block.startswith(b"SIMPLE  ="):
                raise DataError(
                    f"{self.path} is not a FITS file (it begins with {block[:9]!r}); remove it or fetch it again"
                )
            if len(block) < _BLOCK:
                raise DataError(f"{self.path} is cut short: it ends inside a header at byte {position}; fetch it again")
            position += _BLOCK
            for start in range(0, _BLOCK, 80):
                key = block[start : start + 8]
                if key == b"END     ":
                    return header, position
                if block[start + 8 : start + 10] == b"= ":
                    header.setdefault(key.rstrip().decode("latin-1"), _value(block[start + 10 : start + 80]))

    def _read(self, offset: int, n_bytes: int) -> bytes:
        with self._complaints():
            if self._stream is None:
                return os.pread(self._fd, n_bytes, offset)
            self._stream.seek(offset)
            return self._stream.read(n_bytes)

    def _read_into(self, buffer: NDArray[np.uint8], offset: int) -> None:
        with self._complaints():
            self._fill(memoryview(buffer.data), offset)

    def _fill(self, view: memoryview, offset: int) -> None:
        """Fill a buffer from the file, from an offset on."""
        if self._stream is None:
            done = os.preadv(self._fd, [view], offset)
        else:
            self._stream.seek(offset)
            done = 0
        while done < len(view):
            n_read = (
                os.preadv(self._fd, [view[done:]], offset + done)
                if self._stream is None
                else self._stream.readinto(view[done:])
            )
            if not n_read:
                raise DataError(f"{self.path} is cut short at byte {offset + done}; fetch it again")
            done += n_read

    def _by_astropy(self, name: str, rows: NDArray[np.int64] | None) -> NDArray[Any]:
        from astropy.io import fits  # slow to import, and rarely needed

        with self._complaints(), fits.open(self.path) as opened:
            data = opened[name].data
            picked: NDArray[Any] = np.array(data if rows is None else data[rows])
        return _native(picked) if picked.dtype.byteorder == ">" else picked

    @contextmanager
    def _complaints(self) -> Iterator[None]:
        """Turn what the operating system and zlib say into a `DataError` that names the file."""
        try:
            yield
        except FileNotFoundError as error:
            raise DataError(f"{self.path} does not exist; was it moved, or not fetched?") from error
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise DataError(f"{self.path} is a damaged gzip file ({error}); fetch it again") from error
        except OSError as error:
            raise DataError(f"{self.path} cannot be read: {error.strerror or error}") from error


def _value(text: bytes) -> Value:
    """The value field of a header card."""
    word = text.decode("latin-1").strip()
    if word.startswith("'"):
        end = 1
        while (end := word.find("'", end)) >= 0 and word[end + 1 : end + 2] == "'":
            end += 2
        return word[1 : end if end >= 0 else None].replace("''", "'").rstrip()
    word = word.partition("/")[0].strip()
    if word in ("T", "F"):
        return word == "T"
    for kind in (int, float):
        try:
            return kind(word.replace("D", "E"))
        except ValueError:
            continue
    return word


def _describe(header: dict[str, Value], offset: int, first: bool) -> Hdu:
    """What a header says of the data behind it."""

    def number(key: str, default: int) -> int:
        value = header.get(key, default)
        return value if isinstance(value, int) else default

    axes = [number(f"NAXIS{i + 1}", 0) for i in range(number("NAXIS", 0))]
    size = abs(number("BITPIX", 8)) // 8
    n_bytes = size * number("GCOUNT", 1) * (number("PCOUNT", 0) + int(np.prod(axes))) if axes else 0
    name = str(header.get("EXTNAME", "PRIMARY" if first else "")).upper()
    table = header.get("XTENSION") == "BINTABLE"
    return Hdu(
        name=name,
        offset=offset,
        n_bytes=n_bytes,
        shape=(axes[1],) if table else tuple(reversed(axes)),
        dtype=None if table else np.dtype(_IMAGE_DTYPES[number("BITPIX", 8)]),
        columns=_columns(header) if table else {},
        row_bytes=axes[0] if table else 0,
        compressed=table and header.get("ZIMAGE") is True,
        header=header,
    )


def _columns(header: dict[str, Value]) -> dict[str, Column]:
    columns, offset = {}, 0
    for i in range(1, int(header.get("TFIELDS", 0)) + 1):
        form = str(header.get(f"TFORM{i}", "")).strip()
        digits = len(form) - len(form.lstrip("0123456789"))
        repeat, code = int(form[:digits] or 1), form[digits : digits + 1]
        if code == "A":
            dtype = np.dtype(f"S{max(repeat, 1)}")
            width = repeat
        elif code in _TABLE_DTYPES:
            one = np.dtype(_TABLE_DTYPES[code])
            dtype = one if repeat == 1 else np.dtype((one, (repeat,)))
            width = one.itemsize * repeat
        else:  # bits, and descriptors of variable-length arrays: stepped over
            width = -(-repeat // 8) if code == "X" else repeat * (8 if code == "P" else 16)
            dtype = np.dtype(("u1", (width,)))
        zero, scale = header.get(f"TZERO{i}", 0), header.get(f"TSCAL{i}", 1)
        columns[str(header.get(f"TTYPE{i}", "")).upper()] = Column(
            offset, dtype, float(zero), float(scale), logical=code == "L"
        )
        offset += width
    return columns


def _native(array: NDArray[Any]) -> NDArray[Any]:
    """The same numbers in this machine's byte order; the bytes are swapped in place."""
    if array.dtype.isnative:
        return array
    return array.byteswap(inplace=True).view(array.dtype.newbyteorder("="))


def _scaled(array: NDArray[Any], header: dict[str, Value]) -> NDArray[Any]:
    """Apply BSCALE and BZERO; 32-bit integers with BZERO 2**31 are unsigned numbers."""
    zero, scale = float(header.get("BZERO", 0)), float(header.get("BSCALE", 1))
    if (zero, scale) == (0.0, 1.0):
        return array
    if (zero, scale) == (2.0**31, 1.0) and array.dtype == np.int32:
        unsigned = array.view(np.uint32)
        unsigned ^= np.uint32(1 << 31)
        return unsigned
    return array * scale + zero


def _column_values(values: NDArray[Any], column: Column) -> NDArray[Any]:
    if column.logical:
        return np.asarray(values == b"T")
    if values.dtype.kind == "S":
        return np.char.rstrip(values)
    values = np.array(values).astype(values.dtype.newbyteorder("="), copy=False)
    if (column.zero, column.scale) == (0.0, 1.0):
        return values
    if column.scale == 1.0 and values.dtype.kind in "iu":
        return values.astype(np.int64) + int(column.zero)
    return values * column.scale + column.zero
