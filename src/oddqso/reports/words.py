"""A candidate in an astronomer's words: what fired, where, how strongly, and what speaks against it."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from oddqso.reports.hints import (
    FWHM,
    LIGHT_KMS,
    doublet_words,
    flux_ratio,
    is_negative,
    near_words,
    redshift_words,
    two_digits,
)  # fmt: skip
from oddqso.reports.results import SpectrumView
from oddqso.spectra.grid import STEP_ANGSTROM
from oddqso.spectra.quality import UNSCORABLE, Quality

FIRED: Final = 2.0
"""A detector fires where its tail probability is below 10 to the power of minus this."""

NAMES: Final = {
    "CHI2": "overall residual", "NARROW": "narrow feature", "BROAD": "broad feature", "JOIN": "step between arms",
    "LINES": "line strengths", "REDSHIFT": "another redshift", "GMM": "latent density", "KNN": "distance to neighbors",
    "FOREST": "latent isolation", "KL": "latent distance",
    "ELBO": "cost to the model",
}  # fmt: skip
"""Short names of the detectors."""

_BETTER_CHI2: Final = 10.0
_MOCK_BIT: Final = 58
_MANY_TIMES: Final = 4.0

QUALITY_WORDS: Final = {
    Quality.NO_DATA: "no good pixel at all",
    Quality.MISSING_B: "the blue arm (B) is missing",
    Quality.MISSING_R: "the middle arm (R) is missing",
    Quality.MISSING_Z: "the red arm (Z) is missing",
    Quality.FEW_PIXELS: "too few good pixels to be scored",
    Quality.NONFINITE: "NaN or infinite pixels were found and masked",
    Quality.NEGATIVE_IVAR: "negative inverse variances were found and masked",
    Quality.NO_CONTINUUM: "no continuum could be measured",
    Quality.LOW_SIGNAL: "the continuum is below its own noise",
    Quality.BAD_FIBER: "the fiber is flagged as bad",
    Quality.ZWARN: "the redshift fitter warned",
    Quality.DUPLICATE_ROW: "the target stands twice in its file",
    Quality.SEVERAL_COADDS: "the target has several coadds; this is the primary one",
    Quality.Z_RANGE: "the redshift is outside the model's range",
    Quality.NO_SPECTRUM: "the file holds no such spectrum",
    Quality.NO_EBV: "the Galactic reddening is unknown; none was removed",
}
"""What each quality bit means."""


def describe(row: Mapping[str, Any], view: SpectrumView) -> list[str]:
    """A candidate in words, a sentence or two a line.

    Parameters
    ----------
    row : mapping of str to value
        Its row of the catalog; None for what is unknown.
    view : SpectrumView
        Its spectrum and reconstruction.
    """
    lines = [_who(row), _standing(row), significance_words(row)]
    lines += [
        text for text in (fired_words(row), peak_words(row, view, "NARROW"), peak_words(row, view, "BROAD")) if text
    ]
    lines += [text for text in (redshift_words(view), other_redshift_words(row)) if text]
    if notes := quality_notes(int(row["QUALITY"])):
        lines.append("Quality: " + "; ".join(notes) + ".")
    return lines


def _who(row: Mapping[str, Any]) -> str:
    kind = row.get("SPECTYPE") or "unclassified"
    snr = "unknown S/N" if row.get("SNR") is None else f"S/N {row['SNR']:.1f} per pixel"
    warned = f", ZWARN {row['ZWARN']}" if row.get("ZWARN") else ""
    return f"TARGETID {row['TARGETID']}, {row.get('DESINAME')}: {kind} at z = {row['Z']:.4f}, {snr}{warned}."


def _standing(row: Mapping[str, Any]) -> str:
    if row.get("RANK") is None:
        return "Not scored."
    return f"Rank {row['RANK']:,}: its merged score of {row['SCORE']:.2f} is reached by {tail_words(row['SCORE'])}."


def tail_words(tail: float) -> str:
    """A tail probability, given as -log10, as a share of like spectra.

    Examples
    --------
    >>> tail_words(3.3), tail_words(1.0)
    ('about 1 in 2,000 spectra of its S/N and redshift', 'about 1 in 10 spectra of its S/N and redshift')
    """
    ratio = 10 ** min(max(tail, 0.0), 12.0)
    digits = max(0, int(np.floor(np.log10(ratio))))
    rounded = round(ratio, -digits) if digits > 1 else round(ratio)
    return f"about 1 in {int(rounded):,} spectra of its S/N and redshift"


def significance_words(row: Mapping[str, Any]) -> str:
    """Its p-value and q-value, or why there are none."""
    if row.get("P_VALUE") is not None:
        q = f", q = {row['Q_VALUE']:.3g}" if row.get("Q_VALUE") is not None else ""
        return f"Conformal p = {row['P_VALUE']:.3g}{q} (false discovery rate of the list down to here)."
    if row.get("SCORE") is None or int(row["QUALITY"]) & int(UNSCORABLE):
        return "No p-value: it was not scored."
    reason = {
        "FIT": "it belongs to FIT, which taught the model and the detectors",
        "CALIBRATION": "it belongs to CALIBRATION, which the p-values are made from",
    }
    return f"No p-value: {reason.get(str(row.get('SPLIT')), 'it was not tested')}."


def fired_names(row: Mapping[str, Any]) -> list[str]:
    """The detectors that fired, strongest first."""
    tails = {name.removeprefix("TAIL_"): value for name, value in row.items() if name.startswith("TAIL_")}
    fired = [name for name, value in tails.items() if value is not None and value >= FIRED]
    return sorted(fired, key=lambda name: -tails[name])


def fired_words(row: Mapping[str, Any]) -> str:
    """Which detectors fired, and how rare such an answer is."""
    if row.get("SCORE") is None:
        return ""
    fired = fired_names(row)
    if not fired:
        return "No single detector finds it rarer than 1 in 100; the merged score adds them up."
    named = [f"{NAMES.get(name, name)} ({10 ** -row[f'TAIL_{name}']:.1g})" for name in fired]
    return "Fired, with the tail probability of each: " + ", ".join(named) + "."


def peak_words(row: Mapping[str, Any], view: SpectrumView, kind: str) -> str:
    """Where the strongest narrow or broad feature is, how wide and how strong, and what is near."""
    wave, scale = row.get(f"PEAK_{kind}_WAVE"), row.get(f"PEAK_{kind}_SCALE")
    if wave is None or scale is None:
        return ""
    sigma, sign = row.get(f"PEAK_{kind}_SIGMA") or 0.0, row.get(f"PEAK_{kind}_SIGN") or 1
    fwhm = FWHM * scale * STEP_ANGSTROM
    what = "excess" if sign > 0 else "deficit"
    text = (
        f"Strongest {kind.lower()} feature: {what} of {sigma:.1f} sigma at {wave:.0f} Å observed, "
        f"{wave / (1 + view.z):.1f} Å rest, {fwhm:.0f} Å wide ({two_digits(LIGHT_KMS * fwhm / wave):,} km/s FWHM)"
    )
    ratio = flux_ratio(view, wave, scale * STEP_ANGSTROM)
    if ratio is not None:
        text += f", flux {_percent_words(ratio)}"
    if kind == "BROAD" and _same_place(row, fwhm):
        return text + "; the same as the narrow one."
    near = near_words(wave, view.z, fwhm)
    if is_negative(view, wave, scale * STEP_ANGSTROM):
        near.append("light cannot be negative: suspect a flaw of the data")
    if sign < 0 and kind == "NARROW" and (doublet := doublet_words(view, wave, scale)):
        near.append(doublet)
    return text + "; " + "; ".join(near) + "."


def other_redshift_words(row: Mapping[str, Any]) -> str:
    """Which other redshift fits better, by how much.

    Examples
    --------
    >>> other_redshift_words({"REDSHIFT_BEST_Z": 1.91, "REDSHIFT_DELTA_CHI2": 120.0, "Z": 0.98})
    'A quasar at z = 1.910 fits better than one at z = 0.980 (chi-square less by 120): suspect a wrong redshift.'
    """
    best, gain = row.get("REDSHIFT_BEST_Z"), row.get("REDSHIFT_DELTA_CHI2")
    if best is None or gain is None or gain < _BETTER_CHI2:
        return ""
    return (
        f"A quasar at z = {best:.3f} fits better than one at z = {row['Z']:.3f} (chi-square less by {gain:.0f}): "
        "suspect a wrong redshift."
    )


def _same_place(row: Mapping[str, Any], reach: float) -> bool:
    narrow, broad = row.get("PEAK_NARROW_WAVE"), row.get("PEAK_BROAD_WAVE")
    same_sign = row.get("PEAK_NARROW_SIGN") == row.get("PEAK_BROAD_SIGN")
    return narrow is not None and broad is not None and same_sign and abs(narrow - broad) < reach


def _percent_words(ratio: float) -> str:
    if ratio < 0:
        return "below zero"
    if ratio >= _MANY_TIMES:
        return f"{two_digits(ratio):,} times the reconstruction"
    return f"{abs(ratio - 1):.0%} {'above' if ratio > 1 else 'below'} the reconstruction"


def quality_notes(quality: int) -> list[str]:
    """The set quality bits in words.

    Examples
    --------
    >>> quality_notes(6)
    ['the blue arm (B) is missing', 'the middle arm (R) is missing']
    """
    return [QUALITY_WORDS.get(bit, str(bit.name)) for bit in Quality if quality & bit]


def is_mock(target_id: int) -> bool:
    """Whether a TARGETID says that the target is simulated.

    Examples
    --------
    >>> is_mock(1 << 58), is_mock(39_627_568_982_000_001)
    (True, False)
    """
    return bool((target_id >> _MOCK_BIT) & 1)


def sky_links(row: Mapping[str, Any]) -> dict[str, str]:
    """Where to look at the position outside; none for a simulated target, which has bit 58 of its TARGETID set."""
    if is_mock(int(row["TARGETID"])) or row.get("RA") is None or row.get("DEC") is None:
        return {}
    ra, dec = f"{row['RA']:.6f}", f"{row['DEC']:.6f}"
    signed = dec if dec.startswith("-") else f"%2B{dec}"
    return {
        "Legacy Surveys": f"https://www.legacysurvey.org/viewer?ra={ra}&dec={dec}&layer=ls-dr10&zoom=16&mark={ra},{dec}",
        "SIMBAD": f"https://simbad.cds.unistra.fr/simbad/sim-coo?Coord={ra}+{signed}&CooFrame=ICRS"
        "&Radius=5&Radius.unit=arcsec",
        "NED": "https://ned.ipac.caltech.edu/cgi-bin/objsearch?search_type=Near+Position+Search&in_csys=Equatorial"
        f"&in_equinox=J2000.0&lon={ra}d&lat={signed}d&radius=0.1",
    }
