"""What the place of a feature suggests: a line, an absorber, the sky, the atmosphere, a join of arms, a flaw."""

from typing import Final

import numpy as np

from oddqso.reports.results import SpectrumView
from oddqso.spectra.grid import JOINS_ANGSTROM, STEP_ANGSTROM
from oddqso.spectra.lines import LINES, SKY_LINES_ANGSTROM, TELLURIC_ANGSTROM, Line

LIGHT_KMS: Final = 299_792.458
"""Speed of light [km/s]."""
_FAR_KMS: Final = 10_000.0
_PARTNER_SIGMA: Final = 4.0
_NEGATIVE_SIGMA: Final = 4.0
_LYMAN_LIMIT_ANGSTROM: Final = 890.0
_LEVEL_ANGSTROM: Final = (1300.0, 1500.0)
_MIN_PIXELS: Final = 100
_RECOVERED: Final = 0.6
_SAME_KMS: Final = 200.0
_INTERVENING_KMS: Final = 5000.0
DOUBLETS: Final = {
    "Mg II": (2796.354, 2803.531), "C IV": (1548.204, 1550.781), "Si IV": (1393.760, 1402.773),
    "Al III": (1854.718, 1862.791), "Ca II": (3934.77, 3969.59),
}  # fmt: skip
"""Absorption doublets, vacuum wavelengths [Angstrom]; Morton 2003."""
FWHM: Final = 2.3548
"""Full width at half maximum of a Gaussian of standard deviation 1."""


def near_words(wave: float, z: float, fwhm: float) -> list[str]:
    """What is near an observed wavelength: the emission line, and the sky, the atmosphere or a join of arms.

    Examples
    --------
    >>> near_words(5578.0, 2.0, 4.0)
    ['310 km/s redward of Al III 1857', 'on the sky line at 5580 Å: suspect a sky residual']
    """
    line, velocity = nearest_line(wave / (1 + z))
    half = LIGHT_KMS * fwhm / wave / 2
    side = "redward" if velocity > 0 else "blueward"
    on_line = abs(velocity) <= max(half, 300.0)
    if on_line:
        found = [f"on {line_label(line)}"]
    elif abs(velocity) <= _FAR_KMS:
        found = [f"{two_digits(abs(velocity)):,} km/s {side} of {line_label(line)}"]
    else:
        found = [f"no line near ({line_label(line)} is the nearest)"]
    reach = min(fwhm / 2, 40.0)
    for low, high in SKY_LINES_ANGSTROM:
        if low - reach <= wave <= high + reach and fwhm < 100:
            found.append(f"on the sky line at {(low + high) / 2:.0f} Å: suspect a sky residual")
    for low, high in TELLURIC_ANGSTROM:
        if low <= wave <= high:
            found.append(
                f"inside the telluric band {low:.0f}-{high:.0f} Å{'' if on_line else ': suspect the atmosphere'}"
            )
    for low, high in JOINS_ANGSTROM:
        if low - max(reach, 10.0) <= wave <= high + max(reach, 10.0):
            found.append(f"at the join of two arms, {low:.0f}-{high:.0f} Å: suspect a step in calibration")
    return found


def nearest_line(rest: float) -> tuple[Line, float]:
    """The emission line nearest to a rest wavelength [Angstrom], and the velocity from it [km/s], positive redward."""
    line = min(LINES, key=lambda each: abs(rest / each.wave_angstrom - 1))
    return line, LIGHT_KMS * (rest / line.wave_angstrom - 1)


def line_label(line: Line) -> str:
    """A line's name with its wavelength."""
    return f"{line.name} {line.wave_angstrom:.0f}"


