"""What may be stored: checks of words, numbers and names, with errors that say what to change."""

import json
import math
import re
import unicodedata
from typing import Any

from oddqso.errors import DataError

LONGEST_COMMENT, LONGEST_WORD, LONGEST_SPEC = 4000, 64, 16_000
"""Characters of a comment, of a name or tag, and of a saved filter."""
MOST_TAGS = 32
MAX_INT64 = 2**63 - 1

_CLIENT_ID = re.compile(r"[0-9A-Za-z_-]{8,64}")


def checked_text(value: str, what: str, longest: int = LONGEST_WORD) -> str:
    r"""The text as it is, if both databases can keep it.

    Examples
    --------
    >>> checked_text("Å", "a tag")
    'Å'
    >>> checked_text("a\0b", "the comment")
    Traceback (most recent call last):
        ...
    oddqso.errors.DataError: the comment holds a NUL character at 1; leave it out
    """
    if not isinstance(value, str):
        raise DataError(f"{what} is {type(value).__name__}, not text")
    if len(value) > longest:
        raise DataError(f"{what} has {len(value):,} characters; {longest:,} are kept, shorten it")
    if "\0" in value:
        raise DataError(f"{what} holds a NUL character at {value.index(chr(0))}; leave it out")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise DataError(f"{what} holds half a character (a lone surrogate) at {error.start}; leave it out") from None
    return value


def checked_word(value: str, what: str) -> str:
    r"""A name or tag: one line of printing characters, in Unicode's composed form, without blanks around it.

    Examples
    --------
    >>> checked_word(" Zoe\u0308 ", "the name")
    'Zoë'
    >>> checked_word("", "the name")
    Traceback (most recent call last):
        ...
    oddqso.errors.DataError: the name is empty
    """
    word = unicodedata.normalize("NFC", checked_text(value, what)).strip()
    if not word:
        raise DataError(f"{what} is empty")
    if not word.isprintable():
        raise DataError(f"{what} holds a character that does not print; leave it out")
    return checked_text(word, what)


def checked_client_id(value: str) -> str:
    """The name that a page gave to an entry.

    Examples
    --------
    >>> checked_client_id("0b6f4c1e-7f3c-4a8e-9d57-2f2a4c1d9e10")
    '0b6f4c1e-7f3c-4a8e-9d57-2f2a4c1d9e10'
    """
    if not isinstance(value, str) or not _CLIENT_ID.fullmatch(value):
        raise DataError(f"client_id {value!r:.80} is not 8 to 64 letters, digits, '-' or '_'; send a UUID")
    return value


def checked_int(value: int, what: str, low: int, high: int) -> int:
    """A whole number within limits, both included; True and 3.0 are none."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise DataError(f"{what} is {value!r:.80}, not a whole number")
    if not low <= value <= high:
        raise DataError(f"{what} is {value!r:.80}, not within {low} to {high}")
    return value


def checked_target_id(value: int) -> int:
    """A TARGETID: any int64, negative ones (sky, stuck fibers) too.

    Examples
    --------
    >>> checked_target_id(-39627)
    -39627
    """
    return checked_int(value, "target_id", -MAX_INT64 - 1, MAX_INT64)


def checked_float(value: float, what: str, low: float, high: float) -> float:
    """A finite number within limits; the upper one is left out."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise DataError(f"{what} is {value!r:.80}, not a finite number")
    if not low <= value < high:
        raise DataError(f"{what} is {value!r:.80}, not within {low} to {high}")
    return float(value)


def checked_json(value: Any, what: str) -> str:
    """A value as JSON text.

    Examples
    --------
    >>> checked_json({"z": [1, 2]}, "the filter")
    '{"z": [1, 2]}'
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise DataError(f"{what} is not JSON: {error}") from None
    if "\\u0000" in text:
        raise DataError(f"{what} holds a NUL character; leave it out")
    return checked_text(text, what, LONGEST_SPEC)
