"""Verdicts, and the files in which people write them down."""

import csv
import difflib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from oddqso.errors import DataError


class Verdict(StrEnum):
    """What one reader says of one spectrum."""

    ANOMALY = "ANOMALY"
    """Odd, and the quasar is: physics that ordinary quasars do not show."""
    WRONG_REDSHIFT = "WRONG_REDSHIFT"
    """Odd because redshift or class is wrong."""
    ARTIFACT = "ARTIFACT"
    """Odd because of instrument, sky or reduction."""
    KNOWN = "KNOWN"
    """Of a known class that counts as ordinary: broad absorption lines, damped absorbers, mild reddening."""
    ORDINARY = "ORDINARY"
    """An ordinary quasar."""
    UNSURE = "UNSURE"
    """Looked at, and not decided: it stays in the calibration, as what nobody saw does."""

    @property
    def odd(self) -> bool:
        """Whether it takes the spectrum out of the calibration."""
        return self in (Verdict.ANOMALY, Verdict.WRONG_REDSHIFT, Verdict.ARTIFACT)


@dataclass(frozen=True, slots=True)
class Answer:
    """One line of a filled queue.

    Parameters
    ----------
    item : str
        The item's name.
    verdict : Verdict
    z : str
        A corrected redshift as it was written, or nothing.
    comment : str
    """

    item: str
    verdict: Verdict
    z: str = ""
    comment: str = ""


def read_answers(path: Path) -> list[Answer]:
    """The verdicts in a filled queue; items without a verdict are left for later.

    Commas, semicolons or tabs may part the columns; what a spreadsheet adds (a byte-order mark, other line ends, blank
    lines) is taken as it comes.

    Raises
    ------
    DataError
        With file and line: no such file, no column ITEM or VERDICT, a word that is no verdict, a redshift that is no
        number, two different verdicts on one item, or no verdict at all.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise DataError(f"cannot read the verdicts {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is no UTF-8 text ({error.reason} at byte {error.start}); save it as CSV UTF-8"
        ) from error
    return parse_answers(text, str(path))


def parse_answers(text: str, where: str = "the verdicts") -> list[Answer]:
    r"""As `read_answers`, of a text.

    Examples
    --------
    >>> parse_answers("ITEM;VERDICT\r\n001-K7QM;anomaly\r\n001-AB2C;\r\n")
    [Answer(item='001-K7QM', verdict=<Verdict.ANOMALY: 'ANOMALY'>, z='', comment='')]
    >>> parse_answers("ITEM,VERDICT\n001-K7QM,ordinry\n")
    Traceback (most recent call last):
        ...
    oddqso.errors.DataError: the verdicts, line 2: 'ordinry' is no verdict; did you mean ORDINARY?
    """
    lines = text.splitlines()
    first = next((line for line in lines if line.strip()), "")
    part = max(",;\t", key=first.count)
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=part))
    head = next((k for k, row in enumerate(rows) if any(cell.strip() for cell in row)), None)
    if head is None:
        raise DataError(f"{where} is empty; fill the column VERDICT of a queue.csv")
    names = [cell.strip().upper() for cell in rows[head]]
    _check_columns(names, where)
    found: dict[str, tuple[int, Answer]] = {}
    for number, cells in enumerate(rows[head + 1 :], start=head + 2):
        row = dict(zip(names, (cell.strip() for cell in cells), strict=False))
        if not any(row.values()) or not row.get("VERDICT"):
            continue
        here = f"{where}, line {number}"
        answer = Answer(_item(row, here), _verdict(row["VERDICT"], here), _redshift(row, here), row.get("COMMENT", ""))
        before = found.get(answer.item)
        if before is not None and before[1].verdict is not answer.verdict:
            raise DataError(
                f"{here}: item {answer.item} is {answer.verdict}, but line {before[0]} says {before[1].verdict}; "
                "leave one of them"
            )
        found[answer.item] = (number, answer)
    if not found:
        raise DataError(f"{where} holds no verdict: the column VERDICT is blank")
    return [answer for _, answer in found.values()]


def _check_columns(names: Sequence[str], where: str) -> None:
    if "TARGETID" in names and "ITEM" not in names:
        raise DataError(
            f"{where} names spectra by TARGETID. Only verdicts given blind, on the items of a queue, may touch the "
            "calibration: labels from active learning, catalogs or the report are no random sample and never do; "
            "see `oddqso vet export`"
        )
    missing = [name for name in ("ITEM", "VERDICT") if name not in names]
    if missing:
        raise DataError(f"{where} has no column {' and '.join(missing)} (found {', '.join(names)}); is it a queue.csv?")
    twice = {name for name in names if name and names.count(name) > 1}
    if twice:
        raise DataError(f"{where} has the column {', '.join(sorted(twice))} more than once; leave one")


def _item(row: dict[str, str], here: str) -> str:
    if not row["ITEM"]:
        raise DataError(f"{here}: a verdict without an item")
    return row["ITEM"].upper()


def _verdict(word: str, here: str) -> Verdict:
    name = word.upper().replace(" ", "_").replace("-", "_")
    try:
        return Verdict(name)
    except ValueError:
        close = difflib.get_close_matches(name, list(Verdict), n=1)
        advice = f"did you mean {close[0]}?" if close else f"write {', '.join(Verdict)}"
        raise DataError(f"{here}: {word!r} is no verdict; {advice}") from None


def _redshift(row: dict[str, str], here: str) -> str:
    text = row.get("Z", "").replace(",", ".")
    if not text:
        return ""
    try:
        z = float(text)
    except ValueError:
        raise DataError(f"{here}: the redshift {text!r} is no number") from None
    if not -0.01 <= z < 20:
        raise DataError(f"{here}: the redshift {text} is not between 0 and 20")
    return text
