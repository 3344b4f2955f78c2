"""The class tree: what a reviewer may call a spectrum, and the key for each."""

from dataclasses import asdict, dataclass
from typing import Any

from oddqso.errors import DataError
from oddqso.vetting.verdicts import Verdict


@dataclass(frozen=True, slots=True)
class Subtype:
    """A finer name within a kind.

    Parameters
    ----------
    name : str
        As it is stored; never changed once in use.
    key : str
        One letter, unique within the kind.
    meaning : str
    """

    name: str
    key: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Kind:
    """One of the verdicts, with its sub-types.

    Parameters
    ----------
    verdict : Verdict
        As it is stored.
    name : str
        As it is shown.
    key : str
        One letter, unique among the kinds.
    meaning : str
    subtypes : tuple of Subtype
    """

    verdict: Verdict
    name: str
    key: str
    meaning: str
    subtypes: tuple[Subtype, ...]


CLASSES: tuple[Kind, ...] = (
    Kind(
        Verdict.ANOMALY, "genuine anomaly", "a", "the quasar itself is odd",
        (
            Subtype("felobal", "f", "iron low-ionization broad absorption: Fe II troughs, often overlapping"),
            Subtype("lobal", "l", "strong low-ionization broad absorption: Mg II, Al III"),
            Subtype("redshifted-bal", "i", "a broad trough redward of its line"),
            Subtype("unusual-absorption", "u", "absorption of an unusual ion, shape or depth"),
            Subtype("weak-line", "w", "hardly any broad emission; C IV below 9 Å"),
            Subtype("strong-line", "s", "one line far too strong or narrow, as C IV peakers"),
            Subtype("double-peaked", "d", "broad lines with two peaks"),
            Subtype("offset-line", "o", "broad lines shifted against the narrow ones"),
            Subtype("changing-look", "c", "broad lines or continuum came or went"),
            Subtype("reddened", "r", "strong reddening by dust"),
            Subtype("dust-bump", "b", "the 2175 Å bump"),
            Subtype("n-rich", "n", "strong N IV] 1486 or N III] 1750"),
            Subtype("iron", "e", "extreme Fe II emission"),
            Subtype("outflow", "v", "broad blueshifted [O III]"),
            Subtype("coronal-lines", "k", "[Fe VII], [Fe X] and their like"),
            Subtype("lens-or-pair", "p", "a second quasar at the same place"),
            Subtype("continuum", "t", "a continuum of unusual shape"),
            Subtype("other", "x", "none of these; say what in the comment"),
        ),
    ),
    Kind(
        Verdict.KNOWN, "known phenomenon", "k", "of a known class that counts as ordinary",
        (
            Subtype("bal", "b", "broad absorption lines of high ions: C IV, Si IV, N V"),
            Subtype("dla", "d", "a damped Lyman-alpha absorber"),
            Subtype("proximate-dla", "p", "a damped absorber at the quasar's redshift"),
            Subtype("metal-absorber", "m", "strong intervening Mg II, Fe II or C IV"),
            Subtype("mild-reddening", "r", "a little dust"),
            Subtype("host", "h", "light of the host galaxy"),
            Subtype("narrow-line", "n", "narrow lines only: type 2, or narrow-line Seyfert 1"),
            Subtype("blazar", "z", "a featureless or variable continuum with radio or X-rays"),
            Subtype("other", "x", "none of these; say what in the comment"),
        ),
    ),
    Kind(
        Verdict.ARTIFACT, "artifact", "r", "instrument, sky or reduction",
        (
            Subtype("sky", "s", "residual of sky lines"),
            Subtype("telluric", "t", "residual of the atmosphere's absorption"),
            Subtype("arm-step", "a", "a step or offset between the arms"),
            Subtype("calibration", "f", "a wavy or bent flux calibration"),
            Subtype("cosmic-ray", "c", "a spike of a few pixels"),
            Subtype("cross-talk", "b", "light of a neighboring fiber"),
            Subtype("bad-column", "d", "dead or hot pixels"),
            Subtype("amplifier", "m", "a step in the middle of an arm"),
            Subtype("scattered-light", "l", "smooth excess at an end of the range"),
            Subtype("low-signal", "n", "noise taken for signal"),
            Subtype("other", "x", "none of these; say what in the comment"),
        ),
    ),
    Kind(
        Verdict.WRONG_REDSHIFT, "wrong redshift or class", "w", "redshift or class is wrong",
        (
            Subtype("other-z", "z", "a quasar at another redshift"),
            Subtype("small-shift", "o", "a quasar; the redshift is a little off"),
            Subtype("star", "s", "a star"),
            Subtype("white-dwarf", "w", "a white dwarf"),
            Subtype("galaxy", "g", "a galaxy without a quasar"),
            Subtype("blend", "b", "light of two objects"),
            Subtype("nothing", "n", "no light, or too little to tell"),
            Subtype("other", "x", "none of these; say what in the comment"),
        ),
    ),
    Kind(
        Verdict.ORDINARY, "ordinary", "o", "an ordinary quasar",
        (
            Subtype("noisy", "n", "ordinary as far as the noise lets one see"),
            Subtype("template", "t", "ordinary, and the model fits it badly"),
        ),
    ),
    Kind(
        Verdict.UNSURE, "unsure", "u", "looked at, and not decided",
        (
            Subtype("too-noisy", "n", "too noisy to tell"),
            Subtype("needs-data", "d", "other data would tell: an image, another epoch"),
            Subtype("ask", "a", "somebody else should look"),
        ),
    ),
)  # fmt: skip
"""All kinds, in the order in which they are offered."""


def check_class(verdict: str, subtype: str | None = None) -> Verdict:
    """The verdict of a word, if it and the sub-type stand in the tree.

    Raises
    ------
    DataError
        Otherwise, with what is allowed.

    Examples
    --------
    >>> check_class("ANOMALY", "felobal")
    <Verdict.ANOMALY: 'ANOMALY'>
    >>> check_class("ORDINARY", "felobal")
    Traceback (most recent call last):
        ...
    oddqso.errors.DataError: 'felobal' is no sub-type of ORDINARY; write one of noisy, template
    """
    kind = next((kind for kind in CLASSES if kind.verdict == verdict), None)
    if kind is None:
        raise DataError(f"{verdict!r:.80} is no verdict; write one of {', '.join(Verdict)}")
    names = [one.name for one in kind.subtypes]
    if subtype is not None and subtype not in names:
        raise DataError(f"{subtype!r:.80} is no sub-type of {kind.verdict}; write one of {', '.join(names)}")
    return kind.verdict


def as_json() -> list[dict[str, Any]]:
    """The tree, ready for JSON.

    Examples
    --------
    >>> [kind["verdict"] for kind in as_json()]
    ['ANOMALY', 'KNOWN', 'ARTIFACT', 'WRONG_REDSHIFT', 'ORDINARY', 'UNSURE']
    >>> as_json()[2]["subtypes"][0]
    {'name': 'sky', 'key': 's', 'meaning': 'residual of sky lines'}
    """
    return [asdict(kind) | {"verdict": kind.verdict.value} for kind in CLASSES]