def doublet_words(view: SpectrumView, wave: float, scale: float) -> str:
    """The absorption doublet of which a narrow deficit is likely one member, the other one being seen as well.

    Parameters
    ----------
    view : SpectrumView
        The spectrum.
    wave : float
        Observed wavelength of the deficit [Angstrom].
    scale : float
        Its standard deviation [native pixels].
    """
    width = max(scale * STEP_ANGSTROM, STEP_ANGSTROM)
    found: list[tuple[float, str]] = []
    for name, members in DOUBLETS.items():
        for this, other in (members, members[::-1]):
            z_abs, place = wave / this - 1, wave * other / this
            apart = abs(place - wave) > 2 * FWHM * width
            if not apart or not -0.001 < z_abs < view.z + 0.03 or _one_trough(view, wave, place, width):
                continue
            partner = _deficit(view, place, width)
            if partner < -_PARTNER_SIGMA:
                velocity = LIGHT_KMS * (z_abs - view.z) / (1 + view.z)
                side = "redward" if velocity > 0 else "blueward"
                near = abs(velocity) < _SAME_KMS
                shift = "at the quasar" if near else f"{two_digits(abs(velocity)):,} km/s {side} of the quasar"
                text = f"fits {name} {this:.0f} absorption at z = {z_abs:.4f}, {other:.0f} is seen too"
                found.append((partner, f"{text} ({'intervening' if velocity < -_INTERVENING_KMS else shift})"))
    return min(found)[1] if found else ""


def redshift_words(view: SpectrumView) -> str:
    """A warning where light arrives from beyond the Lyman limit, which no quasar at this redshift can send."""
    beyond = view.good & (view.rest < _LYMAN_LIMIT_ANGSTROM)
    level = view.good & (view.rest > _LEVEL_ANGSTROM[0]) & (view.rest < _LEVEL_ANGSTROM[1])
    if beyond.sum() < _MIN_PIXELS or level.sum() < _MIN_PIXELS:
        return ""
    sent = float(np.median(view.flux[level]))
    found = float(np.median(view.flux[beyond]))
    error = 1.25 / np.sqrt(float(np.sum(view.ivar[beyond])))  # of a median; noise taken as equal
    if sent > 0 and found > max(0.3 * sent, 10 * error):
        return (
            f"There is light beyond the Lyman limit of z = {view.z:.2f}, {found / sent:.0%} of that at "
            "1300-1500 Å rest: suspect a wrong redshift, or a blend."
        )
    return ""


def is_negative(view: SpectrumView, wave: float, sigma: float) -> bool:
    """Whether the flux within one sigma of a wavelength is below zero by more than its noise allows."""
    use = view.good & (np.abs(view.wave - wave) <= max(sigma, STEP_ANGSTROM))
    weight = float(np.sum(view.ivar[use]))
    return weight > 0 and float(np.sum(view.ivar[use] * view.flux[use])) / np.sqrt(weight) < -_NEGATIVE_SIGMA


def _one_trough(view: SpectrumView, first: float, second: float, width: float) -> bool:
    """Whether the flux does not recover between two deficits, as in a broad trough."""
    ends = [flux_ratio(view, wave, width) for wave in (first, second)]
    middle = flux_ratio(view, (first + second) / 2, width)
    if middle is None or ends[0] is None or ends[1] is None:
        return True
    return 1 - middle > _RECOVERED * min(1 - ends[0], 1 - ends[1])


def _deficit(view: SpectrumView, wave: float, width: float) -> float:
    """Whitened residual summed within one width of a wavelength [sigma]; 0 where there are no pixels."""
    chi = view.chi[np.abs(view.wave - wave) <= width]
    chi = chi[np.isfinite(chi)]
    return float(chi.sum() / np.sqrt(len(chi))) if len(chi) else 0.0


def flux_ratio(view: SpectrumView, wave: float, sigma: float) -> float | None:
    """Flux over reconstruction, weighted by ivar, within one sigma of a wavelength."""
    use = view.good & (np.abs(view.wave - wave) <= max(sigma, STEP_ANGSTROM))
    model = float(np.sum(view.ivar[use] * view.model[use])) if use.any() else 0.0
    return float(np.sum(view.ivar[use] * view.flux[use])) / model if model > 0 else None


def two_digits(value: float) -> int:
    """To two digits."""
    digits = int(np.floor(np.log10(max(abs(value), 1.0))))
    return int(round(value, 1 - digits))
