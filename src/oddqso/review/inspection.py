"""Visual-inspection files of DESI: CSV with the columns of prospect.

Columns, in their order, and the meaning of qualities and issues are those of ``vi_file_fields`` and ``vi_flags`` in
``py/prospect/utilities.py`` of https://github.com/desihub/prospect: VI_quality 4 (confident) to 0 (nothing there), and
VI_issue R (bad redshift fit), C (bad spectype fit), S (bad spectrum). What prospect does not have (our kind, sub-type,
interest, confidence, tags, flag) stands in brackets first in VI_comment, ``[ANOMALY/felobal i4 c3 ! #tag] text``.

Out:

==================================  ==========  ========  ===========
verdict                             VI_quality  VI_issue  VI_spectype
==================================  ==========  ========  ===========
WRONG_REDSHIFT, of a star           confidence  RC        STAR
WRONG_REDSHIFT, of a galaxy         confidence  RC        GALAXY
WRONG_REDSHIFT, ``nothing``         0           RC
WRONG_REDSHIFT, others              confidence  R         QSO
ARTIFACT                            confidence  S         QSO
UNSURE, ``too-noisy``               0
UNSURE, others                      1
ANOMALY, KNOWN, ORDINARY            confidence            QSO
==================================  ==========  ========  ===========

Confidence 3, 2, 1 is quality 4, 3, 2; without a confidence it is -1, which prospect writes where nothing was said.

In, without brackets: S is an ARTIFACT; else C with STAR or GALAXY, or R, is a WRONG_REDSHIFT; else prospect's standard
comments name a KNOWN kind; else quality 0 or 1 or none is UNSURE and 4, 3, 2 is ORDINARY. Where that would not go out
again as it came, a tag keeps what it was (``vi-issue=RS``). Lost out: QUEUE, SECONDS, TIME. Lost in: EXPID, NIGHT,
TILEID and the versions.
"""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote, unquote

from oddqso.errors import DataError
from oddqso.review.foreign import guarded
from oddqso.review.store.records import Judgment, StoredVerdict
from oddqso.vetting.verdicts import Verdict

FIELDS: Final = (
    "TARGETID", "EXPID", "NIGHT", "TILEID", "Spec_version", "Redrock_version", "Template_version", "Redrock_spectype",
    "Redrock_z", "VI_scanner", "VI_quality", "VI_issue", "VI_z", "VI_spectype", "VI_comment",
)  # fmt: skip
_NEEDED: Final = ("TARGETID", "VI_scanner", "VI_quality")
_SPECTYPES: Final = ("STAR", "GALAXY", "QSO")
_STANDARD: Final = {
    "Broad absorption line quasar (BAL)": (Verdict.KNOWN, "bal"),
    "Damped Lyman-alpha system (DLA)": (Verdict.KNOWN, "dla"),
    "Two objects in spectrum": (Verdict.WRONG_REDSHIFT, "blend"),
    "Blazar": (Verdict.KNOWN, "blazar"),
}
_BRACKETS: Final = re.compile(r"\[([A-Z_]+)(?:/([a-z0-9-]+))?((?: [^\]\s]+)*)\](?: (.*))?", re.DOTALL)
_KINDS_OF: Final = {"star": "STAR", "white-dwarf": "STAR", "galaxy": "GALAXY"}
_KEPT: Final = ("vi-quality", "vi-issue", "vi-spectype")


def write_inspection(entries: Sequence[StoredVerdict], facts: Mapping[int, Mapping[str, Any]]) -> bytes:
    """Verdicts as a file that prospect reads.

    Parameters
    ----------
    entries : sequence of StoredVerdict
    facts : mapping
        SPECTYPE and Z of the catalog, by TARGETID.
    """
    sink = io.StringIO(newline="")
    writer = csv.DictWriter(sink, FIELDS, lineterminator="\r\n")
    writer.writeheader()
    for entry in entries:
        known = facts.get(entry.target_id, {})
        z = known.get("Z")
        row = dict.fromkeys(FIELDS[1:7], "-1") | {
            "TARGETID": entry.target_id, "Redrock_spectype": known.get("SPECTYPE") or "",
            "Redrock_z": "-1" if z is None else f"{z:.4f}", "VI_scanner": guarded(entry.reviewer),
            "VI_z": "" if entry.z is None else repr(entry.z), "VI_comment": _comment(entry),
        }  # fmt: skip
        row["VI_quality"], row["VI_issue"], row["VI_spectype"] = _flags(entry)
        writer.writerow(row)
    return sink.getvalue().encode("utf-8")


