"""One spectrum as the page draws it: arrays in base64, bands, masks, and where the detectors found their peaks."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from oddqso.reports.results import SpectrumView
from oddqso.spectra.grid import ARMS, JOINS_ANGSTROM, STEP_ANGSTROM, arm_grid
from oddqso.spectra.lines import SKY_LINES_ANGSTROM, TELLURIC_ANGSTROM

_FWHM: Final = 2.3548
_ARRAYS: Final = ("flux", "sigma", "model", "model_sigma", "chi")

Edges = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Peak:
    """Where a matched filter answered strongest; the width is that of the filter at half its height."""

    kind: str
    wave_angstrom: float
    width_angstrom: float
    sign: int | None
    sigma: float | None


@dataclass(frozen=True, slots=True)
class ArmSpan:
    """Where an arm of the spectrograph lies [Angstrom], and whether it has a good pixel."""

    name: str
    low: float
    high: float
    seen: bool


@dataclass(frozen=True, slots=True, eq=False)
class SpectrumPayload:
    """One spectrum on the grid ``wave0 + wave_step * arange(n)`` [Angstrom, vacuum, observed frame].

    Parameters
    ----------
    target_id : int
        DESI TARGETID.
    z : float
        Redshift.
    wave0, wave_step : float
        First wavelength and step [Angstrom].
    flux, sigma, model, model_sigma : (n,) float32
        F_lambda, its error, the reconstruction and its error [1e-17 erg / (s cm2 Angstrom)]; NaN where unknown.
    chi : (n,) float32
        Whitened residual; NaN where unknown.
    masks : tuple of (low, high)
        Runs of pixels without data, their edges [Angstrom].
    arms : tuple of ArmSpan
        The arms, blue to red.
    peaks : tuple of Peak
        Where the detectors found most.
    """

    target_id: int
    z: float
    wave0: float
    wave_step: float
    flux: NDArray[np.float32]
    sigma: NDArray[np.float32]
    model: NDArray[np.float32]
    model_sigma: NDArray[np.float32]
    chi: NDArray[np.float32]
    masks: tuple[Edges, ...]
    arms: tuple[ArmSpan, ...]
    peaks: tuple[Peak, ...] = ()

    @property
    def n(self) -> int:
        """Number of pixels."""
        return len(self.flux)

    @property
    def wave(self) -> NDArray[np.float64]:
        """Wavelengths (n,) [Angstrom]."""
        return self.wave0 + self.wave_step * np.arange(self.n, dtype=np.float64)

    @classmethod
    def of(cls, view: SpectrumView, row: Mapping[str, Any] | None = None) -> Self:
        """The payload of a spectrum on a grid of equal steps; the peaks are those of its row of the catalog."""
        known = (view.ivar > 0) & np.isfinite(view.flux)
        sigma = np.full(len(view.wave), np.nan, np.float32)
        sigma[known] = 1 / np.sqrt(view.ivar[known])
        step = round(float(view.wave[1] - view.wave[0]), 9) if len(view.wave) > 1 else STEP_ANGSTROM
        return cls(
            target_id=view.target_id,
            z=view.z,
            wave0=float(view.wave[0]),
            wave_step=step,
            flux=np.where(known, view.flux, np.nan).astype(np.float32),
            sigma=sigma,
            model=view.model.astype(np.float32),
            model_sigma=view.model_sigma.astype(np.float32),
            chi=view.chi.astype(np.float32),
            masks=runs(view.wave, ~known, step),
            arms=tuple(_arm(arm, view.wave, known) for arm in ARMS),
            peaks=peaks(row or {}),
        )

    def as_json(self) -> dict[str, Any]:
        """Ready for JSON; arrays are base64 of little-endian float32, TARGETID is a string."""
        return {
            "target_id": str(self.target_id),
            "z": self.z,
            "wave0": self.wave0,
            "wave_step": self.wave_step,
            "n": self.n,
            "arrays": {name: encoded(getattr(self, name)) for name in _ARRAYS},
            "bands": {"sky": SKY_LINES_ANGSTROM, "telluric": TELLURIC_ANGSTROM, "joins": JOINS_ANGSTROM},
            "masks": self.masks,
            "arms": [{"name": arm.name, "low": arm.low, "high": arm.high, "seen": arm.seen} for arm in self.arms],
            "peaks": [
                {
                    "kind": peak.kind,
                    "wave": peak.wave_angstrom,
                    "width": peak.width_angstrom,
                    "sign": peak.sign,
                    "sigma": peak.sigma,
                }
                for peak in self.peaks
            ],
        }

    def as_csv(self) -> str:
        """A line a pixel with a heading; empty where a value is unknown."""
        table = np.column_stack([self.wave, *(getattr(self, name).astype(np.float64) for name in _ARRAYS)])
        lines = [f"{row[0]:.2f}," + ",".join("" if x != x else f"{x:.6g}" for x in row[1:]) for row in table.tolist()]
        return "\n".join([",".join(("wave_angstrom", *_ARRAYS)), *lines]) + "\n"


def encoded(array: NDArray[Any]) -> str:
    """Base64 of an array as little-endian float32.

    Examples
    --------
    >>> encoded(np.array([1.0]))
    'AACAPw=='
    """
    return base64.b64encode(np.ascontiguousarray(array, dtype="<f4").tobytes()).decode()


def runs(wave: NDArray[np.float64], flagged: NDArray[np.bool_], step: float) -> tuple[Edges, ...]:
    """Edges of the runs of flagged pixels [Angstrom].

    Examples
    --------
    >>> runs(np.array([1.0, 2.0, 3.0, 4.0]), np.array([True, False, True, True]), 1.0)
    ((0.5, 1.5), (2.5, 4.5))
    """
    ends = np.flatnonzero(np.diff(np.concatenate([[False], flagged, [False]]).astype(np.int8)))
    low, high = wave[ends[::2]] - step / 2, wave[ends[1::2] - 1] + step / 2
    return tuple((round(a, 3), round(b, 3)) for a, b in zip(low.tolist(), high.tolist(), strict=True))


def peaks(row: Mapping[str, Any]) -> tuple[Peak, ...]:
    """What the matched filters found, from a row of the catalog; nothing where they found nothing."""
    found = []
    for kind in ("NARROW", "BROAD"):
        wave, scale = row.get(f"PEAK_{kind}_WAVE"), row.get(f"PEAK_{kind}_SCALE")
        if wave is not None and scale:
            width = _FWHM * scale * STEP_ANGSTROM
            found.append(
                Peak(kind.lower(), float(wave), width, row.get(f"PEAK_{kind}_SIGN"), row.get(f"PEAK_{kind}_SIGMA"))
            )
    return tuple(found)


def _arm(arm: str, wave: NDArray[np.float64], known: NDArray[np.bool_]) -> ArmSpan:
    low, high = float(arm_grid(arm)[0]), float(arm_grid(arm)[-1])
    return ArmSpan(arm, low, high, bool(known[(wave >= low) & (wave <= high)].any()))