def inspected(row: Mapping[str, Any]) -> dict[str, Any]:
    """What a row of such a file says, in the names of `oddqso.review.exchange`.

    Raises
    ------
    DataError
        With the reason, if a value is none that prospect writes.

    Examples
    --------
    >>> said = inspected({"TARGETID": "39", "VI_scanner": "Desi", "VI_quality": "4", "VI_issue": "C",
    ...     "VI_spectype": "STAR", "VI_z": "0.0004"})
    >>> said["VERDICT"], said["SUBTYPE"], said["CONFIDENCE"], said["TAGS"]
    ('WRONG_REDSHIFT', 'star', 3, ['vi-issue=C'])
    """
    missing = [name for name in _NEEDED if name not in row]
    if missing:
        raise DataError(f"there is no column {missing[0]}; is it a file of prospect?")
    quality, issue = (row.get("VI_quality") or "-1").strip(), (row.get("VI_issue") or "").strip()
    spectype = (row.get("VI_spectype") or "").strip()
    if quality not in ("-1", "0", "1", "2", "3", "4"):
        raise DataError(f"VI_quality {quality!r:.20} is none of 0 to 4")
    if set(issue) - set("RCS"):
        raise DataError(f"VI_issue {issue!r:.20} has other letters than R, C and S")
    if spectype and spectype not in _SPECTYPES:
        raise DataError(f"VI_spectype {spectype!r:.20} is none of {', '.join(_SPECTYPES)}")
    text = row.get("VI_comment") or ""
    said = _bracketed(text) or _inferred(int(quality), issue, spectype, text.strip())
    said |= {"TARGETID": row["TARGETID"], "REVIEWER": row["VI_scanner"], "Z": row.get("VI_z")}
    judged = Judgment(
        client_id="", target_id=0, verdict=said["VERDICT"], subtype=said["SUBTYPE"], confidence=said["CONFIDENCE"],
        tags=tuple(said["TAGS"]),
    )  # fmt: skip
    came, goes = (quality, issue, spectype), _flags(judged)
    said["TAGS"] += [f"{name}={was}" for name, was, now in zip(_KEPT, came, goes, strict=True) if was != now]
    return said


def _flags(said: Judgment) -> tuple[str, str, str]:
    """VI_quality, VI_issue and VI_spectype of a verdict."""
    quality = {3: "4", 2: "3", 1: "2"}.get(said.confidence or 0, "-1")
    issue, spectype = "", "QSO"
    if said.verdict == Verdict.UNSURE:
        quality, spectype = "0" if said.subtype == "too-noisy" else "1", ""
    elif said.verdict == Verdict.ARTIFACT:
        issue = "S"
    elif said.verdict == Verdict.WRONG_REDSHIFT:
        spectype = _KINDS_OF.get(said.subtype or "", "QSO")
        issue = "RC" if spectype != "QSO" else "R"
        if said.subtype == "nothing":
            quality, issue, spectype = "0", "RC", ""
    kept = dict(tag.split("=", 1) for tag in said.tags if tag.split("=", 1)[0] in _KEPT and "=" in tag)
    return kept.get("vi-quality", quality), kept.get("vi-issue", issue), kept.get("vi-spectype", spectype)


def _comment(entry: StoredVerdict) -> str:
    words = [f"{entry.verdict}/{entry.subtype}" if entry.subtype else str(entry.verdict)]
    words += [f"i{entry.interest}"] if entry.interest is not None else []
    words += [f"c{entry.confidence}"] if entry.confidence is not None else []
    words += ["!"] if entry.flagged else []
    words += ["settled"] if entry.settles else []
    words += [f"#{quote(tag, safe='=')}" for tag in entry.tags]
    return f"[{' '.join(words)}]" + (f" {entry.comment}" if entry.comment else "")


def _bracketed(text: str) -> dict[str, Any] | None:
    found = _BRACKETS.fullmatch(text)
    if found is None or found[1] not in set(Verdict):
        return None
    said: dict[str, Any] = {
        "VERDICT": found[1], "SUBTYPE": found[2], "INTEREST": None, "CONFIDENCE": None, "FLAGGED": False,
        "SETTLES": False, "TAGS": [], "COMMENT": found[4] or "",
    }  # fmt: skip
    for word in found[3].split():
        if word == "!":
            said["FLAGGED"] = True
        elif word == "settled":
            said["SETTLES"] = True
        elif word.startswith("#"):
            said["TAGS"].append(unquote(word[1:]))
        elif re.fullmatch("[ic][0-9]", word):
            said["INTEREST" if word[0] == "i" else "CONFIDENCE"] = int(word[1:])
        else:
            raise DataError(f"VI_comment has {word!r:.20} in its brackets, which oddqso does not write")
    return said


def _inferred(quality: int, issue: str, spectype: str, text: str) -> dict[str, Any]:
    subtype: str | None = None
    standard = next((kind for start, kind in _STANDARD.items() if text.startswith(start)), None)
    if "S" in issue:
        verdict = Verdict.ARTIFACT
    elif "C" in issue or "R" in issue:
        verdict = Verdict.WRONG_REDSHIFT
        subtype = {"STAR": "star", "GALAXY": "galaxy"}.get(spectype, "other-z" if "R" in issue else None)
    elif standard is not None:
        verdict, subtype = standard
    elif quality <= 1:
        verdict, subtype = Verdict.UNSURE, "too-noisy" if quality == 0 else None
    else:
        verdict = Verdict.ORDINARY
    confidence = {4: 3, 3: 2, 2: 1}.get(quality)
    return {
        "VERDICT": verdict.value, "SUBTYPE": subtype, "INTEREST": None, "CONFIDENCE": confidence, "FLAGGED": False,
        "SETTLES": False, "TAGS": [], "COMMENT": text,
    }  # fmt: skip
